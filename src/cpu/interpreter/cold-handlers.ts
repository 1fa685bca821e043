import { Code } from '../../wasm/code.ts';
import { ModuleBuilder } from '../../wasm/module.ts';
import { intrinsics } from '../../x86/intrinsics/table.ts';
import type { Form } from '../ir/form.ts';
import type { IrBlock } from '../ir/node.ts';
import { recordForm } from '../ir/record-form.ts';
import { ColdLowering } from './cold-lowering.ts';
import { importHostFunctions } from './host-functions.ts';
import { memoryOf } from './layout.ts';

export type ColdHandler = (record: number) => number;

const HANDLER = { parameters: ['i32'], results: ['i32'] } as const;

/** Numbers of intrinsics in calls from generated code. */
export const INTRINSIC_NAMES: readonly string[] = Object.keys(intrinsics);
const INTRINSIC_NUMBERS = new Map(INTRINSIC_NAMES.map((name, i) => [name, i]));
const intrinsicNumber = (name: string): number => {
  const number = INTRINSIC_NUMBERS.get(name);
  if (number === undefined) throw new Error(`Broken invariant: ${name} is an intrinsic`);
  return number;
};

interface ColdOptions {
  readonly base: number;
  readonly imports: Record<string, Record<string, WebAssembly.ImportValue>>;
  readonly slots: number;
  /** Puts a function into the tables of all run modules. */
  readonly install: (slot: number, handler: ColdHandler) => void;
}

/**
 * Handlers outside run(), in slots of its table. A slot begins as a stub; the first call compiles all slots that
 * still are stubs, in one module.
 */
export class ColdHandlers {
  readonly #options: ColdOptions;
  readonly #handlers: (ColdHandler | undefined)[] = [];
  readonly #pending: { slot: number; form: Form; block: IrBlock }[] = [];
  readonly #stub: ColdHandler;
  readonly #procedure: ColdHandler;
  modules = 0;
  bytes = 0;

  constructor(options: ColdOptions, slotOf: (record: number) => number) {
    this.#options = options;
    const compileAndRun = (record: number): number => this.handler(slotOf(record))(record);
    const host = options.imports.host as Record<string, WebAssembly.ImportValue>;
    [this.#stub, this.#procedure] = this.#wrap(compileAndRun, host.procedure as ColdHandler);
  }

  /** JavaScript functions as WebAssembly ones, which a table demands. */
  #wrap(...functions: ColdHandler[]): [ColdHandler, ColdHandler] {
    const module = new ModuleBuilder(memoryOf(this.#options.base));
    const indices = functions.map((_, i) => module.importFunction(`f${i}`, HANDLER));
    for (const index of indices) {
      const code = new Code(1);
      code.get(0);
      code.call(index);
      module.addFunction(HANDLER, code, `f${index}`);
    }
    const memory = (this.#options.imports.host as { memory: WebAssembly.Memory }).memory;
    const host = Object.fromEntries([['memory', memory], ...functions.map((f, i) => [`f${i}`, f])]);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), { host });
    return [exports.f0 as ColdHandler, exports.f1 as ColdHandler];
  }

  #newSlot(handler: ColdHandler): number {
    const slot = this.#handlers.length;
    if (slot >= this.#options.slots) throw new Error('Broken invariant: the cold table has room for every form');
    this.#handlers.push(undefined);
    this.#options.install(slot, handler);
    return slot;
  }

  /** Fewer than `count` slots are left: 8-bit immediates that choose the operation make for more forms than slots. */
  lacksRoomFor(count: number): boolean {
    return this.#handlers.length + count > this.#options.slots;
  }

  /** Drops all but the procedure's slot, which came first. */
  reset(): void {
    this.#handlers.length = 1;
    this.#pending.length = 0;
  }

  /** A slot whose handler calls the host's `procedure`: the first. */
  addProcedure(): number {
    const slot = this.#newSlot(this.#procedure);
    this.#handlers[slot] = this.#procedure;
    return slot;
  }

  add(form: Form, block: IrBlock = recordForm(form)): number {
    const slot = this.#newSlot(this.#stub);
    this.#pending.push({ slot, form, block });
    return slot;
  }

  /** All handlers so far, for a table that is made later. */
  installAll(install: (slot: number, handler: ColdHandler) => void): void {
    for (const [slot, handler] of this.#handlers.entries()) install(slot, handler ?? this.#stub);
  }

  handler(slot: number): ColdHandler {
    if (this.#handlers[slot] === undefined) this.#compilePending();
    return this.#handlers[slot] as ColdHandler;
  }

  #compilePending(): void {
    const { base, imports, install } = this.#options;
    const module = new ModuleBuilder(memoryOf(base));
    const host = importHostFunctions(module);
    for (const { slot, form, block } of this.#pending) {
      const code = new Code(1);
      const lowering = new ColdLowering(code, base, host, intrinsicNumber);
      lowering.lower(block, form);
      lowering.finish();
      module.addFunction(HANDLER, code, `s${slot}`);
    }
    const bytes = module.finish();
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
    for (const { slot } of this.#pending) {
      const handler = exports[`s${slot}`] as ColdHandler;
      this.#handlers[slot] = handler;
      install(slot, handler);
    }
    this.#pending.length = 0;
    this.modules++;
    this.bytes += bytes.length;
  }
}
