import type { ValueType } from '../../wasm/opcodes.ts';
import type { Address, Int, Vec, Width } from '../../x86/emitter.ts';
import { GPR, SEG, SEGMENT, SEGMENT_BYTES, STATE } from '../../x86/state.ts';
import { FlagRecorder } from './flags.ts';
import { fromAddress, fromInt, fromVec, type IrAddress, type IrNode, toInt, toVec } from './node.ts';

const wasmType = (width: Width): ValueType => (width === 64 ? 'i64' : 'i32');

/**
 * `constant` of a node that accesses memory.
 * [1:0] which segment an address that is not canonical belongs to, so that the fault is #SS or #GP: OWNER
 * [2]   loadVec: a store to the same place may follow, so it is checked as a write
 */
export const OWNER = { OTHER: 0n, STACK: 1n, OPERAND: 2n } as const;
export const VECTOR_UPDATE = 4n;

const ownerOf = (address: Address): bigint => {
  const { segment } = fromAddress(address);
  if (segment === 'operand') return OWNER.OPERAND;
  return segment === SEG.SS ? OWNER.STACK : OWNER.OTHER;
};

/** What `segmentLinear` is told of an access, above its bytes. */
export const SEGMENT_ACCESS = { WRITE: 0x100, ALIGNED: 0x200 } as const;

/** Records memory accesses: segment and offset to linear address, then a checked load or store. */
export class MemoryRecorder extends FlagRecorder {
  address(segment: number, offset: Int): Address {
    const address: IrAddress = { kind: 'address', segment, offset: fromInt(offset) };
    return address;
  }

  dataAddress(offset: Int): Address {
    const address: IrAddress = { kind: 'address', segment: 'operand', offset: fromInt(offset) };
    return address;
  }

  /** The offset of the memory operand, of the address size. */
  protected operandOffset(): IrNode {
    const { addressWidth, memory } = this.form;
    return this.record({
      kind: 'int',
      op: 'effectiveAddress',
      effect: 'read',
      width: addressWidth,
      type: wasmType(addressWidth),
      immediate: (memory?.indexed ? 1 : 0) | (memory?.absolute ? 2 : 0),
    });
  }

  /** Linear address, i64. Flat segments cost nothing (or one addition); others are checked by a call that may fault. */
  protected linear(address: Address, bytes: number, write: boolean, aligned = false): IrNode {
    const { segment, offset } = fromAddress(address);
    const mode64 = this.form.codeSize === 64;
    const how =
      segment === 'operand' ? (this.form.memory?.segment ?? this.#stringSegment()) : this.#fixedSegment(segment);
    const wide = this.zeroExtend(toInt(offset), 64);
    if (how === 'none') return fromInt(wide);
    if (how === 'base') {
      const base =
        segment === 'operand'
          ? toInt(this.record({ kind: 'int', op: 'segmentBase', effect: 'read', width: 64, type: 'i64' }))
          : this.field64(STATE.segments + segment * SEGMENT_BYTES + SEGMENT.base);
      const sum = this.add(base, wide);
      return fromInt(mode64 ? sum : this.zeroExtend(this.truncate(sum, 32), 64));
    }
    return this.record({
      kind: 'int',
      op: 'segmentLinear',
      effect: 'load',
      width: 64,
      type: 'i64',
      args: [fromInt(wide)],
      immediate: segment === 'operand' ? -1 : segment,
      constant: BigInt(bytes | (write ? SEGMENT_ACCESS.WRITE : 0) | (aligned ? SEGMENT_ACCESS.ALIGNED : 0)),
    });
  }

  /** Implicit DS operands of string instructions have a record with a segment too. */
  #stringSegment(): 'none' | 'base' | 'checked' {
    return this.form.flat ? 'base' : 'checked';
  }

  #fixedSegment(segment: number): 'none' | 'base' | 'checked' {
    if (!this.form.flat) return 'checked';
    return segment === SEG.FS || segment === SEG.GS ? 'base' : 'none';
  }

  load(address: Address, width: Width, options: { forWrite?: boolean } = {}): Int {
    const write = options.forWrite ?? false;
    const linear = this.linear(address, width / 8, write);
    return toInt(
      this.record({
        kind: 'int',
        op: 'load',
        effect: 'load',
        width,
        type: wasmType(width),
        args: [linear],
        immediate: write ? 1 : 0,
        constant: ownerOf(address),
      }),
    );
  }

  store(address: Address, value: Int): void {
    const linear = this.linear(address, value.width / 8, true);
    this.record({
      kind: 'void',
      op: 'store',
      effect: 'write',
      args: [linear, fromInt(value)],
      width: value.width,
      constant: ownerOf(address),
    });
  }

  /** A load that checks for writing and leaves the host address for `storeAgain`. */
  protected loadForUpdate(address: Address, width: Width): { value: Int; store: (value: Int) => void } {
    const linear = this.linear(address, width / 8, true);
    const load = this.record({
      kind: 'int',
      op: 'loadForUpdate',
      effect: 'load',
      width,
      type: wasmType(width),
      args: [linear],
      constant: ownerOf(address),
    });
    const store = (value: Int): void => {
      this.record({ kind: 'void', op: 'storeAgain', effect: 'write', args: [load, linear, fromInt(value)], width });
    };
    return { value: toInt(load), store };
  }

  loadVec(address: Address, options: { aligned?: boolean } = {}): Vec {
    return this.loadVecBits(address, 128, { aligned: options.aligned ?? false, updated: false });
  }

  protected loadVecBits(address: Address, bits: number, options: { aligned: boolean; updated: boolean }): Vec {
    const linear = this.linear(address, bits / 8, options.updated, options.aligned);
    if (options.aligned) this.checkAlignment(linear);
    return toVec(
      this.record({
        kind: 'vec',
        op: 'loadVec',
        effect: 'load',
        type: 'v128',
        args: [linear],
        immediate: bits,
        constant: ownerOf(address) | (options.updated ? VECTOR_UPDATE : 0n),
      }),
    );
  }

  storeVec(address: Address, value: Vec, options: { aligned?: boolean } = {}): void {
    this.storeVecBits(address, value, 128, options.aligned ?? false);
  }

  protected storeVecBits(address: Address, value: Vec, bits: number, aligned: boolean): void {
    const linear = this.linear(address, bits / 8, true, aligned);
    if (aligned) this.checkAlignment(linear);
    this.record({
      kind: 'void',
      op: 'storeVec',
      effect: 'write',
      args: [linear, fromVec(value)],
      immediate: bits,
      constant: ownerOf(address),
    });
  }

  /** Where a segment is checked too, `segmentLinear` has done this already: #GP(0) comes before #SS(0). */
  protected checkAlignment(linear: IrNode): void {
    if (linear.op === 'segmentLinear') return;
    this.record({ kind: 'void', op: 'checkAlignment', effect: 'load', args: [linear], immediate: 15 });
  }

  probeWrite(address: Address, bytes: number): void {
    const linear = this.linear(address, bytes, true);
    this.record({
      kind: 'void',
      op: 'probeWrite',
      effect: 'load',
      args: [linear],
      immediate: bytes,
      constant: ownerOf(address),
    });
  }

  #stackPointer(): Int {
    return this.gpr(GPR.RSP, this.form.stackWidth);
  }

  push(value: Int): void {
    const pointer = this.sub(this.#stackPointer(), this.int(this.form.stackWidth, value.width / 8));
    this.store(this.address(SEG.SS, pointer), value);
    this.setGpr(GPR.RSP, pointer);
  }

  peek(width: Width, depth = 0): Int {
    const pointer = this.#stackPointer();
    const offset = depth === 0 ? pointer : this.add(pointer, this.int(this.form.stackWidth, depth));
    return this.load(this.address(SEG.SS, offset), width);
  }

  adjustStack(bytes: Int | number): void {
    const { stackWidth } = this.form;
    const step = typeof bytes === 'number' ? this.int(stackWidth, bytes) : this.resize(bytes, stackWidth);
    this.setGpr(GPR.RSP, this.add(this.#stackPointer(), step));
  }
}
