import { PRIVILEGE } from '../../src/cpu/mmu/page-walk.ts';
import { NO_MMIO, NO_MMU_CACHE } from '../../src/cpu/processor/mmio.ts';
import { SoftProcessor } from '../../src/cpu/processor/soft-processor.ts';
import { GuestMemory } from '../../src/memory/guest-memory.ts';
import { ACCESS } from '../../src/x86/processor.ts';
import { SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../../src/x86/state.ts';
import type { Encoding } from '../differential/encodings.ts';
import { allFeatures } from '../differential/features.ts';
import { CaseGenerator } from '../differential/generate.ts';
import { CaseBatch, type CaseRecord } from '../differential/native/case.ts';
import { WINDOWS } from '../differential/native/layout.ts';
import type { Prng } from '../differential/prng.ts';
import { PLATFORM, RAM_BYTES as SANDBOX_BYTES, SoftMachine, traitsOf } from '../differential/soft-machine.ts';
import { type Environment, finishEnvironment, GDT, GDT_LINEAR } from './environments.cases.ts';
import type { OracleTestCpu } from './test-cpu.cases.ts';
import { PAGE } from './test-cpu.cases.ts';
import { RIGHTS, TestImage } from './test-image.cases.ts';

export const RAM_BYTES = 2 << 20;
/** Room in RAM for pages that stand for devices. */
export const DEVICE_GPA = 0x1f_0000;
/** More pages than any instruction touches. */
const MAX_MAPPED = 24;

/** A page that an instruction used, and how. */
export interface Touched {
  readonly page: bigint;
  readonly read: boolean;
  readonly written: boolean;
  /** Some access was the CPU's own: to a descriptor table, say. */
  readonly implicit: boolean;
}

/** Random single instructions with all memory mapped that they touch. */
export class RowCases {
  readonly image = new TestImage(RAM_BYTES);
  readonly #prng: Prng;
  readonly #generator: CaseGenerator;
  readonly #record: CaseRecord = CaseBatch.allocate(1).records[0]!;
  readonly #template: SoftMachine;
  readonly #oracle: OracleTestCpu;
  readonly #filler = new Uint8Array(1 << 16);
  readonly #touched = new Map<bigint, { read: boolean; written: boolean; implicit: boolean; executed: boolean }>();
  #watching = false;

  constructor(prng: Prng, oracle: OracleTestCpu) {
    this.#prng = prng;
    this.#oracle = oracle;
    this.#generator = new CaseGenerator(prng);
    for (let i = 0; i < this.#filler.length; i++) this.#filler[i] = prng.u32();
    const memory = new GuestMemory(new ArrayBuffer(SANDBOX_BYTES + STATE.SIZE_BYTES), 0, SANDBOX_BYTES);
    const features = allFeatures();
    const options = { memory, stateBase: SANDBOX_BYTES, platform: PLATFORM, traits: traitsOf(features) };
    const processor = new SoftProcessor({ ...options, cache: NO_MMU_CACHE, mmio: NO_MMIO });
    this.#template = new SoftMachine({ memory, processor, features });
    this.#watchWalker();
  }

  #watchWalker(): void {
    const { walker } = this.#oracle.processor;
    const walk = walker.walk.bind(walker);
    walker.walk = (low, high, access, privilege) => {
      const done = walk(low, high, access, privilege);
      if (this.#watching) {
        const page = (BigInt(high >>> 0) << 20n) | BigInt(low >>> 12);
        const found = this.#touched.get(page) ?? { read: false, written: false, implicit: false, executed: false };
        if (access === ACCESS.READ) found.read = true;
        if (access === ACCESS.WRITE) found.written = true;
        if (access === ACCESS.EXECUTE) found.executed = true;
        if (privilege === PRIVILEGE.IMPLICIT) found.implicit = true;
        this.#touched.set(page, found);
        const gpa = Math.floor(walker.gpa / PAGE) * PAGE;
        if (done && this.image.paging === 'none' && gpa < RAM_BYTES) this.image.pages.add(gpa);
      }
      return done;
    };
  }

  /** The bytes of the instruction. */
  get code(): string {
    return Buffer.from(this.#record.code).toString('hex');
  }

  /** Makes a case in the image, and runs the oracle on it until all that it touches is mapped. The pages, without the code's. */
  next(encoding: Encoding, environment: Environment): readonly Touched[] {
    const { image } = this;
    this.#generator.generate({ ...encoding, modes: [environment.encoded] }, this.#record);
    this.#template.load(this.#record);
    image.begin(environment.paging);
    const cr3 = image.view.getBigUint64(STATE.cr3, true);
    const pdpte = image.words.slice(STATE.pdpte >> 2, (STATE.pdpte >> 2) + 8);
    image.words.set(this.#template.processor.words);
    image.view.setBigUint64(STATE.cr3, cr3, true);
    image.words.set(pdpte, STATE.pdpte >> 2);
    environment.setUp(image, this.#prng);
    finishEnvironment(image);
    this.#placeCode(environment);
    this.#placeTables(environment);
    return this.#mapTouched(environment);
  }

  #rights(environment: Environment): number {
    return RIGHTS.PRESENT | RIGHTS.WRITABLE | RIGHTS.ACCESSED_DIRTY | (environment.user ? RIGHTS.USER : 0);
  }

  #placeCode(environment: Environment): void {
    const { image } = this;
    const base = image.view.getUint32(STATE.segments + SEG.CS * SEGMENT_BYTES + SEGMENT.base, true);
    const linear = image.view.getUint32(STATE.rip, true) + base;
    const page = BigInt(linear >>> 12);
    if (environment.paging === 'none') image.pages.add(linear & ~(PAGE - 1));
    const gpa = environment.paging === 'none' ? linear & ~(PAGE - 1) : image.map(page, this.#rights(environment));
    image.memory.bytes.fill(0xcc, gpa, gpa + PAGE);
    image.memory.bytes.set(this.#record.code, gpa + (linear & (PAGE - 1)));
  }

  #placeTables(environment: Environment): void {
    if (environment.paging === 'none') return;
    const gpa = this.image.map(BigInt(GDT_LINEAR >>> 12), this.#rights(environment) & ~RIGHTS.USER);
    for (const [i, descriptor] of GDT.entries()) this.image.memory.writeU64(gpa + 8 * i, descriptor);
  }

  #mapTouched(environment: Environment): readonly Touched[] {
    const { image } = this;
    const cpu = this.#oracle;
    for (let mapped = 0; mapped < MAX_MAPPED; mapped++) {
      image.load(cpu);
      this.#touched.clear();
      this.#watching = true;
      const end = cpu.step();
      this.#watching = false;
      if (end === 'done' || cpu.processor.u32(STATE.faultVector) !== VECTOR.PF) break;
      const page = cpu.processor.u64(STATE.cr2) >> 12n;
      if ((cpu.processor.u32(STATE.faultError) & 1) !== 0 || image.isMapped(page)) break;
      this.#mapPage(page, environment);
    }
    const pages = [...this.#touched].map(([page, how]) => ({ page, ...how }));
    return pages.filter(({ page, executed }) => !executed && image.isMapped(page));
  }

  #mapPage(page: bigint, environment: Environment): void {
    const { image } = this;
    const gpa = image.map(page, this.#rights(environment));
    const start = this.#prng.below((this.#filler.length - PAGE) / 16) * 16;
    image.memory.bytes.set(this.#filler.subarray(start, start + PAGE), gpa);
    for (const { linear, sizeBytes, offset } of Object.values(WINDOWS)) {
      const first = Number(page) * PAGE;
      const from = Math.max(linear, first);
      const to = Math.min(linear + sizeBytes, first + PAGE);
      if (to <= from) continue;
      const bytes = this.#record.bytes.subarray(offset + from - linear, offset + to - linear);
      image.memory.bytes.set(bytes, gpa + from - first);
    }
  }
}
