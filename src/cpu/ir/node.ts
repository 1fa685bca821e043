import type { ValueType } from '../../wasm/opcodes.ts';
import type { Address, Bool, Int, Vec, Width } from '../../x86/emitter.ts';

/**
 * When a node may be evaluated.
 * pure: any time after its arguments. read: reads state; not across a write. load: may fault or call out; stays in place.
 * write: changes state or memory; stays in place. control: ends the instruction or branches; stays in place.
 */
export type Effect = 'pure' | 'read' | 'load' | 'write' | 'control';

/** One operation of an instruction's meaning. `op` names it; the lowering has a row for each. */
export class IrNode {
  readonly kind: 'int' | 'bool' | 'vec' | 'void';
  readonly op: string;
  /** Bits of an integer; 8- and 16-bit ones live in an i32 whose upper bits count only if not `clean`. */
  readonly width: Width;
  readonly type: ValueType | undefined;
  readonly args: readonly IrNode[];
  readonly effect: Effect;
  /** Upper bits of an 8/16-bit value in its i32 are known to be zero. */
  readonly clean: boolean;
  /** Whatever the operation needs to know: a register number, an offset, an immediate, branches of a `when`. */
  readonly immediate: number;
  readonly constant: bigint;
  readonly lanes: readonly number[];
  readonly text: string;
  readonly whenTrue: IrBlock | undefined;
  readonly whenFalse: IrBlock | undefined;

  /** Filled while recording. */
  block: IrBlock | undefined;
  position = 0;
  uses = 0;
  consumer: IrNode | undefined;

  /** Filled while lowering. */
  placement = 0;
  local = -1;

  constructor(fields: IrFields) {
    this.kind = fields.kind;
    this.op = fields.op;
    this.width = fields.width ?? 32;
    this.type = fields.type;
    this.args = fields.args ?? [];
    this.effect = fields.effect;
    this.clean = fields.clean ?? true;
    this.immediate = fields.immediate ?? 0;
    this.constant = fields.constant ?? 0n;
    this.lanes = fields.lanes ?? [];
    this.text = fields.text ?? '';
    this.whenTrue = fields.whenTrue;
    this.whenFalse = fields.whenFalse;
  }
}

export interface IrFields {
  kind: IrNode['kind'];
  op: string;
  effect: Effect;
  width?: Width;
  type?: ValueType;
  args?: readonly IrNode[];
  clean?: boolean;
  immediate?: number;
  constant?: bigint;
  lanes?: readonly number[];
  text?: string;
  whenTrue?: IrBlock;
  whenFalse?: IrBlock;
}

/** Nodes in the order of recording; pure ones move to where they are used. */
export class IrBlock {
  readonly nodes: IrNode[] = [];
}

/** A place in memory before checks: which segment, and the offset in it. */
export interface IrAddress extends Address {
  /** SEG number, or 'operand': the memory operand's segment, known from the record. */
  readonly segment: number | 'operand';
  readonly offset: IrNode;
}

// The emitter's opaque types are these nodes; this is the one place that says so.
export const toInt = (node: IrNode): Int => node as unknown as Int;
export const toBool = (node: IrNode): Bool => node as unknown as Bool;
export const toVec = (node: IrNode): Vec => node as unknown as Vec;
export const fromInt = (value: Int): IrNode => value as unknown as IrNode;
export const fromBool = (value: Bool): IrNode => value as unknown as IrNode;
export const fromVec = (value: Vec): IrNode => value as unknown as IrNode;
export const fromAddress = (value: Address): IrAddress => value as IrAddress;
