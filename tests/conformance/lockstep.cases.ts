import { EXIT } from '../../src/cpu/interpreter/exits.ts';
import { disassemble } from '../../src/x86/disassembler.ts';
import { RFLAGS, STATE, VECTOR } from '../../src/x86/state.ts';
import { faultOf, memoryDifferences, stateDifferences } from './compare-cpus.cases.ts';
import type { InterpreterTestCpu, OracleTestCpu } from './test-cpu.cases.ts';
import type { TestImage } from './test-image.cases.ts';

const TRACE = 12;
const RFLAGS_WORD = STATE.rflagsSystem >> 2;
const SHADOW_WORD = STATE.interruptShadow >> 2;

/** What became of a run. */
export type LockstepEnd =
  | { readonly kind: 'completed'; readonly instructions: number }
  | { readonly kind: 'fault'; readonly instructions: number };

/** Runs the interpreter, then the oracle for as many instructions, and compares everything. */
export class Lockstep {
  readonly #oracle: OracleTestCpu;
  readonly #interpreter: InterpreterTestCpu;
  readonly #image: TestImage;
  readonly #trace: string[] = [];

  constructor(oracle: OracleTestCpu, interpreter: InterpreterTestCpu, image: TestImage) {
    this.#oracle = oracle;
    this.#interpreter = interpreter;
    this.#image = image;
  }

  /** Both begin at the image. */
  begin(): void {
    this.#trace.length = 0;
    for (const cpu of [this.#oracle, this.#interpreter]) this.#image.load(cpu);
  }

  /** Up to `budget` instructions. Throws with an account of the last instructions if the two differ. */
  run(budget: number): LockstepEnd {
    const { interpreter, processor } = this.#interpreter;
    processor.setU32(STATE.budget, budget);
    let exit = interpreter.run(budget);
    let used = budget - (processor.words[STATE.budget >> 2] as number);
    if (exit === EXIT.BUDGET && used < budget) {
      // As the vCPU does; the translation of the next instruction may have set an accessed flag already.
      processor.setU32(STATE.budget, 1);
      exit = interpreter.step();
      used += 1 - (processor.words[STATE.budget >> 2] as number);
    }
    if (used < 0 || used > budget) this.#fail([`budget: ${used} of ${budget}`]);
    this.#follow(used);
    if (exit !== EXIT.FAULT) {
      this.#compare();
      return { kind: 'completed', instructions: used };
    }
    const wanted = this.#stepOracle() === 'done' ? 'done' : faultOf(this.#oracle);
    const got = faultOf(this.#interpreter);
    this.#compare(wanted === got ? [] : [`outcome: ${wanted}, not ${got}`]);
    return { kind: 'fault', instructions: used };
  }

  #follow(count: number): void {
    for (let i = 0; i < count; i++) {
      if (this.#stepOracle() !== 'done')
        this.#fail([`outcome: ${faultOf(this.#oracle)} after ${i} of ${count}, not done`]);
    }
  }

  #stepOracle(): 'done' | 'fault' {
    const { processor } = this.#oracle;
    const rip = processor.u64(STATE.rip);
    const instruction = this.#oracle.fetch();
    const text = instruction === undefined ? faultOf(this.#oracle) : disassemble(instruction, rip);
    if (this.#trace.push(`${rip.toString(16)}: ${text}`) > TRACE) this.#trace.shift();
    return instruction === undefined ? 'fault' : this.#oracle.execute(instruction);
  }

  #compare(found: string[] = []): void {
    const [oracle, interpreter] = [this.#oracle, this.#interpreter];
    for (const { processor } of [oracle, interpreter]) {
      // The oracle has no notion of the boundary between instructions, where these end.
      processor.words[RFLAGS_WORD] = (processor.words[RFLAGS_WORD] as number) & ~RFLAGS.RF;
      processor.words[SHADOW_WORD] = 0;
    }
    found.push(...stateDifferences(oracle.processor.words, interpreter.processor.words));
    found.push(...memoryDifferences(oracle.memory.bytes, interpreter.memory.bytes, this.#image.pages));
    if (oracle.mmio.log.join() !== interpreter.mmio.log.join()) {
      found.push(`devices: ${oracle.mmio.log}, not ${interpreter.mmio.log}`);
    }
    oracle.mmio.log.length = 0;
    interpreter.mmio.log.length = 0;
    if (found.length > 0) this.#fail(found);
  }

  #fail(found: readonly string[]): never {
    throw new Error(`${this.#interpreter.name}: ${found.slice(0, 8).join('; ')}\n  ${this.#trace.join('\n  ')}`);
  }

  /** The same change to both. */
  both(change: (cpu: OracleTestCpu | InterpreterTestCpu) => void): void {
    change(this.#oracle);
    change(this.#interpreter);
  }

  /** The page that the fault just met was not present. */
  missingPage(): bigint | undefined {
    const { processor } = this.#oracle;
    if (processor.u32(STATE.faultVector) !== VECTOR.PF || (processor.u32(STATE.faultError) & 1) !== 0) return undefined;
    return processor.u64(STATE.cr2) >> 12n;
  }
}
