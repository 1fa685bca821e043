import { EXIT } from '../../src/cpu/interpreter/exits.ts';
import { Interpreter } from '../../src/cpu/interpreter/interpreter.ts';
import { VCPU_BYTES } from '../../src/cpu/interpreter/layout.ts';
import { NO_MMIO } from '../../src/cpu/processor/mmio.ts';
import { GuestMemory } from '../../src/memory/guest-memory.ts';
import type { FeatureSet } from '../../src/x86/opcodes/row.ts';
import { STATE } from '../../src/x86/state.ts';
import type { SoftwareCpu } from './against-host.ts';
import type { CaseRecord } from './native/case.ts';
import { PAGE_BYTES } from './native/layout.ts';
import { CODE_GPA, PLATFORM, RAM_BYTES, SoftMachine, traitsOf } from './soft-machine.ts';

const WASM_PAGE_BYTES = 1 << 16;
const RAM_BASE = Math.ceil(VCPU_BYTES / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
const MAX_STEPS = 1 << 16;
const SEQUENCE_BUDGET = 1000;

/** The interpreter in the place of the host CPU: one step. `cold`: every form by its handler outside run(). */
export function interpreterCpu(features: FeatureSet, options: { cold: boolean } = { cold: false }): SoftwareCpu {
  const { interpreter, machine } = interpreterMachine(features, options);
  return {
    name: options.cold ? 'cold interpreter' : 'interpreter',
    run(given: CaseRecord, result: CaseRecord): number {
      machine.load(given);
      interpreter.written(CODE_GPA, PAGE_BYTES);
      const end = runOne(machine, interpreter);
      machine.store(result, end);
      return 0;
    },
  };
}

/** The interpreter, until an instruction faults: decoded ahead, as a guest runs. */
export function interpreterSequenceCpu(features: FeatureSet): SoftwareCpu {
  const { interpreter, machine } = interpreterMachine(features, { cold: false });
  return {
    name: 'interpreter',
    run(given: CaseRecord, result: CaseRecord): number {
      machine.load(given);
      interpreter.written(CODE_GPA, PAGE_BYTES);
      if (interpreter.run(SEQUENCE_BUDGET) !== EXIT.FAULT) throw new Error('A sequence does not end');
      machine.store(result, 'fault');
      return 0;
    },
  };
}

function interpreterMachine(
  features: FeatureSet,
  options: { cold: boolean },
): { interpreter: Interpreter; machine: SoftMachine } {
  const pages = (RAM_BASE + RAM_BYTES) / WASM_PAGE_BYTES;
  const wasmMemory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const memory = new GuestMemory(wasmMemory.buffer, RAM_BASE, RAM_BYTES);
  const interpreter = new Interpreter({
    wasmMemory,
    memory,
    base: 0,
    mmio: NO_MMIO,
    platform: PLATFORM,
    traits: traitsOf(features),
    ...(options.cold ? { hotForms: () => [] } : {}),
  });
  const machine = new SoftMachine({ memory, processor: interpreter.processor, features });
  interpreter.processor.flushTlb('all');
  return { interpreter, machine };
}

/** A repeated string instruction takes a step an element. */
function runOne(machine: SoftMachine, interpreter: Interpreter): 'completed' | 'fault' {
  const start = machine.processor.u64(STATE.rip);
  const repeats = machine.fetch()?.repeat !== 'none';
  for (let step = 0; step < MAX_STEPS; step++) {
    if (interpreter.step() === EXIT.FAULT) return 'fault';
    if (!repeats || machine.processor.u64(STATE.rip) !== start) break;
  }
  return machine.fetchNext() ? 'completed' : 'fault';
}
