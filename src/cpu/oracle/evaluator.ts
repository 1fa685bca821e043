import { assert } from '../../base/errors.ts';
import type { Address, Bool, Emitter, FloatBinary, FloatFormat, Int, Operand, Vec, Width } from '../../x86/emitter.ts';
import { intrinsics } from '../../x86/intrinsics/table.ts';
import { MODE } from '../../x86/processor-mode.ts';
import { CR4, GPR, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../../x86/state.ts';
import { type FloatLanes, floatLanes } from '../exact/float-lanes.ts';
import { PROGRESS, StateEvaluator } from './state-evaluator.ts';
import { bitsOf, placeOf, toAddress, toInt, toVec, truthOf, unsignedOf } from './values.ts';

const segmentField = (segment: number, field: number): number => STATE.segments + segment * SEGMENT_BYTES + field;

/** MXCSR: [12:7] masks  [5:0] flags */
const MXCSR_MASKS_SHIFT = 7;

/** The emitter that does at once what it is told, on the state of one vCPU, for one instruction. */
export class Evaluator extends StateEvaluator implements Emitter {
  // Memory

  address(segment: number, offset: Int): Address {
    const sizes: readonly number[] = [this.instruction.addressSize, 64];
    assert(
      !this.strict || sizes.includes(offset.width),
      `an offset has the address size or 64 bits, not ${offset.width}`,
    );
    return toAddress(segment, unsignedOf(offset));
  }

  dataAddress(offset: Int): Address {
    return this.address(this.instruction.segment, offset);
  }

  protected readBytes(address: Address, bytes: number, forWrite: boolean): bigint {
    this.mayFault();
    const { segment, offset } = placeOf(address);
    if (forWrite) this.cpu.probeWrite(segment, offset, bytes);
    return this.cpu.readMemory(segment, offset, bytes);
  }

  protected writeBytes(address: Address, bytes: number, value: bigint): void {
    this.mayFault(PROGRESS.STORES);
    const { segment, offset } = placeOf(address);
    this.cpu.writeMemory(segment, offset, bytes, value);
    this.reach(PROGRESS.STORES);
  }

  load(address: Address, width: Width, options: { forWrite?: boolean } = {}): Int {
    return toInt(width, this.readBytes(address, width / 8, options.forWrite ?? false));
  }

  store(address: Address, value: Int): void {
    this.writeBytes(address, value.width / 8, unsignedOf(value));
  }

  loadVec(address: Address, options: { aligned?: boolean } = {}): Vec {
    return this.loadVecBits(address, { bits: 128, forWrite: false, aligned: options.aligned ?? false });
  }

  storeVec(address: Address, value: Vec, options: { aligned?: boolean } = {}): void {
    this.storeVecBits(address, value, { bits: 128, aligned: options.aligned ?? false });
  }

  protected loadVecBits(address: Address, options: { bits: number; forWrite: boolean; aligned: boolean }): Vec {
    if (options.aligned) this.#checkAligned(address);
    return toVec(this.readBytes(address, options.bits / 8, options.forWrite));
  }

  protected storeVecBits(address: Address, value: Vec, options: { bits: number; aligned: boolean }): void {
    if (options.aligned) this.#checkAligned(address);
    this.writeBytes(address, options.bits / 8, BigInt.asUintN(options.bits, bitsOf(value)));
  }

  /** The linear address counts. Limits, and whether it is canonical, are checked after: so does silicon. */
  #checkAligned(address: Address): void {
    const { segment, offset } = placeOf(address);
    const based = !this.mode64 || segment === SEG.FS || segment === SEG.GS;
    const base = based ? this.cpu.u64(segmentField(segment, SEGMENT.base)) : 0n;
    if (((base + offset) & 15n) !== 0n) this.raise(VECTOR.GP, 0);
  }

  probeWrite(address: Address, bytes: number): void {
    this.mayFault();
    const { segment, offset } = placeOf(address);
    this.cpu.probeWrite(segment, offset, bytes);
  }

  // The stack

  get stackWidth(): 16 | 32 | 64 {
    if (this.mode64) return 64;
    return (this.cpu.u32(STATE.mode) & MODE.STACK_32) === 0 ? 16 : 32;
  }

  #stackAddress(offset: bigint): Address {
    const width = this.stackWidth;
    return toAddress(SEG.SS, BigInt.asUintN(width, this.cpu.readGpr(GPR.RSP, width) + offset));
  }

  push(value: Int): void {
    const bytes = value.width / 8;
    this.store(this.#stackAddress(BigInt(-bytes)), value);
    this.adjustStack(-bytes);
  }

  peek(width: Width, depth = 0): Int {
    return this.load(this.#stackAddress(BigInt(depth)), width);
  }

  adjustStack(bytes: Int | number): void {
    this.reach(PROGRESS.REGISTERS);
    const width = this.stackWidth;
    const step = typeof bytes === 'number' ? BigInt(bytes) : unsignedOf(bytes);
    this.cpu.writeGpr(GPR.RSP, width, BigInt.asUintN(width, this.cpu.readGpr(GPR.RSP, width) + step));
  }

  // Control flow

  get ipWidth(): 32 | 64 {
    return this.mode64 ? 64 : 32;
  }

  nextIp(): Int {
    return toInt(this.ipWidth, this.cpu.u64(STATE.rip) + BigInt(this.instruction.length));
  }

  checkTarget(target: Int): void {
    this.mayFault();
    const ip = unsignedOf(target);
    if (this.mode64) {
      if (BigInt.asIntN(48, ip) !== BigInt.asIntN(64, ip)) this.raise(VECTOR.GP, 0);
    } else if (ip > BigInt(this.cpu.u32(segmentField(SEG.CS, SEGMENT.limit)))) this.raise(VECTOR.GP, 0);
  }

  /** RIP has been set. */
  branched = false;

  branch(target: Int): void {
    assert(target.width === this.ipWidth, 'a branch target has the width of the instruction pointer');
    this.reach(PROGRESS.REGISTERS);
    this.cpu.setU64(STATE.rip, unsignedOf(target));
    this.branched = true;
  }

  branchRelative(displacement: Operand, condition?: Bool): void {
    if (condition !== undefined && !truthOf(condition)) return;
    const target = this.resize(
      this.resize(this.add(this.nextIp(), displacement.read()), this.instruction.operandSize),
      this.ipWidth,
    );
    // A description that changes more than RIP has checked the target before.
    if (!this.changed) this.checkTarget(target);
    this.branch(target);
  }

  raise(vector: number, errorCode?: number): void {
    this.mayFault();
    this.cpu.raise(vector, errorCode);
  }

  // Floating point and intrinsics

  floatBinary(op: FloatBinary, format: FloatFormat, lanes: number, a: Vec, b: Vec): Vec {
    return this.#float({ op, format, lanes }, a, b);
  }

  floatSqrt(format: FloatFormat, lanes: number, a: Vec, b: Vec): Vec {
    return this.#float({ op: 'sqrt', format, lanes }, a, b);
  }

  #float(lanes: FloatLanes, a: Vec, b: Vec): Vec {
    this.mayFault();
    const { result, flags } = floatLanes(lanes, [bitsOf(a), bitsOf(b)], this.cpu.u32(STATE.mxcsr));
    this.#raiseFloat(flags);
    return toVec(result);
  }

  /** MXCSR keeps the flags even if one of them faults (SDM Vol. 1 §11.5.3). */
  #raiseFloat(flags: number): void {
    const mxcsr = this.cpu.u32(STATE.mxcsr);
    this.cpu.setU32(STATE.mxcsr, mxcsr | flags);
    if ((flags & ~(mxcsr >> MXCSR_MASKS_SHIFT) & 0x3f) === 0) return;
    const handled = (this.cpu.u32(STATE.cr4) & CR4.OSXMMEXCPT) !== 0;
    this.raise(handled ? VECTOR.XM : VECTOR.UD);
  }

  intrinsic(name: string, args: readonly (Vec | Int)[], result: 'vec'): Vec;
  intrinsic(name: string, args: readonly (Vec | Int)[], result: 'int'): Int;
  intrinsic(name: string, args: readonly (Vec | Int)[], result: 'vec' | 'int'): Vec | Int {
    const value = this.evaluateIntrinsic(
      name,
      args.map((arg) => (arg.kind === 'vec' ? bitsOf(arg) : unsignedOf(arg))),
    );
    return result === 'vec' ? toVec(value) : toInt(64, value);
  }

  protected evaluateIntrinsic(name: string, args: readonly bigint[]): bigint {
    const entry = intrinsics[name];
    assert(entry !== undefined, `${name} is in the table of intrinsics`);
    if (entry.kind === 'pure') return entry.evaluate(args);
    this.mayFault();
    const { result, flags } = entry.evaluate(args, this.cpu.u32(STATE.mxcsr));
    this.#raiseFloat(flags);
    return result;
  }
}
