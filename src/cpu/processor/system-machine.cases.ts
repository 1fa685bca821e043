import { GuestMemory } from '../../memory/guest-memory.ts';
import { createCpuid } from '../../x86/cpuid/cpuid.ts';
import type { CpuModelName } from '../../x86/cpuid/models.ts';
import { decode } from '../../x86/decoder.ts';
import { deliverPendingFault } from '../../x86/interrupts.ts';
import type { Platform } from '../../x86/processor.ts';
import { resetProcessor } from '../../x86/reset.ts';
import { ATTR, CR0, CR4, EFER, GPR, SEG, SEGMENT, SEGMENT_BYTES, STATE } from '../../x86/state.ts';
import { Oracle } from '../oracle/oracle.ts';
import type { Mmio } from './mmio.ts';
import { NO_MMIO } from './mmio.ts';
import { SoftProcessor } from './soft-processor.ts';

/** A processor with system tables in memory, for tests of system instructions: every address below is identity-mapped. */

export const RAM_BYTES = 4 << 20;
export const AT = {
  GDT: 0x2000,
  IDT: 0x3000,
  TSS: 0x5000,
  CODE: 0x6000,
  HANDLER: 0x7000,
  /** Top of the stack that the TSS gives for CPL 0. */
  RSP0: 0x8000,
  IST1: 0x9000,
  STACK: 0xa000,
  DATA: 0xb000,
  USER_CODE: 0xc000,
  TABLES: 0x10_000,
} as const;

export const SELECTOR = {
  CODE64: 0x08,
  DATA: 0x10,
  USER_CODE32: 0x18 | 3,
  USER_DATA: 0x20 | 3,
  USER_CODE64: 0x28 | 3,
  CODE32: 0x30,
  TSS: 0x38,
  /** 16 bytes in long mode. */
  GATE: 0x48,
  CODE16: 0x58,
  DATA16: 0x60,
  CONFORMING32: 0x68,
  NOT_PRESENT: 0x70,
  LDT: 0x78,
  TSS2: 0x88,
  FREE: 0x90,
} as const;

const P = 0x80;
const S = 0x10;
const user = 3 << 5;

/** A descriptor's two dwords. `flags`: 8 G, 4 D/B, 2 L, 1 AVL. */
export function descriptor(base: number, limit: number, access: number, flags: number): bigint {
  const low = BigInt(((base & 0xffff) << 16) >>> 0) | BigInt(limit & 0xffff);
  const high =
    ((base & 0xff00_0000) | (flags << 20) | (limit & 0xf_0000) | (access << 8) | ((base >>> 16) & 0xff)) >>> 0;
  return low | (BigInt(high) << 32n);
}

/** An interrupt, trap, call or task gate of 8 bytes. */
export function gate(selector: number, offset: number, access: number, parameters = 0): bigint {
  const low = ((selector << 16) | (offset & 0xffff)) >>> 0;
  const high = ((offset & 0xffff_0000) | (access << 8) | parameters) >>> 0;
  return BigInt(low) | (BigInt(high) << 32n);
}

export class SystemMachine {
  readonly memory: GuestMemory;
  readonly cpu: SoftProcessor;
  readonly oracle: Oracle;
  /** Port accesses as `in 2 60` or `out 1 80 ff`, and what reads give. */
  readonly ports: string[] = [];
  portValue = 0xffff_ffff;
  tsc = 0x1_2345_6789n;
  apicBase = 0xfee0_0900n;
  readonly flushes: string[] = [];
  hypercallResult: bigint | undefined;

  constructor(options: { model?: CpuModelName; mmio?: Mmio } = {}) {
    const buffer = new ArrayBuffer(RAM_BYTES + STATE.SIZE_BYTES);
    this.memory = new GuestMemory(buffer, 0, RAM_BYTES);
    const cpuid = createCpuid({ model: options.model ?? 'max', cpuCount: 1, hypervisorLeaf: () => [0, 0, 0, 0] });
    this.cpu = new SoftProcessor({
      memory: this.memory,
      stateBase: RAM_BYTES,
      cache: {
        flush: (what) => this.flushes.push(what),
        flushPage: (low, high) => this.flushes.push(`${(high >>> 0).toString(16)}:${(low >>> 0).toString(16)}`),
        written: () => {},
      },
      mmio: options.mmio ?? NO_MMIO,
      platform: this.#platform(cpuid.leaf),
      traits: cpuid.traits,
    });
    this.oracle = new Oracle(this.cpu);
    resetProcessor(this.cpu);
    this.#writeGdt();
  }

  #platform(cpuid: Platform['cpuid']): Platform {
    return {
      portRead: (port, sizeBytes) => {
        this.ports.push(`in ${sizeBytes} ${port.toString(16)}`);
        return this.portValue;
      },
      portWrite: (port, sizeBytes, value) => {
        this.ports.push(`out ${sizeBytes} ${port.toString(16)} ${value.toString(16)}`);
      },
      readMsr: (index) => (index === 0x1b ? this.apicBase : undefined),
      writeMsr: (index) => index === 0x1b,
      readCr8: () => 5,
      writeCr8: () => {},
      readTsc: () => this.tsc,
      writeTsc: (value) => {
        this.tsc = value;
      },
      cpuid,
      hypercall: () => this.hypercallResult,
      floatError: () => {},
      random: () => 0n,
    };
  }

  #writeGdt(): void {
    const code = P | S | 0xb;
    const data = P | S | 0x3;
    const entries: readonly (readonly [number, bigint])[] = [
      [SELECTOR.CODE64, descriptor(0, 0xfffff, code, 0xa)],
      [SELECTOR.DATA, descriptor(0, 0xfffff, data, 0xc)],
      [SELECTOR.USER_CODE32, descriptor(0, 0xfffff, code | user, 0xc)],
      [SELECTOR.USER_DATA, descriptor(0, 0xfffff, data | user, 0xc)],
      [SELECTOR.USER_CODE64, descriptor(0, 0xfffff, code | user, 0xa)],
      [SELECTOR.CODE32, descriptor(0, 0xfffff, code, 0xc)],
      [SELECTOR.TSS, descriptor(AT.TSS, 0x1fff, P | 9, 0)],
      [SELECTOR.CODE16, descriptor(0, 0xffff, code, 0)],
      [SELECTOR.DATA16, descriptor(0, 0xffff, data, 0)],
      [SELECTOR.CONFORMING32, descriptor(0, 0xfffff, code | 4, 0xc)],
      [SELECTOR.NOT_PRESENT, descriptor(0, 0xfffff, data & ~P, 0xc)],
      [SELECTOR.LDT, descriptor(AT.GDT, 0xff, P | 2, 0)],
    ];
    for (const [selector, value] of entries) this.setDescriptor(selector, value);
    this.cpu.setU64(STATE.gdtrBase, BigInt(AT.GDT));
    this.cpu.setU32(STATE.gdtrLimit, 0xff);
    this.cpu.setU64(STATE.idtrBase, BigInt(AT.IDT));
    this.cpu.setU32(STATE.idtrLimit, 0xfff);
  }

  setDescriptor(selector: number, value: bigint): void {
    this.memory.writeU64(AT.GDT + (selector & ~7), value);
  }

  /** Fills a segment cache as a load of the selector would, without checks. */
  loadSegment(segment: number, selector: number): void {
    const low = this.memory.readU32(AT.GDT + (selector & ~7));
    const high = this.memory.readU32(AT.GDT + (selector & ~7) + 4);
    const at = STATE.segments + segment * SEGMENT_BYTES;
    const limit = (low & 0xffff) | (high & 0xf_0000);
    this.cpu.setU32(at + SEGMENT.selector, selector);
    this.cpu.setU32(at + SEGMENT.attributes, (high >>> 8) & 0xf0ff);
    this.cpu.setU32(at + SEGMENT.limit, (high & (1 << 23)) !== 0 ? (limit << 12) | 0xfff : limit);
    this.cpu.setU64(at + SEGMENT.base, BigInt(((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff00_0000)) >>> 0));
  }

  /** 64-bit mode at CPL 0, 4-level paging by 2-MiB pages open to all. */
  enterLongMode(): this {
    const { cpu, memory } = this;
    memory.writeU64(AT.TABLES, BigInt(AT.TABLES + 0x1000) | 0x67n);
    memory.writeU64(AT.TABLES + 0x1000, BigInt(AT.TABLES + 0x2000) | 0x67n);
    for (let i = 0; i < RAM_BYTES >> 21; i++) memory.writeU64(AT.TABLES + 0x2000 + i * 8, BigInt(i << 21) | 0xe7n);
    cpu.setU64(STATE.cr0, BigInt(CR0.PE | CR0.NE | CR0.WP | CR0.ET) | 0x8000_0000n);
    cpu.setU64(STATE.cr3, BigInt(AT.TABLES));
    cpu.setU64(STATE.cr4, BigInt(CR4.PAE | CR4.OSFXSR | CR4.OSXMMEXCPT | CR4.OSXSAVE | CR4.FSGSBASE));
    cpu.setU64(STATE.efer, BigInt(EFER.SCE | EFER.LME | EFER.LMA | EFER.NXE));
    memory.writeU64(AT.GDT + SELECTOR.TSS + 8, 0n);
    memory.writeU64(AT.TSS + 4, BigInt(AT.RSP0));
    memory.writeU64(AT.TSS + 0x24, BigInt(AT.IST1));
    return this.#enter(SELECTOR.CODE64, SELECTOR.DATA);
  }

  /** 32-bit protected mode at CPL 0 without paging; the TSS gives a stack for CPL 0. */
  enterProtectedMode(): this {
    const { cpu, memory } = this;
    cpu.setU64(STATE.cr0, BigInt(CR0.PE | CR0.NE | CR0.ET));
    cpu.setU64(STATE.cr4, BigInt(CR4.OSFXSR | CR4.OSXMMEXCPT));
    memory.writeU32(AT.TSS + 4, AT.RSP0);
    memory.writeU32(AT.TSS + 8, SELECTOR.DATA);
    cpu.setU32(STATE.idtrLimit, 0x7ff);
    return this.#enter(SELECTOR.CODE32, SELECTOR.DATA);
  }

  #enter(code: number, data: number): this {
    this.loadSegment(SEG.CS, code);
    for (const segment of [SEG.ES, SEG.SS, SEG.DS, SEG.FS, SEG.GS]) this.loadSegment(segment, data);
    this.loadSegment(SEG.TR, SELECTOR.TSS);
    const tr = STATE.segments + SEG.TR * SEGMENT_BYTES + SEGMENT.attributes;
    this.cpu.setU32(tr, ATTR.P | 11);
    this.cpu.setU32(STATE.segments + SEG.LDTR * SEGMENT_BYTES + SEGMENT.attributes, ATTR.UNUSABLE);
    this.cpu.setU64(STATE.rip, BigInt(AT.CODE));
    this.cpu.setU64(STATE.gpr + GPR.RSP * 8, BigInt(AT.STACK));
    this.cpu.setRflags(2);
    this.cpu.updateMode();
    return this;
  }

  /** Goes to CPL 3 with the given segments. */
  enterUser(code: number, data: number): this {
    this.loadSegment(SEG.CS, code);
    for (const segment of [SEG.ES, SEG.SS, SEG.DS, SEG.FS, SEG.GS]) this.loadSegment(segment, data);
    this.cpu.setU32(STATE.cpl, 3);
    this.cpu.updateMode();
    return this;
  }

  /** A 64-bit interrupt gate (type 14) or trap gate. */
  setLongGate(
    vector: number,
    options: { selector?: number; offset?: bigint; access?: number; ist?: number } = {},
  ): void {
    const offset = options.offset ?? BigInt(AT.HANDLER);
    const low = gate(
      options.selector ?? SELECTOR.CODE64,
      Number(offset & 0xffff_ffffn),
      options.access ?? P | 14,
      options.ist ?? 0,
    );
    this.memory.writeU64(AT.IDT + vector * 16, low);
    this.memory.writeU64(AT.IDT + vector * 16 + 8, offset >> 32n);
  }

  gpr(index: number): bigint {
    return this.cpu.u64(STATE.gpr + index * 8);
  }

  setGpr(index: number, value: bigint): void {
    this.cpu.setU64(STATE.gpr + index * 8, value);
  }

  get rip(): bigint {
    return this.cpu.u64(STATE.rip);
  }

  selector(segment: number): number {
    return this.cpu.u32(STATE.segments + segment * SEGMENT_BYTES);
  }

  attributes(segment: number): number {
    return this.cpu.u32(STATE.segments + segment * SEGMENT_BYTES + SEGMENT.attributes);
  }

  /** Executes the instruction given as hex at RIP: undefined, or `vector` or `vector(errorCode)`. */
  run(hex: string): string | undefined {
    const code = Uint8Array.from(hex.replaceAll(' ', '').match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
    const { cpu } = this;
    const instruction = decode(code, 0, code.length, cpu.u32(STATE.mode), cpu.traits.features);
    if (instruction.row === undefined) return '6';
    if (this.oracle.execute(instruction)) return undefined;
    return this.fault;
  }

  get fault(): string {
    const { cpu } = this;
    const error = cpu.u32(STATE.faultError).toString(16);
    return cpu.u32(STATE.faultHasError) === 0
      ? `${cpu.u32(STATE.faultVector)}`
      : `${cpu.u32(STATE.faultVector)}(${error})`;
  }

  /** As run, and delivers the exception. */
  runAndDeliver(hex: string): boolean {
    return this.run(hex) === undefined || deliverPendingFault(this.cpu);
  }

  /** 64-bit values from the top of the stack. */
  stack(count: number, pointer: bigint = this.gpr(GPR.RSP)): bigint[] {
    return Array.from({ length: count }, (_, i) => this.memory.readU64(Number(pointer) + i * 8));
  }

  /** 32-bit values from `at`. */
  dwords(count: number, at = Number(this.gpr(GPR.RSP) & 0xffff_ffffn)): number[] {
    return Array.from({ length: count }, (_, i) => this.memory.readU32(at + i * 4));
  }
}
