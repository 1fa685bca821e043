import { afterAll, expect, test } from 'vitest';
import { RFLAGS, STATE } from '../../src/x86/state.ts';
import { hashName, Prng } from '../differential/prng.ts';
import { ENVIRONMENTS, type Environment, finishEnvironment } from './environments.cases.ts';
import { Lockstep } from './lockstep.cases.ts';
import { RAM_BYTES } from './row-cases.cases.ts';
import { InterpreterTestCpu, OracleTestCpu, PAGE } from './test-cpu.cases.ts';
import { RIGHTS, TestImage } from './test-image.cases.ts';

/**
 * Programs at CPL 0 that change page tables, flush as the manual demands, and use the pages: as data, as code, through
 * two mappings. What is stale shows as a difference from the oracle.
 */

const seed = Number(process.env.CONFORMANCE_SEED ?? 1) >>> 0;
const factor = Number(process.env.CONFORMANCE_FACTOR ?? 1);
const PROGRAMS = Math.ceil(10 * factor);
const ROUNDS = 150;

const CODE_LINEAR = 0x2000_0000;
const TABLE_LINEAR = 0x3000_0000;
const REGION_LINEAR = 0x4000_0000;
const REGION_PAGES = 8;
const FRAMES = 6;
const STACK_LINEAR = 0x1800_0000;
/** Subroutines at the start of each frame: MOV EAX, imm32; ADD EBX, EAX; RET, every 16 bytes. */
const ROUTINES = 8;

const PTE = { PRESENT: 1, WRITABLE: 2, USER: 4, ACCESSED: 0x20, DIRTY: 0x40, GLOBAL: 0x100 } as const;
const NO_EXECUTE = 0x8000_0000;

const oracle = new OracleTestCpu(RAM_BYTES);
const hot = new InterpreterTestCpu(RAM_BYTES, { cold: false });
const image = new TestImage(RAM_BYTES);
const counts = { instructions: 0, faults: 0, vectors: new Set<number>() };

const le32 = (value: number): number[] => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];

class MmuProgram {
  readonly #prng: Prng;
  readonly #environment: Environment;
  readonly #lockstep = new Lockstep(oracle, hot, image);
  readonly #wide: boolean;
  #bytes: number[] = [];
  #starts: number[] = [];
  #frames: number[] = [];
  /** Offset of the region's entries in the page that maps them. */
  #tableOffset = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
    this.#wide = environment.encoded === 64;
    this.#prng = new Prng(seed ^ hashName(`mmu ${environment.name}`));
  }

  #prepare(): void {
    const rights = RIGHTS.PRESENT | RIGHTS.WRITABLE | RIGHTS.ACCESSED_DIRTY;
    image.words.fill(0);
    image.begin(this.#environment.paging);
    image.view.setUint32(STATE.rflagsSystem, 2, true);
    image.view.setUint32(STATE.mxcsr, 0x1f80, true);
    image.view.setUint32(STATE.fcw, 0x37f, true);
    image.view.setBigUint64(STATE.rip, BigInt(CODE_LINEAR), true);
    this.#environment.setUp(image, this.#prng);
    finishEnvironment(image);
    this.#frames = Array.from({ length: FRAMES }, () => this.#frame());
    for (let n = 0; n < REGION_PAGES; n++) {
      image.map(BigInt((REGION_LINEAR >>> 12) + n), rights, this.#prng.pick(this.#frames));
    }
    const leaf = image.leafOf(BigInt(REGION_LINEAR >>> 12));
    this.#tableOffset = leaf % PAGE;
    image.map(BigInt(TABLE_LINEAR >>> 12), rights, leaf - this.#tableOffset);
    image.map(BigInt(STACK_LINEAR >>> 12), rights);
    this.#write();
    for (let n = 0; n * PAGE < this.#bytes.length; n++) {
      const gpa = image.map(BigInt((CODE_LINEAR >>> 12) + n), rights);
      image.memory.bytes.set(this.#bytes.slice(n * PAGE, (n + 1) * PAGE), gpa);
    }
  }

  #frame(): number {
    const gpa = image.allocate();
    for (let n = 0; n < ROUTINES; n++) {
      image.memory.bytes.set([0xb8, ...le32(this.#prng.u32()), 0x01, 0xc3, 0xc3], gpa + 16 * n);
    }
    for (let at = 16 * ROUTINES; at < PAGE; at += 4) image.memory.writeU32(gpa + at, this.#prng.u32());
    return gpa;
  }

  #write(): void {
    this.#bytes = [];
    this.#starts = [];
    const kinds = [
      () => this.#changeEntry(),
      () => this.#changeEntry(),
      () => this.#load(),
      () => this.#store(),
      () => this.#call(),
      () => this.#call(),
      () => this.#copy(),
      () => this.#toggle(),
      () => this.#storeIntoRoutine(),
    ];
    for (let n = 0; n < 220; n++) {
      this.#starts.push(this.#bytes.length);
      this.#prng.pick(kinds)();
    }
    // JMP to the start, for ever.
    this.#bytes.push(0xe9, ...le32(-this.#bytes.length - 5));
  }

  #page(): number {
    return this.#prng.below(REGION_PAGES);
  }

  #address(): number {
    const edge = this.#prng.chance(0.2) ? PAGE - this.#prng.below(8) : this.#prng.below(PAGE);
    return REGION_LINEAR + this.#page() * PAGE + edge;
  }

  /** ModR/M for [disp32]. */
  #absolute(reg: number, linear: number): number[] {
    return this.#wide ? [(reg << 3) | 4, 0x25, ...le32(linear)] : [(reg << 3) | 5, ...le32(linear)];
  }

  #moveRegister(register: number, value: number): number[] {
    return [0xb8 | register, ...le32(value)];
  }

  /** Another page, or other rights; then INVLPG, or a load of CR3 if the page was not global and is not. */
  #changeEntry(): void {
    const prng = this.#prng;
    const page = this.#page();
    const { paging } = this.#environment;
    const entryBytes = paging === 'two-level' ? 4 : 8;
    const at = TABLE_LINEAR + this.#tableOffset + page * entryBytes;
    let low = prng.pick(this.#frames) | PTE.PRESENT;
    if (prng.chance(0.12)) low &= ~PTE.PRESENT;
    if (prng.chance(0.75)) low |= PTE.WRITABLE;
    if (prng.chance(0.25)) low |= PTE.USER;
    if (prng.chance(0.5)) low |= PTE.ACCESSED;
    if (prng.chance(0.5)) low |= PTE.DIRTY;
    const global = page < 2;
    if (global) low |= PTE.GLOBAL;
    this.#bytes.push(0xc7, ...this.#absolute(0, at), ...le32(low));
    if (entryBytes === 8) {
      this.#bytes.push(0xc7, ...this.#absolute(0, at + 4), ...le32(prng.chance(0.2) ? NO_EXECUTE : 0));
    }
    if (global || prng.chance(0.6)) {
      this.#bytes.push(0x0f, 0x01, ...this.#absolute(7, REGION_LINEAR + page * PAGE + prng.below(PAGE)));
    } else this.#bytes.push(0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8); // MOV RAX, CR3; MOV CR3, RAX
  }

  #load(): void {
    const rex = this.#wide && this.#prng.chance(0.5) ? [0x48] : [];
    this.#bytes.push(...rex, 0x03, ...this.#absolute(3, this.#address())); // ADD RBX, [address]
  }

  #store(): void {
    const rex = this.#wide && this.#prng.chance(0.5) ? [0x48] : [];
    const opcode = this.#prng.pick([0x89, 0x88, 0x01]);
    this.#bytes.push(...rex, opcode, ...this.#absolute(3, this.#address()));
  }

  /** A changed immediate, or no return any more. */
  #storeIntoRoutine(): void {
    const at = REGION_LINEAR + this.#page() * PAGE + 16 * this.#prng.below(ROUTINES);
    const whole = this.#prng.chance(0.8);
    if (whole) this.#bytes.push(0xc7, ...this.#absolute(0, at + 1), ...le32(this.#prng.u32()));
    else this.#bytes.push(0xc6, ...this.#absolute(0, at + 7), this.#prng.pick([0x90, 0xc3, 0xc3]));
  }

  #call(): void {
    const target = REGION_LINEAR + this.#page() * PAGE + 16 * this.#prng.below(ROUTINES);
    this.#bytes.push(...this.#moveRegister(0, target), 0xff, 0xd0);
  }

  #copy(): void {
    const prng = this.#prng;
    this.#bytes.push(...this.#moveRegister(6, this.#address()), ...this.#moveRegister(7, this.#address()));
    this.#bytes.push(...this.#moveRegister(1, prng.pick([3, 40, 200, 5000])), prng.chance(0.2) ? 0xfd : 0xfc);
    this.#bytes.push(0xf3, prng.pick([0xa4, 0xa5, 0xaa, 0xab, 0xa6, 0xae]), 0xfc);
  }

  /** CR0.WP, CR4.PGE, CR4.SMEP, CR4.SMAP; RFLAGS.AC. */
  #toggle(): void {
    const prng = this.#prng;
    if (prng.chance(0.3)) return void this.#bytes.push(0x0f, 0x01, prng.pick([0xca, 0xcb])); // CLAC, STAC
    const [register, bit] = prng.pick([
      [0, 16],
      [4, 7],
      [4, 20],
      [4, 21],
    ] as const);
    const modrm = 0xc0 | (register << 3);
    // MOV RAX, CRn; BTC EAX, bit; MOV CRn, RAX
    this.#bytes.push(0x0f, 0x20, modrm, 0x0f, 0xba, 0xf8, bit, 0x0f, 0x22, modrm);
  }

  run(): void {
    this.#prepare();
    this.#lockstep.begin();
    const budgets = [1, 3, 10, 60, 400];
    for (let round = 0; round < ROUNDS; round++) {
      const end = this.#lockstep.run(this.#prng.pick(budgets));
      counts.instructions += end.instructions;
      if (end.kind === 'fault') this.#goOn();
    }
  }

  #goOn(): void {
    counts.faults++;
    counts.vectors.add(oracle.processor.u32(STATE.faultVector));
    const rip = BigInt(CODE_LINEAR + this.#prng.pick(this.#starts));
    this.#lockstep.both(({ processor }) => {
      processor.setU64(STATE.rip, rip);
      processor.setU64(STATE.gpr + 32, BigInt(STACK_LINEAR + 0x800));
      processor.words[STATE.rflagsSystem >> 2] = RFLAGS.FIXED;
      processor.updateMode();
    });
  }
}

const SUPERVISORS = ENVIRONMENTS.filter(({ name }) => ['64-bit supervisor', '32-bit supervisor'].includes(name));

test.each(SUPERVISORS)(
  '$name: nothing stale is used after a flush',
  (environment) => {
    const program = new MmuProgram(environment);
    for (let i = 0; i < PROGRAMS; i++) program.run();
    expect(counts.vectors).toContain(14);
  },
  60_000,
);

afterAll(() => {
  console.log(`page tables: ${counts.instructions} instructions, ${counts.faults} faults, seed ${seed}`);
});
