import { afterAll, expect, test } from 'vitest';
import { opcodeMaps } from '../../src/x86/opcodes/maps.ts';
import { STATE, VECTOR } from '../../src/x86/state.ts';
import { allEncodings, type Encoding } from '../differential/encodings.ts';
import { hashName, Prng } from '../differential/prng.ts';
import { faultOf, memoryDifferences, stateDifferences } from './compare-cpus.cases.ts';
import { ENVIRONMENTS, type Environment } from './environments.cases.ts';
import { DEVICE_GPA, RAM_BYTES, RowCases, type Touched } from './row-cases.cases.ts';
import { InterpreterTestCpu, OracleTestCpu, PAGE, type TestCpu } from './test-cpu.cases.ts';
import { RIGHTS } from './test-image.cases.ts';

/**
 * Every row of the opcode maps: as it is, with each of its memory accesses made to fault, and with each made to reach
 * a device. Oracle, hot and cold interpreter agree in all of it, and a fault leaves the state as it was.
 */

const seed = Number(process.env.CONFORMANCE_SEED ?? 1) >>> 0;
const factor = Number(process.env.CONFORMANCE_FACTOR ?? 1);
const CASES = Math.ceil(2 * factor);

const oracle = new OracleTestCpu(RAM_BYTES);
const hot = new InterpreterTestCpu(RAM_BYTES, { cold: false });
const cold = new InterpreterTestCpu(RAM_BYTES, { cold: true });
/** Repeated port I/O does many elements in one call; those before the fault are done (SDM Vol. 2B "REP"). */
const REPEATS_AT_ONCE = new Set(['INS', 'OUTS']);
const counts = { cases: 0, faults: 0, devices: 0 };

class Survey {
  readonly #found = new Map<string, string>();
  readonly #cases: RowCases;
  readonly #environment: Environment;
  #encoding!: Encoding;

  constructor(environment: Environment) {
    this.#environment = environment;
    this.#cases = new RowCases(new Prng(seed ^ hashName(environment.name)), oracle);
  }

  get found(): readonly string[] {
    return [...this.#found.values()];
  }

  run(encoding: Encoding): void {
    this.#encoding = encoding;
    for (let i = 0; i < CASES; i++) {
      const touched = this.#cases.next(encoding, this.#environment);
      counts.cases++;
      this.#compare('as it is');
      for (const page of touched) this.#injectFaults(page);
    }
  }

  #injectFaults(touched: Touched): void {
    const { image } = this.#cases;
    const faults = {
      'not present': 0,
      ...(touched.written ? { 'read-only': RIGHTS.PRESENT | RIGHTS.ACCESSED_DIRTY } : {}),
    };
    for (const [how, rights] of Object.entries(faults)) {
      const user = this.#environment.user && rights !== 0 && !touched.implicit ? RIGHTS.USER : 0;
      const undo = image.change(touched.page, { rights: rights | user });
      if (this.#compare(`${touched.page.toString(16)} ${how}`)) this.#expectUnchanged(touched.page, how);
      counts.faults++;
      undo();
    }
    this.#mapDevice(touched.page);
  }

  #mapDevice(page: bigint): void {
    const { image } = this.#cases;
    const before = image.gpaOf(page) as number;
    const undo = image.change(page, { gpa: DEVICE_GPA });
    // Descriptors and the like are in a page of the same contents, which is no device.
    image.memory.bytes.copyWithin(DEVICE_GPA, before, before + PAGE);
    for (const cpu of [oracle, hot, cold]) cpu.mmio.pages.add(DEVICE_GPA / PAGE);
    this.#compare(`${page.toString(16)} is a device`);
    counts.devices++;
    for (const cpu of [oracle, hot, cold]) cpu.mmio.pages.clear();
    undo();
  }

  #note(what: string, details: readonly string[]): void {
    const { mnemonic } = this.#encoding;
    const key = `${mnemonic} ${what.replace(/[0-9a-f]+/, '')} ${details[0]?.split(':')[0]}`;
    if (this.#found.has(key)) return;
    this.#found.set(key, `${mnemonic} ${this.#cases.code} ${what}: ${details.slice(0, 6).join('; ')}`);
  }

  #run(cpu: TestCpu): string {
    this.#cases.image.load(cpu);
    return cpu.step() === 'done' ? 'done' : faultOf(cpu);
  }

  /** Runs the case on all; whether the oracle faulted. */
  #compare(what: string): boolean {
    const { image } = this.#cases;
    const outcome = this.#run(oracle);
    for (const cpu of [hot, cold]) {
      const got = this.#run(cpu);
      const differences = outcome === got ? [] : [`outcome: ${outcome}, not ${got}`];
      differences.push(...stateDifferences(oracle.processor.words, cpu.processor.words));
      differences.push(...memoryDifferences(oracle.memory.bytes, cpu.memory.bytes, image.pages));
      if (oracle.mmio.log.join() !== cpu.mmio.log.join())
        differences.push(`devices: ${oracle.mmio.log}, not ${cpu.mmio.log}`);
      if (differences.length > 0) this.#note(`${what}, ${cpu.name}`, differences);
    }
    return outcome !== 'done';
  }

  /** After a run of the oracle that faulted. */
  #expectUnchanged(page: bigint, how: string): void {
    const { image } = this.#cases;
    const { processor, memory } = oracle;
    if (REPEATS_AT_ONCE.has(this.#encoding.mnemonic)) return;
    const differences = stateDifferences(image.words, processor.words, { ignoreCr2: true });
    differences.push(...memoryDifferences(image.memory.bytes, memory.bytes, image.pages));
    if (differences.length > 0) this.#note(`${page.toString(16)} ${how} changes`, differences);
    const vector = processor.u32(STATE.faultVector);
    const at = processor.u64(STATE.cr2) >> 12n;
    if (vector !== VECTOR.PF || at !== page) this.#note(`${page.toString(16)} ${how} is not #PF`, [faultOf(oracle)]);
  }
}

test.each(ENVIRONMENTS)(
  '$name: rows agree, and faults leave nothing half done',
  (environment) => {
    const survey = new Survey(environment);
    for (const encoding of allEncodings(opcodeMaps())) {
      if (encoding.modes.includes(environment.encoded)) survey.run(encoding);
    }
    expect(survey.found).toEqual([]);
  },
  120_000,
);

afterAll(() => {
  console.log(`faulting rows: ${counts.cases} cases, ${counts.faults} faults, ${counts.devices} devices, seed ${seed}`);
});
