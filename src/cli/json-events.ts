/** One event of `--json`: a line with `event` first. 64-bit values are strings, 0x-prefixed. */
export function jsonEvent(event: string, details: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify({ event, ...details }, (_, value: unknown) =>
    typeof value === 'bigint' ? `0x${value.toString(16)}` : value,
  );
  return `${text}\n`;
}
