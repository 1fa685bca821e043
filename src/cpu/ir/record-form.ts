import { assert } from '../../base/errors.ts';
import type { Operand, VecOperand } from '../../x86/emitter.ts';
import type { Context, Description, FormContext, Role } from '../../x86/semantics.ts';
import { GPR, STATE, VECTOR } from '../../x86/state.ts';
import { type Form, ipWidth } from './form.ts';
import { type IrBlock, toBool } from './node.ts';
import { Recorder } from './recorder.ts';

/** FSW.ES: an unmasked x87 exception is pending. */
const FSW_ES = 7;
const FSW_TOP = 7 << 11;

/** String instructions that the host can do many elements at a time. */
const BULK_STRINGS = new Set(['MOVSB', 'MOVS', 'STOSB', 'STOS']);
export const isBulkString = (description: Description): boolean => BULK_STRINGS.has(description.name);

/** A recorder that also knows the endings only back ends use. */
class FormRecorder extends Recorder {
  end(op: 'again' | 'done'): void {
    this.record({ kind: 'void', op, effect: 'control' });
  }

  /** True if the host moved a run of elements. */
  repeatBulk() {
    return toBool(this.record({ kind: 'bool', op: 'repeatString', effect: 'load', type: 'i32' }));
  }
}

export interface RecordOptions {
  /** The conditional branch after it, if the pair has one handler. */
  readonly fused?: { readonly description: Description; readonly cc: number } | undefined;
  /** The form's flags are never read. */
  readonly flagsDead?: boolean;
}

/** The meaning of a form as nodes, complete: unit checks, the operands, repetition. */
export function recordForm(form: Form, options: RecordOptions = {}): IrBlock {
  const { fused } = options;
  const e = new FormRecorder(form);
  e.flagsDead = options.flagsDead ?? false;
  if (form.unit === 'mmx') {
    e.when(e.bit(e.field32(STATE.fsw), FSW_ES), () => e.raise(VECTOR.MF));
  }
  const context = formContext(e, form);
  if (form.description.string !== undefined && form.repeat !== 'none') repeatString(e, form, context);
  else run(form.description, bind(e, form, context));
  if (form.unit === 'mmx') {
    // SDM Vol. 1 §9.6.2: TOP = 0 and all registers valid; EMMS sets the tags itself.
    e.setField32(STATE.fsw, e.and(e.field32(STATE.fsw), e.int(32, ~FSW_TOP)));
    if (form.description.name !== 'EMMS') e.setField32(STATE.ftw, e.int(32, 0));
  }
  if (fused !== undefined) {
    const displacement = e.bindOperand({ kind: 'relative' });
    run(fused.description, { ...context, cc: fused.cc, src: displacement } as never);
  }
  return e.block;
}

// The roles were matched with the operands by the opcode table's types.
const run = (description: Description, context: unknown): void => description.emit(context as Context<readonly Role[]>);

function formContext(e: Recorder, form: Form): FormContext {
  return {
    e,
    width: form.width,
    addressWidth: form.addressWidth,
    mode64: form.codeSize === 64,
    cc: form.cc,
    ipWidth: ipWidth(form),
    stackWidth: form.stackWidth,
    repeat: form.repeat,
  };
}

function bind(e: Recorder, form: Form, context: FormContext): FormContext & Record<string, Operand | VecOperand> {
  const bound: Record<string, Operand | VecOperand> = {};
  const { roles } = form.description;
  roles.forEach((role, i) => {
    const operand = form.operands[i];
    assert(operand !== undefined, `${form.description.name} has an operand for ${role}`);
    if (operand.kind !== 'memory') bound[role] = e.bindOperand(operand);
    else if (role.startsWith('v'))
      bound[role] = e.bindVectorMemory(operand.bits as 16 | 32 | 64 | 128, role === 'vdst');
    else bound[role] = e.bindMemory(operand.bits, role.startsWith('dst'));
  });
  return { ...context, ...bound } as FormContext & Record<string, Operand | VecOperand>;
}

/** One element per execution of the record, then again: so faults and interrupts find RCX, RSI and RDI exact. */
function repeatString(e: FormRecorder, form: Form, context: FormContext): void {
  const count = e.gpr(GPR.RCX, form.addressWidth);
  const one = e.int(form.addressWidth, 1);
  e.when(e.isZero(count), () => e.end('done'));
  if (isBulkString(form.description)) e.when(e.repeatBulk(), () => e.end('again'));
  run(form.description, context);
  e.setGpr(GPR.RCX, e.sub(count, one));
  let more = e.ne(count, one);
  if (form.description.string?.stopsOnFlag) {
    const zf = e.flag('ZF');
    more = e.boolAnd(more, form.repeat === 'repe' ? zf : e.boolNot(zf));
  }
  e.when(more, () => e.end('again'));
}
