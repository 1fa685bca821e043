/**
 * The shortest time between two interrupts of a periodic timer. A guest can ask for a period of nanoseconds; interrupts
 * that fall between are one interrupt, as they would be for a guest that cannot keep up.
 */
export const MIN_PERIOD_NS = 20_000;

/** The first deadline on the grid `deadline + n * period` that is late enough to be worth waking for. */
export function nextPeriodNs(deadlineNs: number, periodNs: number, nowNs: number): number {
  const next = deadlineNs + periodNs;
  if (periodNs >= MIN_PERIOD_NS && next > nowNs) return next;
  const earliestNs = nowNs + Math.max(0, MIN_PERIOD_NS - periodNs);
  const skipped = Math.max(1, Math.floor((earliestNs - deadlineNs) / periodNs) + 1);
  return deadlineNs + skipped * periodNs;
}
