import { ByteWriter } from './bytes.ts';
import type { Code } from './code.ts';
import { TYPE, type ValueType } from './opcodes.ts';

export interface Signature {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** Limits of a memory, in pages of 64 KiB. */
export interface MemoryPages {
  readonly initial: number;
  readonly maximum?: number;
}

const FUNC_TYPE = 0x60;
const FUNC_REF = 0x70;
const SECTION = { type: 1, import: 2, function: 3, table: 4, export: 7, code: 10 } as const;
const EXTERNAL = { function: 0, table: 1, memory: 2 } as const;

/** Builds one module that imports a memory and functions, and defines functions and perhaps a table. */
export class ModuleBuilder {
  readonly #types: Signature[] = [];
  readonly #typeIndex = new Map<string, number>();
  readonly #imports: { name: string; type: number }[] = [];
  readonly #functions: { type: number; code: Code }[] = [];
  readonly #exports: { name: string; kind: number; index: number }[] = [];
  readonly #memoryPages: MemoryPages;
  #tableSize: number | undefined;

  /** `memoryPages`: what the imported memory must have. */
  constructor(memoryPages: MemoryPages) {
    this.#memoryPages = memoryPages;
  }

  typeIndex(signature: Signature): number {
    const key = `${signature.parameters.join()}:${signature.results.join()}`;
    const known = this.#typeIndex.get(key);
    if (known !== undefined) return known;
    this.#types.push(signature);
    this.#typeIndex.set(key, this.#types.length - 1);
    return this.#types.length - 1;
  }

  /** Imports come before functions. Returns the function's index. */
  importFunction(name: string, signature: Signature): number {
    if (this.#functions.length > 0) throw new Error('Broken invariant: imports come before functions');
    this.#imports.push({ name, type: this.typeIndex(signature) });
    return this.#imports.length - 1;
  }

  addFunction(signature: Signature, code: Code, exportName?: string): number {
    this.#functions.push({ type: this.typeIndex(signature), code });
    const index = this.#imports.length + this.#functions.length - 1;
    if (exportName !== undefined) this.#exports.push({ name: exportName, kind: EXTERNAL.function, index });
    return index;
  }

  exportTable(name: string, size: number): void {
    this.#tableSize = size;
    this.#exports.push({ name, kind: EXTERNAL.table, index: 0 });
  }

  finish(): Uint8Array<ArrayBuffer> {
    const out = new ByteWriter();
    out.bytes([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
    const section = (id: number, count: number, write: (body: ByteWriter) => void): void => {
      if (count === 0) return;
      const body = new ByteWriter();
      body.u32(count);
      write(body);
      out.byte(id);
      out.u32(body.length);
      out.bytes(body.view());
    };
    section(SECTION.type, this.#types.length, (body) => {
      for (const { parameters, results } of this.#types) {
        body.byte(FUNC_TYPE);
        for (const list of [parameters, results]) {
          body.u32(list.length);
          for (const type of list) body.byte(TYPE[type]);
        }
      }
    });
    section(SECTION.import, this.#imports.length + 1, (body) => {
      for (const { name, type } of this.#imports) {
        body.name('host');
        body.name(name);
        body.byte(EXTERNAL.function);
        body.u32(type);
      }
      body.name('host');
      body.name('memory');
      body.byte(EXTERNAL.memory);
      const { initial, maximum } = this.#memoryPages;
      body.byte(maximum === undefined ? 0 : 1);
      body.u32(initial);
      if (maximum !== undefined) body.u32(maximum);
    });
    section(SECTION.function, this.#functions.length, (body) => {
      for (const { type } of this.#functions) body.u32(type);
    });
    section(SECTION.table, this.#tableSize === undefined ? 0 : 1, (body) => {
      body.byte(FUNC_REF);
      body.byte(0);
      body.u32(this.#tableSize ?? 0);
    });
    section(SECTION.export, this.#exports.length, (body) => {
      for (const { name, kind, index } of this.#exports) {
        body.name(name);
        body.byte(kind);
        body.u32(index);
      }
    });
    section(SECTION.code, this.#functions.length, (body) => {
      for (const { code } of this.#functions) {
        const bytes = code.finish();
        body.u32(bytes.length);
        body.bytes(bytes);
      }
    });
    return out.view();
  }
}
