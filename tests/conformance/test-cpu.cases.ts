import { EXIT } from '../../src/cpu/interpreter/exits.ts';
import { hotForms } from '../../src/cpu/interpreter/hot-forms.ts';
import { Interpreter } from '../../src/cpu/interpreter/interpreter.ts';
import { VCPU_BYTES } from '../../src/cpu/interpreter/layout.ts';
import { PRIVILEGE } from '../../src/cpu/mmu/page-walk.ts';
import { Oracle } from '../../src/cpu/oracle/oracle.ts';
import type { Mmio } from '../../src/cpu/processor/mmio.ts';
import { NO_MMU_CACHE } from '../../src/cpu/processor/mmio.ts';
import { SoftProcessor } from '../../src/cpu/processor/soft-processor.ts';
import { GuestMemory } from '../../src/memory/guest-memory.ts';
import type { CpuTraits } from '../../src/x86/cpuid/traits.ts';
import { Decoder } from '../../src/x86/decoder.ts';
import type { Instruction } from '../../src/x86/instruction.ts';
import { isCanonicalHigh } from '../../src/x86/linear.ts';
import { opcodeMaps } from '../../src/x86/opcodes/maps.ts';
import { ACCESS, type Platform } from '../../src/x86/processor.ts';
import { MODE } from '../../src/x86/processor-mode.ts';
import { SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../../src/x86/state.ts';
import { allFeatures } from '../differential/features.ts';

/** CPUs that must agree in everything: the oracle, the interpreter, and the interpreter with every form out of run(). */

export const PAGE = 4096;
const WASM_PAGE = 1 << 16;

/** Device windows at chosen pages: reads answer with a pattern, and all accesses are noted in order. */
export class TestMmio implements Mmio {
  readonly pages = new Set<number>();
  readonly log: string[] = [];

  isMmio(gpa: number): boolean {
    return this.pages.size > 0 && this.pages.has(Math.floor(gpa / PAGE));
  }

  read(gpa: number, sizeBytes: 1 | 2 | 4): number {
    this.log.push(`read${sizeBytes} ${gpa.toString(16)}`);
    const value = Math.imul(gpa | 1, 0x9e37_79b9) >>> 0;
    return sizeBytes === 4 ? value : value & (sizeBytes === 2 ? 0xffff : 0xff);
  }

  write(gpa: number, sizeBytes: 1 | 2 | 4, value: number): void {
    this.log.push(`write${sizeBytes} ${gpa.toString(16)} ${value.toString(16)}`);
  }
}

function testPlatform(log: string[]): Platform {
  return {
    portRead: (port, sizeBytes) => {
      log.push(`in${sizeBytes} ${port.toString(16)}`);
      return (port * 0x0101_0101) >>> (32 - 8 * sizeBytes);
    },
    portWrite: (port, sizeBytes, value) => {
      log.push(`out${sizeBytes} ${port.toString(16)} ${value.toString(16)}`);
    },
    readMsr: () => undefined,
    writeMsr: () => false,
    readCr8: () => 0,
    writeCr8: () => {},
    readTsc: () => 0x1234_5678n,
    writeTsc: () => {},
    cpuid: (leaf, subleaf) => [leaf, subleaf, 1, 2],
    hypercall: () => undefined,
    floatError: () => {
      log.push('FERR');
    },
    random: () => 0x0123_4567_89ab_cdefn,
  };
}

const TRAITS: CpuTraits = {
  vendor: 'intel',
  features: allFeatures(),
  cr4Mask: -1,
  eferMask: -1,
  xcr0Mask: 7,
  xssMask: 0,
  pages1GiB: true,
};

export interface TestCpu {
  readonly name: string;
  readonly processor: SoftProcessor;
  readonly memory: GuestMemory;
  readonly mmio: TestMmio;
  /** One instruction, or one element of a repeated one. A fault is in the state. */
  step(): 'done' | 'fault';
  /** Forgets what is cached of translations and code: memory and state were changed from outside. */
  forget(): void;
}

const RIP = STATE.rip >> 2;
const CS_LIMIT = STATE.segments + SEG.CS * SEGMENT_BYTES + SEGMENT.limit;

export class OracleTestCpu implements TestCpu {
  readonly name = 'oracle';
  readonly processor: SoftProcessor;
  readonly memory: GuestMemory;
  readonly mmio = new TestMmio();
  /** Flags that the last instruction left undefined. */
  undefinedFlags = 0;
  readonly #oracle: Oracle;
  readonly #decoder = new Decoder(opcodeMaps());
  readonly #code = new Uint8Array(32);

  constructor(ramBytes: number) {
    this.memory = new GuestMemory(new ArrayBuffer(ramBytes + STATE.SIZE_BYTES), 0, ramBytes);
    this.processor = new SoftProcessor({
      memory: this.memory,
      stateBase: ramBytes,
      cache: NO_MMU_CACHE,
      mmio: this.mmio,
      platform: testPlatform(this.mmio.log),
      traits: TRAITS,
    });
    this.#oracle = new Oracle(this.processor);
  }

  forget(): void {
    this.processor.flushTlb('all');
  }

  step(): 'done' | 'fault' {
    const instruction = this.fetch();
    return instruction === undefined ? 'fault' : this.execute(instruction);
  }

  execute(instruction: Instruction): 'done' | 'fault' {
    const completed = this.#oracle.execute(instruction);
    this.undefinedFlags = this.#oracle.undefinedFlags;
    return completed ? 'done' : 'fault';
  }

  /** The instruction at RIP, or undefined and a fault in the state. */
  fetch(): Instruction | undefined {
    const { words } = this.processor;
    const mode = words[STATE.mode >> 2] as number;
    const wide = (mode & MODE.CODE_SIZE) === MODE.CODE_64;
    const csBase = words[(STATE.segments + SEG.CS * SEGMENT_BYTES + SEGMENT.base) >> 2] as number;
    const low = wide ? (words[RIP] as number) : ((words[RIP] as number) + csBase) | 0;
    const high = wide ? (words[RIP + 1] as number) : 0;
    if (wide ? !isCanonicalHigh(high) : !this.#isWithinLimit(1)) return this.#fault(VECTOR.GP, 0);
    if (!this.#fetchPage(low, high, 0)) return undefined;
    const head = Math.min(PAGE - (low & (PAGE - 1)), 15);
    let decoded = this.#decoder.decode(this.#code, 0, head, mode, TRAITS.features);
    if (decoded.row === undefined && decoded.kind === 'more') {
      const nextLow = ((low | (PAGE - 1)) + 1) | 0;
      if (!wide && !this.#isWithinLimit(head + 1)) return this.#fault(VECTOR.GP, 0);
      const nextHigh = nextLow === 0 && wide ? high + 1 : high;
      if (!this.#fetchPage(nextLow, nextHigh, head)) return undefined;
      decoded = this.#decoder.decode(this.#code, 0, 15 + head, mode, TRAITS.features);
    }
    const length = decoded.row === undefined ? 1 : decoded.length;
    if (!wide && !this.#isWithinLimit(length)) return this.#fault(VECTOR.GP, 0);
    if (decoded.row !== undefined) return decoded;
    return decoded.kind === 'too-long' ? this.#fault(VECTOR.GP, 0) : this.#fault(VECTOR.UD);
  }

  /** Whether so many bytes at EIP are in the code segment. */
  #isWithinLimit(bytes: number): boolean {
    const { processor } = this;
    return processor.u32(STATE.rip) + bytes - 1 <= processor.u32(CS_LIMIT);
  }

  #fetchPage(low: number, high: number, at: number): boolean {
    const { walker, words } = this.processor;
    if (!walker.walk(low, high, ACCESS.EXECUTE, words[STATE.cpl >> 2] === 3 ? PRIVILEGE.USER : PRIVILEGE.SUPERVISOR)) {
      words[STATE.cr2 >> 2] = low;
      words[(STATE.cr2 >> 2) + 1] = high;
      this.#fault(VECTOR.PF, walker.errorCode);
      return false;
    }
    const { gpa } = walker;
    if (gpa + PAGE > this.memory.sizeBytes || this.mmio.isMmio(gpa)) {
      this.#fault(VECTOR.UD);
      return false;
    }
    const end = gpa - (gpa % PAGE) + PAGE;
    this.#code.set(this.memory.bytes.subarray(gpa, Math.min(end, gpa + 15)), at);
    return true;
  }

  #fault(vector: number, errorCode?: number): undefined {
    this.processor.setU32(STATE.faultVector, vector);
    this.processor.setU32(STATE.faultError, errorCode ?? 0);
    this.processor.setU32(STATE.faultHasError, errorCode === undefined ? 0 : 1);
    return undefined;
  }
}

export class InterpreterTestCpu implements TestCpu {
  readonly name: string;
  readonly processor: SoftProcessor;
  readonly memory: GuestMemory;
  readonly mmio = new TestMmio();
  readonly interpreter: Interpreter;

  /** `cold`: no form has a handler in run(). */
  constructor(ramBytes: number, options: { cold: boolean }) {
    this.name = options.cold ? 'cold interpreter' : 'interpreter';
    const ramBase = Math.ceil(VCPU_BYTES / WASM_PAGE) * WASM_PAGE;
    const pages = (ramBase + ramBytes) / WASM_PAGE;
    const wasmMemory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.memory = new GuestMemory(wasmMemory.buffer, ramBase, ramBytes);
    this.interpreter = new Interpreter({
      wasmMemory,
      memory: this.memory,
      base: 0,
      mmio: this.mmio,
      platform: testPlatform(this.mmio.log),
      traits: TRAITS,
      hotForms: options.cold ? () => [] : hotForms,
    });
    this.processor = this.interpreter.processor;
  }

  forget(): void {
    this.processor.flushTlb('all');
    this.interpreter.code.reset();
  }

  step(): 'done' | 'fault' {
    return this.interpreter.step() === EXIT.FAULT ? 'fault' : 'done';
  }
}
