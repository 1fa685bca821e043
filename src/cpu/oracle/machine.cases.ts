import { GuestMemory } from '../../memory/guest-memory.ts';
import { decode } from '../../x86/decoder.ts';
import type { Instruction } from '../../x86/instruction.ts';
import type { Feature } from '../../x86/opcodes/row.ts';
import type { Platform } from '../../x86/processor.ts';
import { readRflags, writeRflags } from '../../x86/rflags.ts';
import { ATTR, CR0, CR4, EFER, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE } from '../../x86/state.ts';
import { NO_MMIO, NO_MMU_CACHE } from '../processor/mmio.ts';
import { SoftProcessor } from '../processor/soft-processor.ts';
import { Oracle } from './oracle.ts';

const RAM_BYTES = 1 << 16;
const START = 0x1000n;

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
  random: () => 0x0123_4567_89ab_cdefn,
};

export const REGISTER_NAMES = ['RAX', 'RCX', 'RDX', 'RBX', 'RSP', 'RBP', 'RSI', 'RDI'] as const;
export type RegisterName = (typeof REGISTER_NAMES)[number];
export type Registers = Partial<Record<RegisterName, bigint>>;

/** Flags as their names, `C P A Z S O` in any order, and D. */
const FLAG_LETTERS = {
  C: RFLAGS.CF,
  P: RFLAGS.PF,
  A: RFLAGS.AF,
  Z: RFLAGS.ZF,
  S: RFLAGS.SF,
  O: RFLAGS.OF,
  D: RFLAGS.DF,
};
const LETTERS = Object.keys(FLAG_LETTERS) as (keyof typeof FLAG_LETTERS)[];

/** An oracle at CPL 0 on flat memory without paging, in 64- or 32-bit mode. */
export class OracleMachine {
  readonly memory: GuestMemory;
  readonly cpu: SoftProcessor;
  readonly oracle: Oracle;
  readonly #features: ReadonlySet<Feature>;

  constructor(options: { codeSize: 32 | 64; features?: readonly Feature[] }) {
    this.#features = new Set(options.features ?? []);
    const buffer = new ArrayBuffer(RAM_BYTES + STATE.SIZE_BYTES);
    this.memory = new GuestMemory(buffer, 0, RAM_BYTES);
    this.cpu = new SoftProcessor({
      memory: this.memory,
      stateBase: RAM_BYTES,
      cache: NO_MMU_CACHE,
      mmio: NO_MMIO,
      platform: PLATFORM,
      traits: {
        vendor: 'intel',
        features: this.#features,
        cr4Mask: -1,
        eferMask: -1,
        xcr0Mask: 7,
        xssMask: 0,
        pages1GiB: true,
      },
    });
    this.oracle = new Oracle(this.cpu);
    this.cpu.setU64(STATE.cr0, BigInt(CR0.PE | CR0.NE));
    this.cpu.setU64(STATE.cr4, BigInt(CR4.OSFXSR | CR4.OSXMMEXCPT));
    if (options.codeSize === 64) this.cpu.setU64(STATE.efer, BigInt(EFER.LMA | EFER.LME));
    this.cpu.setU32(STATE.mxcsr, 0x1f80);
    const present = ATTR.P | ATTR.S | ATTR.WRITABLE;
    for (const segment of [SEG.ES, SEG.CS, SEG.SS, SEG.DS, SEG.FS, SEG.GS]) {
      const at = STATE.segments + segment * SEGMENT_BYTES;
      const code = ATTR.CODE | (options.codeSize === 64 ? ATTR.L : ATTR.DB);
      this.cpu.setU32(at + SEGMENT.attributes, present | (segment === SEG.CS ? code : ATTR.DB));
      this.cpu.setU32(at + SEGMENT.limit, 0xffff_ffff);
    }
    this.cpu.updateMode();
    this.cpu.setU64(STATE.rip, START);
    this.setFlags('');
  }

  set(registers: Registers): void {
    REGISTER_NAMES.forEach((name, index) => {
      const value = registers[name];
      if (value !== undefined) this.cpu.writeGpr(index, 64, value);
    });
  }

  /** What of the registers differs from `before`. */
  changes(before: Registers): Registers {
    const all = REGISTER_NAMES.map((name, index) => [name, this.cpu.readGpr(index, 64)] as const);
    return Object.fromEntries(all.filter(([name, value]) => value !== (before[name] ?? 0n)));
  }

  setFlags(letters: string): void {
    writeRflags(
      this.cpu.words,
      LETTERS.reduce((bits, letter) => bits | (letters.includes(letter) ? FLAG_LETTERS[letter] : 0), 0),
    );
  }

  /** Defined flags that are set. */
  flags(): string {
    const bits = readRflags(this.cpu.words) & ~this.oracle.undefinedFlags;
    return LETTERS.filter((letter) => (bits & FLAG_LETTERS[letter]) !== 0).join('');
  }

  get rip(): bigint {
    return this.cpu.u64(STATE.rip) - START;
  }

  decode(hex: string): Instruction {
    const code = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
    const result = decode(code, 0, code.length, this.cpu.u32(STATE.mode), this.#features);
    if (result.row === undefined) throw new Error(`${hex} is ${result.kind}`);
    return result;
  }

  /** Executes the bytes at RIP: the exception's vector, or undefined. */
  run(hex: string): number | undefined {
    return this.oracle.execute(this.decode(hex)) ? undefined : this.cpu.u32(STATE.faultVector);
  }
}
