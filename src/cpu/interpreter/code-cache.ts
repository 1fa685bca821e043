import type { GuestMemory } from '../../memory/guest-memory.ts';
import type { Decoder } from '../../x86/decoder.ts';
import type { FeatureSet } from '../../x86/opcodes/row.ts';
import { RECORD } from '../ir/record.ts';
import type { Decoded, HandlerTable } from './handler-table.ts';
import { RECORDS } from './layout.ts';
import type { RecordWriter } from './record-writer.ts';

const PAGE = 4096;
/** Records decoded ahead at once; the next run follows when it is reached. */
const RUN_LIMIT = 48;
const MAX_INSTRUCTION = 15;

/** Decoded code of one guest-physical page. Keys are mode << 12 | offset. */
class CodePage {
  readonly records = new Map<number, number>();
  /** Direct branches to places not decoded yet. */
  readonly unlinked = new Map<number, number[]>();
  /** 64-byte chunks that hold decoded bytes. */
  chunksLow = 0;
  chunksHigh = 0;
  /** Pages whose last instruction ends in this one. */
  readonly enteredFrom = new Set<number>();

  markDecoded(offset: number, length: number): void {
    const last = Math.min(offset + length - 1, PAGE - 1) >> 6;
    for (let chunk = offset >> 6; chunk <= last; chunk++) {
      if (chunk < 32) this.chunksLow |= 1 << chunk;
      else this.chunksHigh |= 1 << (chunk - 32);
    }
  }

  holds(offset: number, length: number): boolean {
    const last = (offset + length - 1) >> 6;
    for (let chunk = offset >> 6; chunk <= last; chunk++) {
      if (((chunk < 32 ? this.chunksLow >>> chunk : this.chunksHigh >>> (chunk - 32)) & 1) !== 0) return true;
    }
    return false;
  }
}

export interface CodeCacheOptions {
  readonly memory: GuestMemory;
  readonly decoder: Decoder;
  readonly features: FeatureSet;
  readonly writer: RecordWriter;
  readonly handlers: HandlerTable;
  /** Linear-memory address of the record area. */
  readonly base: number;
  /** A page got its first decoded code: writes to it must be reported from now on. */
  readonly onCodePage: (page: number) => void;
  /** Decoded code was dropped: nothing may go on running it. */
  readonly onInvalidate: () => void;
}

/** Runs of decoded instructions by guest-physical address and mode. */
export class CodeCache {
  readonly #options: CodeCacheOptions;
  readonly #pages = new Map<number, CodePage>();
  readonly #isCode: Uint8Array;
  readonly #edge = new Uint8Array(2 * MAX_INSTRUCTION);
  #next: number;
  decoded = 0;
  invalidations = 0;

  constructor(options: CodeCacheOptions) {
    this.#options = options;
    this.#next = options.base + RECORDS.RESERVED * RECORD.SIZE_BYTES;
    this.#isCode = new Uint8Array(Math.ceil(options.memory.sizeBytes / PAGE));
  }

  holdsCode(gpa: number): boolean {
    return this.#isCode[gpa >>> 12] === 1;
  }

  /**
   * The record for code at gpa. `next` translates the page after it, for an instruction that ends there: its gpa, or
   * undefined if that faults (the fault is in the state).
   */
  find(gpa: number, mode: number, next: () => number | undefined): number | undefined {
    const page = this.#page(gpa >>> 12);
    const key = (mode << 12) | (gpa & (PAGE - 1));
    const known = page.records.get(key);
    if (known !== undefined) return known;
    if (this.#isFull()) {
      this.reset();
      return this.find(gpa, mode, next);
    }
    return this.#decodeRun(page, gpa, mode) ?? this.#decodeCrossing(page, gpa, mode, next);
  }

  #isFull(): boolean {
    const { base, handlers } = this.#options;
    const end = base + RECORDS.CAPACITY * RECORD.SIZE_BYTES;
    return this.#next + (RUN_LIMIT + 2) * RECORD.SIZE_BYTES > end || handlers.lacksRoomFor(RUN_LIMIT + 2);
  }

  #page(number: number): CodePage {
    const known = this.#pages.get(number);
    if (known !== undefined) return known;
    const page = new CodePage();
    this.#pages.set(number, page);
    this.#isCode[number] = 1;
    this.#options.onCodePage(number);
    return page;
  }

  /** Decodes until a branch, the page's end or code known already; undefined if the first instruction leaves the page. */
  #decodeRun(page: CodePage, gpa: number, mode: number): number | undefined {
    const { writer, handlers } = this.#options;
    const first = this.#next;
    const start = gpa - (gpa & (PAGE - 1));
    let offset = gpa - start;
    let count = 0;
    let open = true;
    while (open && count < RUN_LIMIT && offset < PAGE) {
      const key = (mode << 12) | offset;
      if (page.records.has(key)) break;
      const instruction = this.#decode(this.#options.memory.bytes, start + offset, start + PAGE, mode);
      if (instruction === undefined) break;
      const record = this.#next;
      page.records.set(key, record);
      open = handlers.write(record, instruction, offset, mode);
      const length = handlers.lengthOf(instruction);
      page.markDecoded(offset, length);
      this.#resolve(page, key, record);
      this.#linkBranch(page, record, instruction, offset, mode);
      this.#next += RECORD.SIZE_BYTES;
      offset += length;
      count++;
    }
    if (count === 0) return undefined;
    if (open) this.#goOn(page, offset, mode);
    for (let i = 0; i < count; i++) writer.setRemaining(first + i * RECORD.SIZE_BYTES, count - i);
    handlers.optimise(first, count, mode);
    this.decoded += count;
    return first;
  }

  /** Ends a run with a jump to where the code goes on. */
  #goOn(page: CodePage, offset: number, mode: number): void {
    const { writer, handlers } = this.#options;
    const record = this.#next;
    writer.place(record, Math.min(offset, PAGE - 1), 0);
    writer.setHandler(record, handlers.goOn(mode));
    writer.setBranch(record, offset);
    writer.setRemaining(record, 0);
    writer.setLink(record, 0);
    if (offset < PAGE) this.#link(page, record, (mode << 12) | offset);
    this.#next += RECORD.SIZE_BYTES;
  }

  #linkBranch(page: CodePage, record: number, instruction: Decoded, offset: number, mode: number): void {
    if (typeof instruction === 'string' || !this.#options.handlers.isLinkable(record, mode)) return;
    const operand = instruction.operands[0];
    if (operand?.kind !== 'relative') return;
    this.#options.writer.setLink(record, 0);
    const target = offset + instruction.length + operand.displacement;
    if (target >= 0 && target < PAGE) this.#link(page, record, (mode << 12) | target);
  }

  #link(page: CodePage, record: number, key: number): void {
    const target = page.records.get(key);
    if (target !== undefined) return this.#options.writer.setLink(record, target);
    const waiting = page.unlinked.get(key);
    if (waiting === undefined) page.unlinked.set(key, [record]);
    else waiting.push(record);
  }

  #resolve(page: CodePage, key: number, target: number): void {
    const waiting = page.unlinked.get(key);
    if (waiting === undefined) return;
    page.unlinked.delete(key);
    for (const record of waiting) this.#options.writer.setLink(record, target);
  }

  #decode(bytes: Uint8Array, offset: number, end: number, mode: number): Decoded | undefined {
    const result = this.#options.decoder.decode(bytes, offset, end, mode, this.#options.features);
    if (result.row !== undefined) return result;
    return result.kind === 'more' ? undefined : result.kind;
  }

  /** An instruction that begins in this page and ends in the next. */
  #decodeCrossing(page: CodePage, gpa: number, mode: number, next: () => number | undefined): number | undefined {
    const nextGpa = next();
    if (nextGpa === undefined) return undefined;
    const { writer, handlers } = this.#options;
    const instruction = this.#decodeAcross(gpa, nextGpa, mode);
    const record = this.#next;
    const offset = gpa & (PAGE - 1);
    const open = handlers.write(record, instruction, offset, mode);
    writer.setRemaining(record, 1);
    if (handlers.isLinkable(record, mode)) writer.setLink(record, 0);
    page.markDecoded(offset, PAGE - offset);
    const second = this.#page(nextGpa >>> 12);
    second.markDecoded(0, MAX_INSTRUCTION);
    second.enteredFrom.add(gpa >>> 12);
    this.#next += RECORD.SIZE_BYTES;
    if (open) this.#goOn(page, offset + handlers.lengthOf(instruction), mode);
    this.decoded++;
    return record;
  }

  #decodeAcross(gpa: number, nextGpa: number, mode: number): Decoded {
    const { memory } = this.#options;
    const head = PAGE - (gpa & (PAGE - 1));
    this.#edge.set(memory.bytes.subarray(gpa, gpa + Math.min(head, MAX_INSTRUCTION)));
    this.#edge.set(memory.bytes.subarray(nextGpa, nextGpa + MAX_INSTRUCTION), head);
    return this.#decode(this.#edge, 0, head + MAX_INSTRUCTION, mode) ?? 'invalid';
  }

  /** A store reached a page that holds code. */
  written(gpa: number, bytes: number): void {
    for (let at = gpa; at < gpa + bytes; ) {
      const end = Math.min(gpa + bytes, at - (at % PAGE) + PAGE);
      const page = this.#pages.get(at >>> 12);
      if (page?.holds(at & (PAGE - 1), end - at)) this.#drop(at >>> 12, page);
      at = end;
    }
  }

  #drop(number: number, page: CodePage): void {
    this.#pages.delete(number);
    this.#isCode[number] = 0;
    this.invalidations++;
    for (const other of page.enteredFrom) {
      const from = this.#pages.get(other);
      if (from !== undefined) this.#drop(other, from);
    }
    this.#options.onInvalidate();
  }

  /** Drops everything. */
  reset(): void {
    this.#pages.clear();
    this.#isCode.fill(0);
    this.#next = this.#options.base + RECORDS.RESERVED * RECORD.SIZE_BYTES;
    this.#options.handlers.reset();
    this.#options.onInvalidate();
  }

  /** Decodes the instruction at gpa into the two step records: itself, then a stop. `roomBytes`: the code segment's end. */
  prepareStep(gpa: number, mode: number, next: () => number | undefined, roomBytes: number): number | undefined {
    const { memory, writer, handlers, base } = this.#options;
    const offset = gpa & (PAGE - 1);
    let instruction = this.#decode(memory.bytes, gpa, gpa + Math.min(PAGE - offset, roomBytes), mode);
    if (instruction === undefined) {
      const nextGpa = next();
      if (nextGpa === undefined) return undefined;
      instruction = this.#decodeAcross(gpa, nextGpa, mode);
    }
    if (handlers.lacksRoomFor(1)) this.reset();
    handlers.write(base, instruction, offset, mode);
    if (handlers.isLinkable(base, mode)) writer.setLink(base, 0);
    writer.setRemaining(base, 1);
    const stop = base + RECORD.SIZE_BYTES;
    const after = offset + handlers.lengthOf(instruction);
    writer.place(stop, 0, 0);
    writer.setBranch(stop, after);
    writer.setHandler(stop, handlers.stop(mode));
    writer.setRemaining(stop, 0);
    return base;
  }
}
