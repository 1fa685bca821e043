import type { ValueType } from '../../wasm/opcodes.ts';
import type { Bool, Int, Variable, Vec, Width } from '../../x86/emitter.ts';
import { STATE } from '../../x86/state.ts';
import type { Form } from './form.ts';
import { IntegerRecorder } from './integer-recorder.ts';
import { fromBool, fromInt, fromVec, type IrBlock, type IrNode, toInt, toVec } from './node.ts';

const wasmType = (width: Width): ValueType => (width === 64 ? 'i64' : 'i32');

/** Records reads and writes of the vCPU's state, and control flow within an instruction. */
export class StateRecorder extends IntegerRecorder {
  readonly form: Form;

  constructor(form: Form) {
    super();
    this.form = form;
  }

  protected read(op: string, width: Width, immediate: number): Int {
    return toInt(this.record({ kind: 'int', op, effect: 'read', width, type: wasmType(width), immediate }));
  }

  protected write(op: string, args: readonly IrNode[], immediate: number): void {
    this.record({ kind: 'void', op, effect: 'write', args, immediate, width: args[0]?.width ?? 32 });
  }

  gpr(index: number, width: Width): Int {
    return this.read('stateLoad', width, STATE.gpr + index * 8);
  }

  setGpr(index: number, value: Int): void {
    // A 32-bit result clears the upper half.
    const wide = value.width === 32 ? this.zeroExtend(value, 64) : value;
    this.write('stateStore', [fromInt(wide)], STATE.gpr + index * 8);
  }

  gprHigh(index: number): Int {
    return this.read('stateLoad', 8, STATE.gpr + index * 8 + 1);
  }

  setGprHigh(index: number, value: Int): void {
    this.write('stateStore', [fromInt(value)], STATE.gpr + index * 8 + 1);
  }

  field32(offset: number): Int {
    return this.read('stateLoad', 32, offset);
  }

  setField32(offset: number, value: Int): void {
    this.write('stateStore', [fromInt(value)], offset);
  }

  field64(offset: number): Int {
    return this.read('stateLoad', 64, offset);
  }

  setField64(offset: number, value: Int): void {
    this.write('stateStore', [fromInt(value)], offset);
  }

  xmm(index: number): Vec {
    return toVec(
      this.record({ kind: 'vec', op: 'stateLoad', effect: 'read', type: 'v128', immediate: STATE.xmm + index * 32 }),
    );
  }

  setXmm(index: number, value: Vec): void {
    this.write('stateStore', [fromVec(value)], STATE.xmm + index * 32);
  }

  protected flagResult(): Int {
    return this.read('flagResult', 64, 0);
  }

  protected flagAux(): Int {
    return this.read('flagAux', 32, 0);
  }

  /** Nothing will read the flags before all of them are written again. */
  flagsDead = false;

  protected setFlagResult(value: Int): void {
    if (this.flagsDead) return;
    this.write('setFlagResult', [fromInt(value)], 0);
  }

  protected setFlagAux(value: Int): void {
    if (this.flagsDead) return;
    this.write('setFlagAux', [fromInt(value)], 0);
  }

  #variables = 0;

  variable(width: Width, initial: Int): Variable {
    const id = this.#variables++;
    const set = (value: Int): void => this.write('setVariable', [fromInt(value)], id);
    set(initial);
    return { get: () => this.read('variable', width, id), set };
  }

  when(condition: Bool, then: () => void, otherwise?: () => void): void {
    const thenBlock = this.within(then);
    const otherwiseBlock = otherwise === undefined ? undefined : this.within(otherwise);
    if (!hasEffect(thenBlock) && (otherwiseBlock === undefined || !hasEffect(otherwiseBlock))) return;
    this.record({
      kind: 'void',
      op: 'when',
      effect: 'write',
      args: [fromBool(condition)],
      whenTrue: thenBlock,
      ...(otherwiseBlock === undefined ? {} : { whenFalse: otherwiseBlock }),
    });
  }

  nextIp(): Int {
    return this.read('nextIp', this.form.codeSize === 64 ? 64 : 32, 0);
  }

  checkTarget(target: Int): void {
    this.record({ kind: 'void', op: 'checkTarget', effect: 'load', args: [fromInt(target)] });
  }

  branch(target: Int): void {
    this.record({ kind: 'void', op: 'branch', effect: 'control', args: [fromInt(this.zeroExtend(target, 64))] });
  }

  raise(vector: number, errorCode?: number): void {
    this.record({
      kind: 'void',
      op: 'raise',
      effect: 'control',
      immediate: vector,
      constant: errorCode === undefined ? -1n : BigInt(errorCode),
    });
  }

  stringStep(width: Width, bytes: number): Int {
    const df = this.bit(this.field32(STATE.rflagsSystem), 10);
    return this.select(df, this.int(width, -bytes), this.int(width, bytes));
  }
}

const hasEffect = (block: IrBlock): boolean =>
  block.nodes.some((node) => node.effect !== 'pure' && node.effect !== 'read');
