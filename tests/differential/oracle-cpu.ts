import { Oracle } from '../../src/cpu/oracle/oracle.ts';
import { NO_MMIO, NO_MMU_CACHE } from '../../src/cpu/processor/mmio.ts';
import { SoftProcessor } from '../../src/cpu/processor/soft-processor.ts';
import { GuestMemory } from '../../src/memory/guest-memory.ts';
import type { FeatureSet } from '../../src/x86/opcodes/row.ts';
import { STATE } from '../../src/x86/state.ts';
import type { SoftwareCpu } from './against-host.ts';
import type { CaseRecord } from './native/case.ts';
import { PLATFORM, RAM_BYTES, SoftMachine, traitsOf } from './soft-machine.ts';

/** More elements than a repeated string instruction finds memory for. */
const MAX_ELEMENTS = 1 << 16;
const MAX_STEPS = 1000;

/** The oracle in the place of the host CPU: one instruction. */
export function oracleCpu(features: FeatureSet): SoftwareCpu {
  const { machine, oracle } = oracleMachine(features);
  return {
    name: 'oracle',
    run(given: CaseRecord, result: CaseRecord): number {
      machine.load(given);
      const end = runOne(machine, oracle);
      machine.store(result, end);
      return oracle.undefinedFlags;
    },
  };
}

/** The oracle, until an instruction faults. */
export function oracleSequenceCpu(features: FeatureSet): SoftwareCpu {
  const { machine, oracle } = oracleMachine(features);
  return {
    name: 'oracle',
    run(given: CaseRecord, result: CaseRecord): number {
      machine.load(given);
      let undefinedFlags = 0;
      for (let step = 0; runOne(machine, oracle) === 'completed'; step++) {
        if (step > MAX_STEPS) throw new Error('A sequence does not end');
        undefinedFlags |= oracle.undefinedFlags;
      }
      machine.store(result, 'fault');
      return undefinedFlags;
    },
  };
}

function oracleMachine(features: FeatureSet): { machine: SoftMachine; oracle: Oracle } {
  const buffer = new ArrayBuffer(RAM_BYTES + STATE.SIZE_BYTES);
  const memory = new GuestMemory(buffer, 0, RAM_BYTES);
  const processor = new SoftProcessor({
    memory,
    stateBase: RAM_BYTES,
    cache: NO_MMU_CACHE,
    mmio: NO_MMIO,
    platform: PLATFORM,
    traits: traitsOf(features),
  });
  const machine = new SoftMachine({ memory, processor, features });
  return { machine, oracle: new Oracle(processor) };
}

function runOne(machine: SoftMachine, oracle: Oracle): 'completed' | 'fault' {
  const instruction = machine.fetch();
  if (instruction === undefined) return 'fault';
  const start = machine.processor.u64(STATE.rip);
  for (let element = 0; element < MAX_ELEMENTS; element++) {
    if (!oracle.execute(instruction)) return 'fault';
    if (instruction.repeat === 'none' || machine.processor.u64(STATE.rip) !== start) break;
  }
  return machine.fetchNext() ? 'completed' : 'fault';
}
