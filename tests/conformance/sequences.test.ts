import { afterAll, test } from 'vitest';
import { opcodeMaps } from '../../src/x86/opcodes/maps.ts';
import { MODE } from '../../src/x86/processor-mode.ts';
import { SEG, SEGMENT, SEGMENT_BYTES, STATE } from '../../src/x86/state.ts';
import { allEncodings, type Encoding } from '../differential/encodings.ts';
import { CODE_LINEAR, DATA_LINEAR, STACK_LINEAR } from '../differential/native/layout.ts';
import { hashName, Prng } from '../differential/prng.ts';
import { ENVIRONMENTS, type Environment, finishEnvironment } from './environments.cases.ts';
import { Lockstep } from './lockstep.cases.ts';
import { ProgramWriter } from './programs.cases.ts';
import { DEVICE_GPA, RAM_BYTES } from './row-cases.cases.ts';
import { InterpreterTestCpu, OracleTestCpu, PAGE } from './test-cpu.cases.ts';
import { RIGHTS, TestImage } from './test-image.cases.ts';

/** Random programs: the interpreter, run in slices, does what the oracle does instruction by instruction. */

const seed = Number(process.env.CONFORMANCE_SEED ?? 1) >>> 0;
const factor = Number(process.env.CONFORMANCE_FACTOR ?? 1);
const PROGRAMS = Math.ceil(12 * factor);
const ROUNDS = 200;
const CODE_PAGES = 3;
/** Pages of one mapping in so many stay unmapped. */
const NEVER_MAPPED = 5;
const MAX_PAGES = 60;

const oracle = new OracleTestCpu(RAM_BYTES);
const hot = new InterpreterTestCpu(RAM_BYTES, { cold: false });
const image = new TestImage(RAM_BYTES);
const counts = { programs: 0, instructions: 0, faults: 0 };

/** Far transfers and loads of segments would leave the environment. */
const LEAVING = new Set(['IRET', 'LSS', 'LDS', 'LES', 'LFS', 'LGS', 'INT', 'INT3', 'INT1', 'INTO']);

function suits(encoding: Encoding, environment: Environment): boolean {
  if (!encoding.modes.includes(environment.encoded)) return false;
  if (environment.user && environment.name !== 'virtual-8086') return true;
  const { row, mnemonic } = encoding;
  const segment = row.operands.some((code) => ['Sw', 'ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'Ap', 'Mp'].includes(code));
  return row.options.system !== true && !segment && !LEAVING.has(mnemonic);
}

class SequenceRun {
  readonly #environment: Environment;
  readonly #prng: Prng;
  readonly #writer: ProgramWriter;
  readonly #lockstep = new Lockstep(oracle, hot, image);
  #first = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
    this.#prng = new Prng(seed ^ hashName(environment.name));
    this.#writer = new ProgramWriter(
      this.#prng,
      allEncodings(opcodeMaps()).filter((encoding) => suits(encoding, environment)),
    );
  }

  get #rights(): number {
    return RIGHTS.PRESENT | RIGHTS.WRITABLE | RIGHTS.ACCESSED_DIRTY | (this.#environment.user ? RIGHTS.USER : 0);
  }

  #prepare(): void {
    const prng = this.#prng;
    image.begin(this.#environment.paging);
    const { cr3, pdpte } = {
      cr3: image.view.getBigUint64(STATE.cr3, true),
      pdpte: image.words.slice(STATE.pdpte >> 2, (STATE.pdpte >> 2) + 8),
    };
    image.words.fill(0);
    image.view.setBigUint64(STATE.cr3, cr3, true);
    image.words.set(pdpte, STATE.pdpte >> 2);
    this.#registers();
    this.#environment.setUp(image, prng);
    finishEnvironment(image);
    this.#code();
  }

  #registers(): void {
    const prng = this.#prng;
    for (let word = STATE.gpr >> 2; word < (STATE.gpr >> 2) + 32; word++) image.words[word] = prng.u32();
    if (this.#environment.encoded === 32) {
      for (let i = 0; i < 16; i++) image.words[(STATE.gpr >> 2) + 2 * i + 1] = 0;
    }
    for (let i = 0; i < 16; i++) {
      for (let word = 0; word < 4; word++) image.words[((STATE.xmm + 32 * i) >> 2) + word] = prng.u32();
    }
    image.view.setUint32(STATE.mxcsr, 0x1f80, true);
    image.view.setUint32(STATE.fcw, 0x37f, true);
    image.view.setUint32(STATE.ftw, 0xffff, true);
    image.view.setUint32(STATE.rflagsSystem, 0x202, true);
    image.view.setBigUint64(STATE.gpr + 32, BigInt(STACK_LINEAR + 0x800), true);
    image.view.setBigUint64(STATE.rip, BigInt(CODE_LINEAR), true);
  }

  get #codeBase(): number {
    return image.view.getUint32(STATE.segments + SEG.CS * SEGMENT_BYTES + SEGMENT.base, true);
  }

  /** The program in three pages; the second one shows a second time, where data is. */
  #code(): void {
    const first = this.#codeBase + image.view.getUint32(STATE.rip, true);
    const codeSize = [16, 32, 64][(image.words[STATE.mode >> 2] as number) & MODE.CODE_SIZE] as 16 | 32 | 64;
    const sizeBytes = CODE_PAGES * PAGE;
    // In segmented modes stores by offset go through DS: elsewhere than the code, mostly.
    const start = image.view.getUint32(STATE.rip, true);
    const counter = codeSize === 16 ? 0x100 : DATA_LINEAR - 0x800;
    const program = this.#writer.write({ codeSize, sizeBytes, start, counter });
    for (let n = 0; n < CODE_PAGES; n++) {
      const page = BigInt((first >>> 12) + n);
      const gpa = this.#environment.paging === 'none' ? Number(page) * PAGE : image.map(page, this.#rights);
      image.pages.add(gpa);
      image.memory.bytes.set(program.subarray(n * PAGE, (n + 1) * PAGE), gpa);
      if (n === 1 && this.#environment.paging !== 'none')
        image.map(BigInt((DATA_LINEAR >>> 12) + 1), this.#rights, gpa);
    }
    this.#first = first;
  }

  run(): void {
    this.#prepare();
    this.#lockstep.begin();
    counts.programs++;
    const budgets = [1, 2, 3, 10, 50, 300];
    for (let round = 0; round < ROUNDS; round++) {
      const end = this.#lockstep.run(this.#prng.pick(budgets));
      counts.instructions += end.instructions;
      if (end.kind === 'fault') this.#recover();
      else if (this.#prng.chance(0.02)) this.#goSomewhere();
    }
  }

  /** Maps the page that was missing, or goes on elsewhere. */
  #recover(): void {
    counts.faults++;
    const page = this.#lockstep.missingPage();
    const mappable = page !== undefined && !image.isMapped(page) && image.pages.size < MAX_PAGES;
    if (mappable && Number(page % BigInt(NEVER_MAPPED)) !== 0) this.#map(page);
    else this.#goSomewhere();
  }

  #map(page: bigint): void {
    const before = new Set(image.pages);
    const device = this.#prng.chance(0.1);
    const gpa = device ? image.map(page, this.#rights, DEVICE_GPA) : image.map(page, this.#rights);
    for (let i = 0; i < PAGE && !device; i += 4) image.memory.writeU32(gpa + i, this.#prng.u32());
    const tables = [...image.pages].filter((table) => !before.has(table));
    this.#lockstep.both((cpu) => {
      for (const changed of tables) {
        cpu.memory.bytes.set(image.memory.bytes.subarray(changed, changed + PAGE), changed);
      }
      const entry = image.leafOf(page);
      cpu.memory.bytes.set(image.memory.bytes.subarray(entry, entry + 8), entry);
      cpu.processor.flushTlb('all');
    });
  }

  /** Another place of the program, with some registers as new. */
  #goSomewhere(): void {
    const prng = this.#prng;
    const offset = prng.below(CODE_PAGES * PAGE - 64);
    const rip = BigInt((this.#first - this.#codeBase + offset) >>> 0);
    const stack = BigInt(STACK_LINEAR + 0x800);
    const values = Array.from({ length: 8 }, () => BigInt(prng.u32()));
    this.#lockstep.both(({ processor }) => {
      processor.setU64(STATE.rip, rip);
      processor.setU64(STATE.gpr + 32, stack);
      for (const [i, value] of values.entries()) if (i !== 4) processor.setU64(STATE.gpr + 8 * i, value);
      processor.setU32(STATE.mxcsr, 0x1f80);
    });
  }
}

test.each(ENVIRONMENTS)(
  '$name: programs do what the oracle does',
  (environment) => {
    const run = new SequenceRun(environment);
    for (let i = 0; i < PROGRAMS; i++) run.run();
  },
  120_000,
);

afterAll(() => {
  const { programs, instructions, faults } = counts;
  console.log(`sequences: ${programs} programs, ${instructions} instructions, ${faults} faults, seed ${seed}`);
});
