import { VCPU_BYTES } from '../../cpu/interpreter/layout.ts';
import { GuestMemory } from '../../memory/guest-memory.ts';
import type { Platform } from '../../x86/processor.ts';
import { writeRflags } from '../../x86/rflags.ts';
import { ATTR, CR0, CR4, EFER, GPR, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE } from '../../x86/state.ts';
import { SoftVcpu, type VcpuStop } from './vcpu.ts';

/**
 * A vCPU at CPL 0 in 64-bit mode on identity-mapped memory, with handlers that write what they were entered with to a
 * log. A handler of a fault goes on at R15.
 */

const WASM_PAGE = 1 << 16;
const RAM_BYTES = 2 << 20;
const PML4 = 0x1000;
const PDPT = 0x2000;
const PD = 0x3000;
const PT = 0x4000;
const GDT = 0x5000;
const IDT = 0x6000;
const TSS = 0x7000;
const LOG_POINTER = 0x8000;
const LOG = 0x9000;
const LOG_ENTRY = 24;
export const CODE = 0x1_0000;
export const DATA = 0x3_0000;
const HANDLERS = 0x2_0000;
const STACK = 0x4_0000;
const IST = 0x4_4000;
/** A page of a device: stores go to `onStore`. */
export const DEVICE = 0x5_0000;

const TABLE = 0x67n;
const ERROR_CODES = new Set([8, 10, 11, 12, 13, 14, 17]);
const FAULTS = new Set([0, 6, 7, 12, 13, 14, 17]);

/** Bytes of hexadecimal text; spaces do not count. */
export const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.replace(/\s+/g, '').match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

const le32 = (value: number): string =>
  [0, 8, 16, 24].map((shift) => ((value >>> shift) & 255).toString(16).padStart(2, '0')).join('');

/** Where the handler of a vector is. */
export const handlerAt = (vector: number): number => HANDLERS + vector * 0x80;

export interface Entered {
  readonly vector: number;
  /** Relative to the program's start. */
  readonly rip: number;
  readonly rflags: number;
}

export class VcpuMachine {
  readonly memory: GuestMemory;
  readonly vcpu: SoftVcpu;
  onPortWrite: (port: number, value: number) => void = () => {};
  onStore: (gpa: number) => void = () => {};

  constructor() {
    const ramBase = Math.ceil(VCPU_BYTES / WASM_PAGE) * WASM_PAGE;
    const pages = (ramBase + RAM_BYTES) / WASM_PAGE;
    const wasmMemory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.memory = new GuestMemory(wasmMemory.buffer, ramBase, RAM_BYTES);
    this.vcpu = new SoftVcpu({
      wasmMemory,
      memory: this.memory,
      base: 0,
      mmio: {
        isMmio: (gpa) => gpa >>> 12 === DEVICE >>> 12,
        read: () => 0,
        write: (gpa) => this.onStore(gpa),
      },
      platform: this.#platform(),
      traits: {
        vendor: 'intel',
        features: new Set(['syscall', 'lm', 'msr', 'tsc', 'cx8', 'sse', 'sse2', 'fxsr', 'nopl', 'cmov'] as const),
        cr4Mask: -1,
        eferMask: -1,
        xcr0Mask: 3,
        xssMask: 0,
        pages1GiB: false,
      },
    });
    this.reset();
  }

  #platform(): Platform {
    return {
      portRead: () => 0,
      portWrite: (port, _sizeBytes, value) => this.onPortWrite(port, value),
      readMsr: () => undefined,
      writeMsr: () => false,
      readCr8: () => 0,
      writeCr8: () => {},
      readTsc: () => 0n,
      writeTsc: () => {},
      cpuid: () => [0, 0, 0, 0],
      hypercall: () => undefined,
      floatError: () => {},
      random: () => 0n,
    };
  }

  /** Everything as after creation. */
  reset(): void {
    this.memory.bytes.fill(0);
    this.vcpu.reset();
    this.onPortWrite = () => {};
    this.onStore = () => {};
    this.vcpu.acknowledge = () => -1;
    this.vcpu.setInterruptRequest(false);
    this.#tables();
    this.#registers();
  }

  #tables(): void {
    const { memory } = this;
    memory.writeU64(PML4, BigInt(PDPT) | TABLE);
    memory.writeU64(PDPT, BigInt(PD) | TABLE);
    memory.writeU64(PD, BigInt(PT) | TABLE);
    for (let page = 0; page < 512; page++) memory.writeU64(PT + 8 * page, BigInt(page * 4096) | TABLE);
    // null, code, data, user data, user code
    const descriptors = [
      0n,
      0x00af_9b00_0000_ffffn,
      0x00cf_9300_0000_ffffn,
      0x00cf_f300_0000_ffffn,
      0x00af_fb00_0000_ffffn,
    ];
    for (const [i, descriptor] of descriptors.entries()) memory.writeU64(GDT + 8 * i, descriptor);
    memory.writeU64(TSS + 4, BigInt(STACK)); // RSP0
    memory.writeU64(TSS + 0x24, BigInt(IST));
    memory.writeU64(LOG_POINTER, BigInt(LOG));
    for (let vector = 0; vector < 256; vector++) this.#handler(vector);
  }

  #handler(vector: number): void {
    const at = handlerAt(vector);
    const extra = ERROR_CODES.has(vector) ? 8 : 0;
    const offset = (bytes: number): string => (bytes + extra).toString(16).padStart(2, '0');
    const code = [
      '50 53', // PUSH RAX; PUSH RBX
      `48 8b 1c 25 ${le32(LOG_POINTER)}`, // MOV RBX, [LOG_POINTER]
      `48 c7 03 ${le32(vector)}`, // MOV qword [RBX], vector
      `48 8b 44 24 ${offset(16)} 48 89 43 08`, // RIP
      `48 8b 44 24 ${offset(32)} 48 89 43 10`, // RFLAGS
      `48 83 c3 18 48 89 1c 25 ${le32(LOG_POINTER)}`,
      FAULTS.has(vector) ? `4c 89 7c 24 ${offset(16)}` : '', // RIP = R15
      `5b 58 ${extra > 0 ? '48 83 c4 08' : ''} 48 cf`, // POP RBX; POP RAX; ADD RSP, 8; IRETQ
    ].join('');
    this.memory.bytes.set(bytesOf(code), at);
    this.setGate(vector, at);
  }

  setGate(vector: number, handler: number, ist = 0): void {
    const low = BigInt(handler & 0xffff) | (0x08n << 16n) | (BigInt(ist) << 32n) | (0x8en << 40n);
    this.memory.writeU64(IDT + 16 * vector, low | (BigInt(handler >>> 16) << 48n));
    this.memory.writeU64(IDT + 16 * vector + 8, 0n);
  }

  #registers(): void {
    const cpu = this.vcpu.processor;
    cpu.setU64(STATE.cr0, BigInt((CR0.PE | CR0.ET | CR0.NE | CR0.WP | CR0.PG) >>> 0));
    cpu.setU64(STATE.cr3, BigInt(PML4));
    cpu.setU64(STATE.cr4, BigInt(CR4.PAE | CR4.OSFXSR | CR4.DE));
    cpu.setU64(STATE.efer, BigInt(EFER.SCE | EFER.LME | EFER.LMA | EFER.NXE));
    const data = ATTR.S | ATTR.P | ATTR.WRITABLE | ATTR.ACCESSED | ATTR.DB | ATTR.G;
    const code = ATTR.S | ATTR.P | ATTR.CODE | ATTR.READABLE | ATTR.ACCESSED | ATTR.L | ATTR.G;
    for (const segment of [SEG.ES, SEG.CS, SEG.SS, SEG.DS, SEG.FS, SEG.GS]) {
      const isCode = segment === SEG.CS;
      this.#segment(segment, isCode ? 0x08 : 0x10, isCode ? code : data, 0, 0xffff_ffff);
    }
    this.#segment(SEG.TR, 0x28, ATTR.P | 11, TSS, 0x67);
    cpu.setU64(STATE.gdtrBase, BigInt(GDT));
    cpu.setU32(STATE.gdtrLimit, 0xff);
    cpu.setU64(STATE.idtrBase, BigInt(IDT));
    cpu.setU32(STATE.idtrLimit, 0xfff);
    cpu.setU32(STATE.cpl, 0);
    for (let i = 0; i < 16; i++) cpu.setU64(STATE.gpr + 8 * i, 0n);
    cpu.setU64(STATE.gpr + 8 * GPR.RSP, BigInt(STACK));
    cpu.setU64(STATE.rip, BigInt(CODE));
    writeRflags(cpu.words, RFLAGS.FIXED);
    cpu.updateMode();
    cpu.flushTlb('all');
  }

  #segment(segment: number, selector: number, attributes: number, base: number, limit: number): void {
    const cpu = this.vcpu.processor;
    const at = STATE.segments + segment * SEGMENT_BYTES;
    cpu.setU32(at + SEGMENT.selector, selector);
    cpu.setU32(at + SEGMENT.attributes, attributes);
    cpu.setU32(at + SEGMENT.limit, limit);
    cpu.setU64(at + SEGMENT.base, BigInt(base));
  }

  /** Puts a program at CODE, and HLT with interrupts off after it. */
  load(hex: string): void {
    this.memory.bytes.set([...bytesOf(hex), 0xfa, 0xf4], CODE);
    this.vcpu.interpreter.code.reset();
  }

  setFlags(flags: number): void {
    writeRflags(this.vcpu.processor.words, flags | RFLAGS.FIXED);
  }

  setGpr(index: number, value: number | bigint): void {
    this.vcpu.processor.setU64(STATE.gpr + 8 * index, BigInt(value));
  }

  gpr(index: number): number {
    return Number(this.vcpu.processor.u64(STATE.gpr + 8 * index));
  }

  get rip(): number {
    return Number(this.vcpu.processor.u64(STATE.rip)) - CODE;
  }

  /** Takes a page out of the identity mapping. */
  unmap(linear: number): void {
    this.memory.writeU64(PT + 8 * (linear >>> 12), 0n);
    this.vcpu.processor.flushTlb('all');
  }

  /** Runs in slices until something else than the budget ends one. */
  runToEnd(sliceInstructions: number, limit = 100_000): VcpuStop {
    for (let used = 0; used < limit; used += sliceInstructions) {
      const stop = this.vcpu.run(sliceInstructions);
      if (stop !== 'budget') return stop;
    }
    return 'budget';
  }

  /** Handlers that were entered, in order. */
  log(): Entered[] {
    const end = Number(this.memory.readU64(LOG_POINTER));
    return Array.from({ length: (end - LOG) / LOG_ENTRY }, (_, i) => ({
      vector: this.memory.readU32(LOG + i * LOG_ENTRY),
      rip: Number(this.memory.readU64(LOG + i * LOG_ENTRY + 8)) - CODE,
      rflags: this.memory.readU32(LOG + i * LOG_ENTRY + 16),
    }));
  }

  /** `vector@rip` of the log. */
  entries(): string[] {
    return this.log().map(({ vector, rip }) => `${vector}@${rip.toString(16)}`);
  }
}
