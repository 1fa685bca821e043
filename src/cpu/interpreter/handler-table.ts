import type { Instruction } from '../../x86/instruction.ts';
import type { Row, RowOptions } from '../../x86/opcodes/row.ts';
import { MODE } from '../../x86/processor-mode.ts';
import { CALL, Jcc, JMP } from '../../x86/semantics/control-transfer.ts';
import { type Description, describe, type Procedure, procedure } from '../../x86/semantics.ts';
import { VECTOR } from '../../x86/state.ts';
import { checkUnit } from '../../x86/unit-check.ts';
import type { IrBlock } from '../ir/node.ts';
import { RECORD } from '../ir/record.ts';
import { isBulkString, recordForm } from '../ir/record-form.ts';
import type { ColdHandlers } from './cold-handlers.ts';
import { type FlagEffect, flagEffect } from './dead-flags.ts';
import { buildForm, FormKeys, variantOf } from './form-registry.ts';
import { firstCold, goOnHandler, stopHandler } from './handler-numbers.ts';
import type { HotForm, HotForms } from './hot-forms.ts';
import type { RecordWriter } from './record-writer.ts';
import type { StringRun } from './string-runs.ts';

/** An instruction, or why there is none. */
export type Decoded = Instruction | 'invalid' | 'too-long';

/** What a form of instructions is run by. */
interface Entry {
  readonly description: Description;
  readonly handler: number;
  /** Cold slot of the same form; for hot handlers made when first needed. */
  coldSlot: number;
  /** Execution may go on with the next record. */
  readonly open: boolean;
  readonly linkable: boolean;
  /** Fused handlers by the condition of the branch that follows. */
  readonly fused: ReadonlyMap<number, number> | undefined;
  /** The handler that writes no flags, if there is one. */
  readonly flagless: number | undefined;
  readonly flagEffect: FlagEffect;
}

const FAULTS = {
  invalid: describe('UD', [], ({ e }) => e.raise(VECTOR.UD)),
  'too-long': describe('GP', [], ({ e }) => e.raise(VECTOR.GP, 0)),
} as const;

type Unit = NonNullable<RowOptions['unit']>;
const UNIT_TRAPS: Readonly<Record<Unit, Procedure>> = {
  x87: procedure('x87 off', (cpu) => checkUnit(cpu, 'x87')),
  mmx: procedure('MMX off', (cpu) => checkUnit(cpu, 'mmx')),
  sse: procedure('SSE off', (cpu) => checkUnit(cpu, 'sse')),
};
const trapRow = (unit: Unit): Row => ({ semantics: UNIT_TRAPS[unit], operands: [], options: {} });
const UNIT_TRAP_ROWS: Readonly<Record<Unit, Row>> = { x87: trapRow('x87'), mmx: trapRow('mmx'), sse: trapRow('sse') };

/** Cold slots that must be free, or all are given up at the next reset. */
const ROOM = 1024;

/** Of cold handlers nothing is known here. */
const OPAQUE = { flagless: undefined, flagEffect: 'exposes' } as const;

const DIRECT = new Set<Description>([CALL, JMP, Jcc]);

/** Handlers of one code size: 16-bit code runs in the module for 32-bit code. */
class ModuleHandlers {
  readonly hot: readonly HotForm[];
  readonly byKey = new Map<string, number>();
  readonly flaglessByKey = new Map<string, number>();
  readonly fusedByKey = new Map<string, Map<number, number>>();

  constructor(hot: readonly HotForm[], keys: FormKeys) {
    this.hot = hot;
    this.hot.forEach(({ form, fused, flagsDead }, number) => {
      const key = keys.key(form);
      if (fused === undefined) {
        (flagsDead ? this.flaglessByKey : this.byKey).set(key, number);
        return;
      }
      const conditions = this.fusedByKey.get(key) ?? new Map<number, number>();
      conditions.set(fused.cc, number);
      this.fusedByKey.set(key, conditions);
    });
  }
}

/** Chooses the handler of every instruction, and makes it if there is none. */
export class HandlerTable {
  readonly #writer: RecordWriter;
  readonly #cold: ColdHandlers;
  readonly #hotForms: HotForms;
  readonly #keys = new FormKeys();
  readonly #modules: Record<32 | 64, ModuleHandlers | undefined> = { 32: undefined, 64: undefined };
  readonly #byRow = new Map<Row, Map<number, Entry>>();
  readonly #byKey = new Map<string, Entry>();
  /** Entries by handler number, per module. */
  readonly #byHandler: Record<32 | 64, Map<number, Entry>> = { 32: new Map(), 64: new Map() };
  readonly #procedureSlot: number;
  readonly #strings = new Map<number, StringRun>();
  /** Instructions of procedure records: by record, so that there are never more of them. */
  readonly #procedures = new Map<number, Instruction>();

  constructor(writer: RecordWriter, cold: ColdHandlers, hotForms: HotForms) {
    this.#writer = writer;
    this.#hotForms = hotForms;
    this.#cold = cold;
    this.#procedureSlot = cold.addProcedure();
  }

  hot(codeSize: 32 | 64): readonly HotForm[] {
    return this.#module(codeSize).hot;
  }

  #module(codeSize: 32 | 64): ModuleHandlers {
    return (this.#modules[codeSize] ??= new ModuleHandlers(this.#hotForms(codeSize), this.#keys));
  }

  /** Writes a record but for `remaining`; whether execution may go on after it. */
  write(record: number, decoded: Decoded, offset: number, mode: number): boolean {
    if (typeof decoded === 'string') return this.#writeFault(record, decoded, offset, mode);
    const { unit } = decoded.row.options;
    const trap = unit === 'sse' ? MODE.SSE_TRAP : MODE.X87_TRAP;
    const off = unit !== undefined && (mode & trap) !== 0;
    const { semantics } = off ? UNIT_TRAP_ROWS[unit] : decoded.row;
    if (semantics.kind === 'procedure') return this.#writeProcedure(record, decoded, semantics, offset, mode);
    const entry = this.#entry(decoded, semantics, mode);
    this.#writer.write(record, decoded, semantics, offset, mode);
    const far = entry.linkable && !isNear(decoded, offset);
    this.#writer.setHandler(record, far ? this.#coldHandler(entry, mode) : entry.handler);
    this.#noteString(record, decoded, semantics);
    return entry.open;
  }

  #coldHandler(entry: Entry, mode: number): number {
    return firstCold(this.hot(moduleOf(mode))) + entry.coldSlot;
  }

  lengthOf(decoded: Decoded): number {
    return typeof decoded === 'string' ? 1 : decoded.length;
  }

  #writeFault(record: number, why: keyof typeof FAULTS, offset: number, mode: number): boolean {
    const description = FAULTS[why];
    const codeSize = moduleOf(mode);
    const key = `${why} ${codeSize}`;
    let entry = this.#byKey.get(key);
    if (entry === undefined) {
      const form = { ...FAULT_FORM, description: description as unknown as Description };
      entry = this.#newEntry(form.description, key, codeSize, this.#cold.add(form), false);
    }
    this.#writer.place(record, offset, 1);
    this.#writer.setHandler(record, entry.handler);
    return false;
  }

  #writeProcedure(
    record: number,
    instruction: Instruction,
    semantics: Procedure,
    offset: number,
    mode: number,
  ): boolean {
    const hot = this.hot(moduleOf(mode));
    this.#writer.place(record, offset, instruction.length);
    this.#writer.setHandler(record, firstCold(hot) + this.#procedureSlot);
    const instructionToRun =
      instruction.row.semantics === semantics
        ? instruction
        : { ...instruction, row: { ...instruction.row, semantics } };
    this.#procedures.set(record, instructionToRun);
    return !semantics.endsBlock;
  }

  /** The instruction of a procedure record. */
  procedureOf(record: number): Instruction {
    return this.#procedures.get(record) as Instruction;
  }

  /** What the host needs to know of a repeated MOVS or STOS: kept by record, since few exist. */
  stringOf(record: number): StringRun {
    return this.#strings.get(record) as StringRun;
  }

  #noteString(record: number, instruction: Instruction, description: Description): void {
    if (description.string === undefined || instruction.repeat === 'none') return;
    if (!isBulkString(description)) return;
    this.#strings.set(record, {
      operation: description.name.startsWith('MOVS') ? 'MOVS' : 'STOS',
      elementBytes: (instruction.opcode & 1) === 0 ? 1 : ((instruction.operandSize / 8) as 2 | 4 | 8),
      addressSize: instruction.addressSize,
      segment: instruction.segment,
    });
  }

  #entry(instruction: Instruction, description: Description, mode: number): Entry {
    let variants = this.#byRow.get(instruction.row);
    if (variants === undefined) {
      variants = new Map();
      this.#byRow.set(instruction.row, variants);
    }
    const variant = variantOf(instruction, mode);
    let entry = variants.get(variant);
    if (entry === undefined) {
      entry = this.#entryOfForm(instruction, description, mode);
      variants.set(variant, entry);
    }
    return entry;
  }

  #entryOfForm(instruction: Instruction, description: Description, mode: number): Entry {
    const form = buildForm(instruction, description, mode);
    const key = this.#keys.key(form);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const codeSize = moduleOf(mode);
    const module = this.#module(codeSize);
    const hot = module.byKey.get(key);
    if (hot === undefined) {
      const block = recordForm(form);
      return this.#newEntry(description, key, codeSize, this.#cold.add(form, block), !endsAlways(block));
    }
    const { falls } = module.hot[hot] as HotForm;
    const entry: Entry = {
      description,
      handler: hot,
      coldSlot: this.#cold.add(form),
      open: falls,
      linkable: DIRECT.has(description),
      fused: module.fusedByKey.get(key),
      flagless: module.flaglessByKey.get(key),
      flagEffect: flagEffect(recordForm(form)),
    };
    this.#byKey.set(key, entry);
    this.#byHandler[codeSize].set(hot, entry);
    for (const number of entry.fused?.values() ?? []) this.#byHandler[codeSize].set(number, entry);
    if (entry.flagless !== undefined) this.#byHandler[codeSize].set(entry.flagless, entry);
    return entry;
  }

  #newEntry(description: Description, key: string, codeSize: 32 | 64, coldSlot: number, open: boolean): Entry {
    const handler = firstCold(this.hot(codeSize)) + coldSlot;
    const entry = { description, handler, coldSlot, open, linkable: false, fused: undefined, ...OPAQUE };
    this.#byKey.set(key, entry);
    return entry;
  }

  /** Cold slot that runs the record on its own, whatever its handler is. */
  coldSlotOf(record: number, codeSize: 32 | 64): number {
    const handler = this.#writer.handler(record);
    const first = firstCold(this.hot(codeSize));
    if (handler >= first) return handler - first;
    return (this.#byHandler[codeSize].get(handler) as Entry).coldSlot;
  }

  /** Whether the record is a direct branch that jumps by a link. */
  isLinkable(record: number, mode: number): boolean {
    return this.#byHandler[moduleOf(mode)].get(this.#writer.handler(record))?.linkable ?? false;
  }

  goOn(mode: number): number {
    return goOnHandler(this.hot(moduleOf(mode)));
  }

  stop(mode: number): number {
    return stopHandler(this.hot(moduleOf(mode)));
  }

  /** Chooses better handlers for a run by what stands after each instruction. */
  optimise(first: number, count: number, mode: number): void {
    this.#dropDeadFlags(first, count, mode);
    this.#fuse(first, count, mode);
  }

  /** Flags that are written again before anything can see them need not be computed. */
  #dropDeadFlags(first: number, count: number, mode: number): void {
    const entries = this.#byHandler[moduleOf(mode)];
    let live = true;
    for (let i = count - 1; i >= 0; i--) {
      const record = first + i * RECORD.SIZE_BYTES;
      const entry = entries.get(this.#writer.handler(record));
      if (!live && entry?.flagless !== undefined) {
        this.#writer.setHandler(record, entry.flagless);
        live = entry.flagEffect === 'exposes';
      } else if (entry === undefined || entry.flagEffect === 'exposes' || entry.flagEffect === 'uses') live = true;
      else if (entry.flagEffect === 'kills') live = false;
    }
  }

  /** Gives comparisons that a conditional branch follows the handler of the pair. */
  #fuse(first: number, count: number, mode: number): void {
    const entries = this.#byHandler[moduleOf(mode)];
    const hot = this.hot(moduleOf(mode));
    for (let i = 0; i + 1 < count; i++) {
      const record = first + i * RECORD.SIZE_BYTES;
      const handler = this.#writer.handler(record);
      const entry = entries.get(handler);
      if (entry?.fused === undefined || entry.handler !== handler) continue;
      const next = hot[this.#writer.handler(record + RECORD.SIZE_BYTES)];
      if (next?.form.description !== Jcc) continue;
      const pair = entry.fused.get(next.form.cc);
      if (pair !== undefined) this.#writer.setHandler(record, pair);
    }
  }

  /** So many new instructions may not find a handler: the records must be dropped first, and all forms with them. */
  lacksRoomFor(instructions: number): boolean {
    return this.#cold.lacksRoomFor(instructions);
  }

  /** All records were dropped. */
  reset(): void {
    this.#procedures.clear();
    this.#strings.clear();
    if (!this.lacksRoomFor(ROOM)) return;
    this.#cold.reset();
    this.#byRow.clear();
    this.#byKey.clear();
    this.#byHandler[32].clear();
    this.#byHandler[64].clear();
  }
}

/** Whether a direct branch's target, counted from the page's start, fits the record. */
const isNear = ({ operands, length }: Instruction, offset: number): boolean => {
  const [operand] = operands;
  const displacement = operand?.kind === 'relative' ? operand.displacement : 0;
  return offset + length + displacement <= 0x7fff_ffff;
};

const moduleOf = (mode: number): 32 | 64 => ((mode & MODE.CODE_SIZE) === MODE.CODE_64 ? 64 : 32);

const endsAlways = (block: IrBlock): boolean => {
  const last = block.nodes.at(-1);
  if (last?.effect !== 'control') return false;
  return last.op !== 'branchRelative' || last.args.length === 0;
};

const FAULT_FORM = {
  operands: [],
  width: 32,
  addressWidth: 32,
  codeSize: 32,
  stackWidth: 32,
  cc: 0,
  repeat: 'none',
  unit: undefined,
  memory: undefined,
  flat: true,
} as const;
