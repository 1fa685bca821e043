import type { GuestMemory } from '../../memory/guest-memory.ts';
import type { CpuTraits } from '../../x86/cpuid/traits.ts';
import { Decoder } from '../../x86/decoder.ts';
import { opcodeMaps } from '../../x86/opcodes/maps.ts';
import { ACCESS, type Platform } from '../../x86/processor.ts';
import { MODE } from '../../x86/processor-mode.ts';
import type { Procedure } from '../../x86/semantics.ts';
import { RFLAGS, SHADOW, STATE } from '../../x86/state.ts';
import { STATUS } from '../ir/record.ts';
import type { Mmio } from '../processor/mmio.ts';
import { SoftProcessor } from '../processor/soft-processor.ts';
import { AccessPath } from './access-path.ts';
import { CodeCache } from './code-cache.ts';
import { CodeLookup } from './code-lookup.ts';
import { type ColdHandler, ColdHandlers } from './cold-handlers.ts';
import { EXIT, RETRY } from './exits.ts';
import { FloatRuntime } from './float-runtime.ts';
import { enterHandler } from './handler-numbers.ts';
import { HandlerTable } from './handler-table.ts';
import { type HotForms, hotForms } from './hot-forms.ts';
import { enterRecord, RECORDS } from './layout.ts';
import { RecordWriter } from './record-writer.ts';
import { COLD_SLOTS, prebuiltFor, runModule } from './run-module.ts';
import { SoftTlb } from './soft-tlb.ts';
import { StringRuns } from './string-runs.ts';

const PAGE = 4096;
const WORD = {
  mode: STATE.mode >> 2,
  rip: STATE.rip >> 2,
  ripBase: STATE.ripBase >> 2,
  afterStore: STATE.afterStore >> 2,
  eventPending: STATE.eventPending >> 2,
  shadow: STATE.interruptShadow >> 2,
  rflags: STATE.rflagsSystem >> 2,
  debugArmed: STATE.debugArmed >> 2,
  budget: STATE.budget >> 2,
} as const;

export interface InterpreterOptions {
  readonly wasmMemory: WebAssembly.Memory;
  readonly memory: GuestMemory;
  /** Linear-memory address of this vCPU's tables (layout.ts), 64-KiB-aligned. */
  readonly base: number;
  readonly mmio: Mmio;
  readonly platform: Platform;
  readonly traits: CpuTraits;
  /** Forms with a handler inside run(); tests compare the usual ones with none. */
  readonly hotForms?: HotForms;
}

type Run = (budget: number, first: number) => number;

/** One vCPU on generated WebAssembly: decodes ahead into records and runs them. */
export class Interpreter {
  readonly processor: SoftProcessor;
  readonly words: Int32Array;
  readonly tlb: SoftTlb;
  readonly code: CodeCache;
  readonly lookup: CodeLookup;
  readonly cold: ColdHandlers;
  readonly #handlers: HandlerTable;
  readonly #writer: RecordWriter;
  readonly #access: AccessPath;
  readonly #options: InterpreterOptions;
  readonly #imports: Record<string, Record<string, WebAssembly.ImportValue>>;
  readonly #runs: Record<32 | 64, { run: Run; table: WebAssembly.Table } | undefined> = {
    32: undefined,
    64: undefined,
  };
  /** The last procedure that completed in the last call of run() or step(). */
  lastProcedure: Procedure | undefined;
  /** STATE.budget when an instruction ran that set the interrupt shadow or RF. */
  #momentaryAt = Number.NaN;
  /** Bytes of generated modules, for `stat`. */
  runBytes = 0;

  constructor(options: InterpreterOptions) {
    const { wasmMemory, memory, base, mmio, platform, traits } = options;
    const { buffer } = wasmMemory;
    this.#options = options;
    this.tlb = new SoftTlb(buffer, base);
    const cache = {
      flush: (what: 'all' | 'non-global') => this.#flush(what),
      flushPage: (low: number, high: number) => this.#flushPage(low, high),
      written: (gpa: number, bytes: number) => this.written(gpa, bytes),
    };
    this.processor = new SoftProcessor({ memory, stateBase: base, cache, mmio, platform, traits });
    this.words = this.processor.words;
    this.#writer = new RecordWriter(buffer, base);
    const floats = new FloatRuntime(buffer, base);
    this.#access = new AccessPath({
      processor: this.processor,
      memory,
      mmio,
      tlb: this.tlb,
      buffer,
      base,
      holdsCode: (gpa) => this.code.holdsCode(gpa),
    });
    const strings = new StringRuns(this.processor, this.#access, buffer);
    const host = {
      memory: wasmMemory,
      accessAddress: (record: number, low: number, high: number, kind: number) =>
        this.#access.address(record, low, high, kind),
      commitAccess: () => this.#access.commit(),
      segmentLinear: (record: number, low: number, high: number, segment: number, kind: number) =>
        this.#access.segmentLinear(record, low, high, segment, kind),
      intrinsic: (number: number, count: number) => floats.intrinsic(number, count),
      float: (number: number, lanes: number) => floats.float(number, lanes),
      procedure: (record: number) => this.#procedure(record),
      repeatString: (record: number) => strings.run(this.#handlers.stringOf(record)),
      slowRecord: (record: number, low: number, high: number, why: number) => this.#slowRecord(record, low, high, why),
      lookup: (low: number, high: number) => {
        this.words[WORD.afterStore] = 0;
        return this.lookup.find(low, high);
      },
    };
    this.#imports = { host } as unknown as Record<string, Record<string, WebAssembly.ImportValue>>;
    this.cold = new ColdHandlers(
      {
        base,
        imports: this.#imports,
        slots: COLD_SLOTS,
        install: (slot, handler) => {
          for (const run of [this.#runs[32], this.#runs[64]]) run?.table.set(slot, handler);
        },
      },
      (record) => this.#handlers.coldSlotOf(record, this.#codeSize()),
    );
    this.#handlers = new HandlerTable(this.#writer, this.cold, options.hotForms ?? hotForms);
    this.code = new CodeCache({
      memory,
      decoder: new Decoder(opcodeMaps()),
      features: traits.features,
      writer: this.#writer,
      handlers: this.#handlers,
      base: base + RECORDS.OFFSET,
      onCodePage: (page) => this.tlb.dropWrites(memory.base + page * 4096),
      onInvalidate: () => {
        this.words[WORD.afterStore] = STATUS.BRANCH;
        this.lookup.flush('all');
      },
    });
    this.lookup = new CodeLookup(this.words, buffer, base, { access: this.#access, code: this.code });
  }

  #codeSize(): 32 | 64 {
    return ((this.words[WORD.mode] as number) & MODE.CODE_SIZE) === MODE.CODE_64 ? 64 : 32;
  }

  #module(codeSize: 32 | 64): { run: Run; table: WebAssembly.Table } {
    const known = this.#runs[codeSize];
    if (known !== undefined) return known;
    const hot = this.#handlers.hot(codeSize);
    const { base, hotForms: chosen } = this.#options;
    this.#writer.setHandler(enterRecord(base, codeSize), enterHandler(hot));
    const bytes = runModule(hot, { base, codeSize }, prebuiltFor(chosen));
    this.runBytes += bytes.length;
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), this.#imports);
    const made = { run: exports.run as Run, table: exports.cold as WebAssembly.Table };
    this.#runs[codeSize] = made;
    this.cold.installAll((slot: number, handler: ColdHandler) => made.table.set(slot, handler));
    return made;
  }

  /** Runs up to `budget` instructions from STATE.rip; an EXIT. STATE.budget is what is left. */
  run(budget: number): number {
    this.lookup.sync();
    return this.#enter(budget, 0);
  }

  /** Runs exactly one instruction (or one element of a repeated one), uncached; an EXIT. */
  step(): number {
    this.lookup.sync();
    const record = this.lookup.prepareStep(this.words[WORD.rip] as number, this.words[WORD.rip + 1] as number);
    return record === 0 ? EXIT.FAULT : this.#enter(1, record);
  }

  #enter(budget: number, record: number): number {
    const { words } = this;
    words[WORD.afterStore] = 0;
    this.lastProcedure = undefined;
    this.#momentaryAt = Number.NaN;
    const exit = this.#module(this.#codeSize()).run(budget, record);
    const left = words[WORD.budget] as number;
    if (left < budget && left !== this.#momentaryAt - 1) this.#endMomentary();
    return exit;
  }

  /** Interrupt shadow and RF last for one instruction. */
  #endMomentary(): void {
    this.words[WORD.shadow] = SHADOW.NONE;
    this.words[WORD.rflags] = (this.words[WORD.rflags] as number) & ~RFLAGS.RF;
  }

  /** Memory was changed by something else than this CPU's stores. */
  written(gpa: number, bytes: number): void {
    if (bytes > PAGE || this.code.holdsCode(gpa) || this.code.holdsCode(gpa + bytes - 1)) this.code.written(gpa, bytes);
  }

  #flush(what: 'all' | 'non-global'): void {
    this.tlb.flush(what);
    this.lookup.flush(what);
  }

  #flushPage(low: number, high: number): void {
    this.tlb.flushPage(low, high);
    this.lookup.flushPage(low, high);
  }

  /** A hot handler met a TLB miss, or something that only its cold handler can do. */
  #slowRecord(record: number, low: number, high: number, why: number): number {
    if (why !== 2 && this.#access.fill(low, high, why === 1 ? ACCESS.WRITE : ACCESS.READ)) return RETRY;
    const slot = this.#handlers.coldSlotOf(record, this.#codeSize());
    return this.cold.handler(slot)(record);
  }

  #procedure(record: number): number {
    const { words, processor } = this;
    const instruction = this.#handlers.procedureOf(record);
    this.#setRip(record);
    const before = words[WORD.mode] as number;
    this.#endMomentary();
    if (!processor.runProcedure(instruction)) return STATUS.FAULT;
    this.lookup.sync();
    const { semantics } = instruction.row;
    if (semantics.kind === 'procedure') this.lastProcedure = semantics;
    const rflags = words[WORD.rflags] as number;
    if (words[WORD.shadow] !== 0 || (rflags & RFLAGS.RF) !== 0) this.#momentaryAt = words[WORD.budget] as number;
    const resized = (((words[WORD.mode] as number) ^ before) & MODE.CODE_SIZE) !== 0;
    if (resized || processor.halted || words[WORD.eventPending] !== 0) return STATUS.STOP;
    if ((rflags & RFLAGS.TF) !== 0 || words[WORD.debugArmed] !== 0) return STATUS.STOP;
    return semantics.kind === 'procedure' && !semantics.endsBlock && words[WORD.afterStore] === 0
      ? STATUS.NEXT
      : STATUS.BRANCH;
  }

  /** STATE.rip of the record that runs. */
  #setRip(record: number): void {
    const { words } = this;
    const offset = this.#writer.offset(record);
    const low = ((words[WORD.ripBase] as number) >>> 0) + offset;
    words[WORD.rip] = low;
    words[WORD.rip + 1] =
      this.#codeSize() === 64 ? (words[WORD.ripBase + 1] as number) + (low > 0xffff_ffff ? 1 : 0) : 0;
  }
}
