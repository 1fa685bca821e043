/**
 * The one language in which instructions are described (x86/semantics/). A description runs when code is
 * generated, once per instruction form: values are opaque, so the same text gives the oracle (BigInt
 * evaluation), the interpreter's handlers and the JIT's code.
 *
 * Rules of a description
 * - JavaScript's `if` only on facts known when decoding (`width`, `cc`, operand kinds). Guest values go
 *   through `when` and `select`.
 * - Order of effects: all loads and checks, then stores, then registers, then flags, then RIP. Then an
 *   instruction that faults has changed nothing and can be restarted.
 * - 32-bit register writes zero-extend and 8/16-bit ones merge in the back end, never in a description.
 */

export type Width = 8 | 16 | 32 | 64;

/** A guest integer of a fixed width. */
export interface Int {
  readonly kind: 'int';
  readonly width: Width;
}

/** A truth value known only when the guest runs. */
export interface Bool {
  readonly kind: 'bool';
}

/** A 128-bit vector register or memory operand. */
export interface Vec {
  readonly kind: 'vec';
}

/** A place in guest memory: a segment and an offset of the address size, formed but not yet checked. */
export interface Address {
  readonly kind: 'address';
}

/** A mutable cell that lives for one instruction: what `when` branches assign. */
export interface Variable {
  get(): Int;
  set(value: Int): void;
}

/**
 * One integer operand of the form being described: a general register, memory or an immediate.
 * A memory operand that a description both reads and writes is checked for writing at the read.
 */
export interface Operand {
  readonly kind: 'register' | 'memory' | 'immediate';
  readonly width: Width;
  /** A branch displacement (J) reads as sign-extended to the width of the instruction pointer. */
  read(): Int;
  write(value: Int): void;
  /** Where a memory operand is; a bug for the others. */
  address(): Address;
  /** The offset of a memory operand, of the address size, without segment (LEA, bit strings). */
  effectiveAddress(): Int;
}

/** One vector operand: an XMM or MMX register or memory of `bits`. */
export interface VecOperand {
  readonly kind: 'register' | 'memory';
  /** 64 for MMX registers; for memory, what the form reads or writes. */
  readonly bits: 16 | 32 | 64 | 128;
  readonly mmx: boolean;
  /** A register whole; memory of `bits`, zero above. `aligned`: #GP(0) off a 16-byte boundary (128-bit memory only). */
  read(options?: { aligned?: boolean }): Vec;
  /** A register whole (MMX: its 64 bits; XMM keeps the bits above 127); memory its low `bits`. */
  write(value: Vec, options?: { aligned?: boolean }): void;
  /** The low `width` bits as an integer. */
  readInt(width: 16 | 32 | 64): Int;
  /** Memory only: stores an integer of the operand's bits. */
  writeInt(value: Int): void;
  address(): Address;
}

export type StatusFlag = 'CF' | 'PF' | 'AF' | 'ZF' | 'SF' | 'OF';

/**
 * How the six status flags follow from an operation (SDM Vol. 1 §3.4.3.1).
 * add/adc/inc: r = a + b (+ carry). sub/sbb/dec/cmp: r = a - b (- borrow). logic: CF = OF = 0, AF undefined.
 * inc and dec keep CF (b is 1).
 */
export type FlagRule = 'add' | 'sub' | 'inc' | 'dec' | 'logic';

/** Integer lanes of a vector. */
export type Lane = 'i8' | 'i16' | 'i32' | 'i64';

/** Lane-wise operations with two vectors; Sat = saturating, S/U = signed/unsigned; `mulHi` and `avgU` as PMULHW and PAVGB. */
export type VecBinary =
  | 'add'
  | 'sub'
  | 'mul'
  | 'addSatS'
  | 'addSatU'
  | 'subSatS'
  | 'subSatU'
  | 'minS'
  | 'minU'
  | 'maxS'
  | 'maxU'
  | 'avgU'
  | 'mulHiS'
  | 'mulHiU'
  | 'eq'
  | 'gtS'
  | 'and'
  | 'or'
  | 'xor'
  | 'andNot' // andNot: ~a & b, as PANDN; the lane does not matter for these four
  | 'unpackLow'
  | 'unpackHigh' // interleave, a's lane first (PUNPCKL/H)
  | 'packS'
  | 'packU' // source lanes to half their width with signed/unsigned saturation, a low (PACKSS, PACKUS)
  | 'mulAdd' // i16: PMADDWD
  | 'mulEvenU'
  | 'mulEvenS' // i32: PMULUDQ, PMULDQ
  | 'mulAddUS' // i8: PMADDUBSW
  | 'mulHiRoundS' // i16: PMULHRSW
  | 'sumAbsDiff' // i8: PSADBW
  | 'hadd'
  | 'hsub'
  | 'haddSat'
  | 'hsubSat'
  | 'sign'; // PSIGN
export type VecUnary = 'abs';
export type FloatFormat = 'f32' | 'f64';
/** Lane-wise SSE arithmetic under MXCSR: sets its flags and may raise #XM (SDM Vol. 1 §11.5). */
export type FloatBinary = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max';

export interface Emitter {
  /** Constants. A bigint or number is truncated to the width. */
  int(width: Width, value: number | bigint): Int;
  bool(value: boolean): Bool;

  // Integers: both sides have the same width, and so has the result.
  add(a: Int, b: Int): Int;
  sub(a: Int, b: Int): Int;
  mul(a: Int, b: Int): Int;
  and(a: Int, b: Int): Int;
  or(a: Int, b: Int): Int;
  xor(a: Int, b: Int): Int;
  not(a: Int): Int;
  neg(a: Int): Int;
  /** Shifts and rotates: `count` has a's width and must be below it (mask it first). */
  shl(a: Int, count: Int): Int;
  shr(a: Int, count: Int): Int;
  sar(a: Int, count: Int): Int;
  rotl(a: Int, count: Int): Int;
  rotr(a: Int, count: Int): Int;
  /** Quotient and remainder of same-width values. The divisor must not be 0, and a signed division must not overflow. */
  divU(a: Int, b: Int): Int;
  remU(a: Int, b: Int): Int;
  divS(a: Int, b: Int): Int;
  remS(a: Int, b: Int): Int;
  /** High half of the double-width product. */
  mulHighU(a: Int, b: Int): Int;
  mulHighS(a: Int, b: Int): Int;
  /** Zero bits above (below) the highest (lowest) set bit; the width for 0. */
  clz(a: Int): Int;
  ctz(a: Int): Int;
  popcount(a: Int): Int;
  byteSwap(a: Int): Int;
  zeroExtend(a: Int, width: Width): Int;
  signExtend(a: Int, width: Width): Int;
  truncate(a: Int, width: Width): Int;
  /** zeroExtend, truncate or neither. */
  resize(a: Int, width: Width): Int;

  eq(a: Int, b: Int): Bool;
  ne(a: Int, b: Int): Bool;
  ltU(a: Int, b: Int): Bool;
  ltS(a: Int, b: Int): Bool;
  isZero(a: Int): Bool;
  isNegative(a: Int): Bool;
  /** Bit `n` (known when decoding) of a. */
  bit(a: Int, n: number): Bool;
  boolAnd(a: Bool, b: Bool): Bool;
  boolOr(a: Bool, b: Bool): Bool;
  boolXor(a: Bool, b: Bool): Bool;
  boolNot(a: Bool): Bool;
  /** 1 or 0. */
  fromBool(width: Width, b: Bool): Int;
  select(condition: Bool, whenTrue: Int, whenFalse: Int): Int;
  selectBool(condition: Bool, whenTrue: Bool, whenFalse: Bool): Bool;

  /** Values made inside a branch are not visible after it: assign a variable. */
  variable(width: Width, initial: Int): Variable;
  when(condition: Bool, then: () => void, otherwise?: () => void): void;

  /** An implicit register by number (GPR). Width 8 is the low byte (AL, CL, …); AH is `gprHigh(0)`. */
  gpr(index: number, width: Width): Int;
  setGpr(index: number, value: Int): void;
  gprHigh(index: number): Int;
  setGprHigh(index: number, value: Int): void;
  xmm(index: number): Vec;
  setXmm(index: number, value: Vec): void;

  /** An implicit memory operand: `segment` by SEG number; `offset` has the address size (or 64 bits). */
  address(segment: number, offset: Int): Address;
  /**
   * This instruction's data segment (that of its memory operand if it has one; else DS or the override) with another
   * offset: string sources, XLAT, MASKMOV, bit strings.
   */
  dataAddress(offset: Int): Address;
  /** `forWrite`: a store to the same place follows, so the load is checked as a write (SDM Vol. 3A §4.7: #PF's W/R bit). */
  load(address: Address, width: Width, options?: { forWrite?: boolean }): Int;
  store(address: Address, value: Int): void;
  loadVec(address: Address, options?: { aligned?: boolean }): Vec;
  storeVec(address: Address, value: Vec, options?: { aligned?: boolean }): void;
  /** Raises the fault that a write of `bytes` there would raise; changes nothing. For instructions with several stores. */
  probeWrite(address: Address, bytes: number): void;

  /** The stack, with the stack-address size of the mode. push and pop move RSP after the access succeeded. */
  push(value: Int): void;
  /** Pops without moving RSP yet; `depth` bytes above the top. */
  peek(width: Width, depth?: number): Int;
  /** Adds to RSP (SP, ESP by stack-address size). */
  adjustStack(bytes: Int | number): void;

  setFlags(rule: FlagRule, operands: { a: Int; b: Int; r: Int }): void;
  /** Writes some flags and keeps the others. */
  writeFlags(flags: Partial<Record<StatusFlag, Bool>>): void;
  /** ZF, SF and PF from a result, with the given others; flags not named are undefined or 0 as the back end likes. */
  resultFlags(result: Int, others: Partial<Record<'CF' | 'OF' | 'AF', Bool>>): void;
  /** Flags that the manual leaves undefined here: comparisons with silicon mask them. */
  undefinedFlags(...flags: StatusFlag[]): void;
  /** The same where it depends on guest values; back ends that are not compared with silicon never call `condition`. */
  undefinedFlagsIf(condition: () => Bool, ...flags: StatusFlag[]): void;
  flag(flag: StatusFlag): Bool;
  /** Condition code 0-15 of Jcc, SETcc, CMOVcc (SDM Vol. 1 App. B). */
  condition(cc: number): Bool;
  /** DF as +1 or -1 times `bytes`, of the given width: the step of string operations. */
  stringStep(width: Width, bytes: number): Int;

  /** RIP of the next instruction, of the mode's width (64 in 64-bit mode, else 32). */
  nextIp(): Int;
  /** Raises #GP(0) unless the target (instruction-pointer width) is canonical or within CS's limit. Before any state changes. */
  checkTarget(target: Int): void;
  /** Continues there. Last effect of an instruction. Relative (direct) branches pass `relative: true` so that they can be linked. */
  branch(target: Int): void;
  /** Direct near branch by the immediate operand (truncated to the operand size); taken if the condition holds. */
  branchRelative(displacement: Operand, condition?: Bool): void;

  /** Ends the instruction with an exception; nothing has changed. */
  raise(vector: number, errorCode?: number): void;

  // Vectors
  vecBinary(op: VecBinary, lane: Lane, a: Vec, b: Vec): Vec;
  vecUnary(op: VecUnary, lane: Lane, a: Vec): Vec;
  /** All lanes shifted by the same count: counts at or above the lane width give 0 (sar: the sign). `count` is 64-bit. */
  vecShift(op: 'shl' | 'shr' | 'sar', lane: Lane, a: Vec, count: Int): Vec;
  /** The 16 bytes of a then b (index 0-31), chosen when decoding. */
  vecShuffle(a: Vec, b: Vec, indices: readonly number[]): Vec;
  /** PSHUFB: byte i of the result is a[b[i] & 15], or 0 if b[i] has bit 7. */
  vecSwizzle(a: Vec, b: Vec): Vec;
  vecExtract(a: Vec, width: Width, index: number): Int;
  vecInsert(a: Vec, index: number, value: Int): Vec;
  /** value in lane 0, zero above. */
  vecFromInt(value: Int): Vec;
  vecZero(): Vec;
  vecConstant(low: bigint, high: bigint): Vec;
  /** The top bit of each lane, lane 0 in bit 0 (PMOVMSKB, MOVMSKPS/PD). */
  vecMask(lane: Lane, a: Vec): Int;
  vecSelect(condition: Bool, a: Vec, b: Vec): Vec;
  /** Sign- or zero-extends the low lanes of a to `to` lanes (PMOVSX, PMOVZX). */
  vecExtend(signed: boolean, from: Lane, to: Lane, a: Vec): Vec;

  /** SSE arithmetic on the low `lanes` lanes; lanes above come from a. */
  floatBinary(op: FloatBinary, format: FloatFormat, lanes: number, a: Vec, b: Vec): Vec;
  floatSqrt(format: FloatFormat, lanes: number, a: Vec, b: Vec): Vec;

  /** A named pure function of vectors and 64-bit integers (x86/intrinsics): AESENC, PCMPISTRI, conversions, … */
  intrinsic(name: string, args: readonly (Vec | Int)[], result: 'vec'): Vec;
  intrinsic(name: string, args: readonly (Vec | Int)[], result: 'int'): Int;

  /** A 32-bit field of the state by byte offset (STATE): MXCSR, FCW, … */
  field32(offset: number): Int;
  setField32(offset: number, value: Int): void;
  field64(offset: number): Int;
  setField64(offset: number, value: Int): void;
}
