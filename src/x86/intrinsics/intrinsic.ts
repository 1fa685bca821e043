/**
 * Pure functions too large for the emitter: string compares, AES rounds, conversions. Vectors and integers come and
 * go as unsigned bigints (128 and 64 bits). The oracle calls them directly, generated code through state scratch.
 */
export interface Intrinsic {
  readonly kind: 'pure';
  readonly evaluate: (args: readonly bigint[]) => bigint;
  /** The same on words of the scratch, without bigints; made by `overWords`. */
  readonly inPlace?: (words: Int32Array, at: number) => void;
}

/**
 * A function under MXCSR (SDM Vol. 1 §10.2.3): it gets MXCSR and returns its result and the exception flags (MXCSR bits 5:0)
 * it raises. The caller merges the flags and raises #XM (or #UD without CR4.OSXMMEXCPT) if one is unmasked, keeping the destination.
 */
export interface FloatIntrinsic {
  readonly kind: 'float';
  readonly evaluate: (args: readonly bigint[], mxcsr: number) => { result: bigint; flags: number };
}

export type IntrinsicEntry = Intrinsic | FloatIntrinsic;
export type IntrinsicTable = Readonly<Record<string, IntrinsicEntry>>;
