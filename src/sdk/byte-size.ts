import { VmmError } from '../base/errors.ts';

const UNIT_SHIFT: Readonly<Record<string, number>> = { '': 0, k: 10, m: 20, g: 30 };

/** Bytes from `512M`, `1G`, `64MiB`, `1073741824`. Units are binary, case does not matter; null when it is not a size. */
export function parseByteSize(text: string): number | null {
  const match = /^(\d{1,16})(?:([kmg])(?:i?b)?)?$/i.exec(text.trim());
  if (match === null) return null;
  const sizeBytes = Number(match[1]) * 2 ** (UNIT_SHIFT[(match[2] ?? '').toLowerCase()] as number);
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : null;
}

/** The shortest exact form: `512M`, `3584M`, `1G`, else bytes. */
export function formatByteSize(sizeBytes: number): string {
  for (const [unit, shift] of [
    ['G', 30],
    ['M', 20],
    ['K', 10],
  ] as const) {
    if (sizeBytes >= 2 ** shift && sizeBytes % 2 ** shift === 0) return `${sizeBytes / 2 ** shift}${unit}`;
  }
  return String(sizeBytes);
}

/** A size within limits, or the sentence that says what is wrong with it. */
export function requireByteSize(
  value: string | number,
  limits: { what: string; code: string; minBytes: number; maxBytes: number },
): number {
  const sizeBytes = typeof value === 'number' ? value : parseByteSize(value);
  const range = `${formatByteSize(limits.minBytes)} to ${formatByteSize(limits.maxBytes)}`;
  if (sizeBytes === null || !Number.isInteger(sizeBytes)) {
    throw new VmmError(limits.code, `${limits.what} is '${value}'; expected a size such as 512M or 1G, ${range}`, {
      kind: 'usage',
    });
  }
  if (sizeBytes < limits.minBytes || sizeBytes > limits.maxBytes) {
    throw new VmmError(limits.code, `${limits.what} is ${formatByteSize(sizeBytes)}; the range is ${range}`, {
      kind: 'usage',
    });
  }
  return sizeBytes;
}
