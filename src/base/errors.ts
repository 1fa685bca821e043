/**
 * What the user sees when something is wrong: one sentence with the value and the accepted range,
 * and a code that does not change between releases. `kind` decides the exit status: `usage` 2, `failure` 125.
 */
export class VmmError extends Error {
  readonly code: string;
  readonly kind: 'usage' | 'failure';

  constructor(code: string, message: string, options: { kind?: 'usage' | 'failure'; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'VmmError';
    this.code = code;
    this.kind = options.kind ?? 'failure';
  }
}

/** A broken invariant is a bug of ours, never the guest's or the user's doing. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`Broken invariant: ${invariant}`);
}

export function unreachable(value: never): never {
  throw new Error(`Broken invariant: unexpected ${JSON.stringify(value)}`);
}
