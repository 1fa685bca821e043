import { GuestMemory } from '../../memory/guest-memory.ts';
import { updateDerivedState } from '../../x86/mode.ts';
import type { Platform } from '../../x86/processor.ts';
import { writeRflags } from '../../x86/rflags.ts';
import { ATTR, CR0, CR4, EFER, SEG, SEGMENT, SEGMENT_BYTES, STATE } from '../../x86/state.ts';
import { NO_MMIO } from '../processor/mmio.ts';
import { Interpreter } from './interpreter.ts';
import { VCPU_BYTES } from './layout.ts';

const WASM_PAGE = 1 << 16;

const PLATFORM: Platform = {
  portRead: () => 0xffff_ffff,
  portWrite: () => {},
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

/** An interpreter at CPL 0 on flat memory without paging. */
export class FlatMachine {
  readonly memory: GuestMemory;
  readonly interpreter: Interpreter;

  constructor(codeSize: 32 | 64, ramBytes = 1 << 20) {
    const ramBase = Math.ceil(VCPU_BYTES / WASM_PAGE) * WASM_PAGE;
    const pages = Math.ceil((ramBase + ramBytes) / WASM_PAGE);
    const wasmMemory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.memory = new GuestMemory(wasmMemory.buffer, ramBase, ramBytes);
    this.interpreter = new Interpreter({
      wasmMemory,
      memory: this.memory,
      base: 0,
      mmio: NO_MMIO,
      platform: PLATFORM,
      traits: {
        vendor: 'intel',
        features: new Set(['cmov', 'nopl', 'sse', 'sse2'] as const),
        cr4Mask: -1,
        eferMask: -1,
        xcr0Mask: 3,
        xssMask: 0,
        pages1GiB: false,
      },
    });
    const cpu = this.interpreter.processor;
    cpu.setU64(STATE.cr0, BigInt(CR0.PE | CR0.NE));
    cpu.setU64(STATE.cr4, BigInt(CR4.OSFXSR));
    if (codeSize === 64) cpu.setU64(STATE.efer, BigInt(EFER.LMA | EFER.LME));
    const present = ATTR.P | ATTR.S | ATTR.WRITABLE;
    for (const segment of [SEG.ES, SEG.CS, SEG.SS, SEG.DS, SEG.FS, SEG.GS]) {
      const at = STATE.segments + segment * SEGMENT_BYTES;
      const code = ATTR.CODE | (codeSize === 64 ? ATTR.L : ATTR.DB);
      cpu.setU32(at + SEGMENT.attributes, present | (segment === SEG.CS ? code : ATTR.DB));
      cpu.setU32(at + SEGMENT.limit, 0xffff_ffff);
    }
    updateDerivedState(cpu.words);
    writeRflags(cpu.words, 2);
  }

  set rip(rip: number) {
    this.interpreter.processor.setU64(STATE.rip, BigInt(rip));
  }

  get rip(): number {
    return Number(this.interpreter.processor.u64(STATE.rip));
  }

  setGpr(index: number, value: bigint): void {
    this.interpreter.processor.setU64(STATE.gpr + 8 * index, BigInt.asUintN(64, value));
  }

  gpr(index: number): bigint {
    return this.interpreter.processor.u64(STATE.gpr + 8 * index);
  }

  /** Places code as a device would. */
  load(gpa: number, bytes: ArrayLike<number>): void {
    this.memory.bytes.set(bytes, gpa);
    this.interpreter.written(gpa, bytes.length);
  }

  /** So many instructions, as the vCPU runs them. */
  run(count: number): void {
    const { interpreter } = this;
    for (let left = count; left > 0; ) {
      interpreter.words[STATE.budget >> 2] = left;
      interpreter.run(left);
      const rest = interpreter.words[STATE.budget >> 2] as number;
      if (rest === left) {
        interpreter.words[STATE.budget >> 2] = 1;
        interpreter.step();
        left--;
      } else left = rest;
    }
  }
}
