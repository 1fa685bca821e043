import { Oracle } from '../../src/cpu/oracle/oracle.ts';
import { opcodeMaps } from '../../src/x86/opcodes/maps.ts';
import type { Feature } from '../../src/x86/opcodes/row.ts';
import { STATE } from '../../src/x86/state.ts';
import { allEncodings } from './encodings.ts';
import type { CaseRecord } from './native/case.ts';
import { SoftMachine } from './soft-machine.ts';
import type { SoftwareCpu } from './suite.ts';

/** Every feature that some row asks for. */
export function allFeatures(): ReadonlySet<Feature> {
  return new Set(allEncodings(opcodeMaps()).flatMap(({ row }) => row.options.feature ?? []));
}

/** More elements than a repeated string instruction finds memory for. */
const MAX_ELEMENTS = 1 << 16;

/** The oracle in the place of the host CPU. */
export function oracleCpu(): SoftwareCpu {
  const machine = SoftMachine.create(allFeatures());
  const oracle = new Oracle(machine.processor);
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

function runOne(machine: SoftMachine, oracle: Oracle): 'completed' | 'fault' {
  const instruction = machine.fetch();
  if (instruction === undefined) return 'fault';
  const start = machine.processor.u64(STATE.rip);
  for (let element = 0; element < MAX_ELEMENTS; element++) {
    if (!oracle.execute(instruction)) return 'fault';
    const repeats = instruction.repeat !== 'none' && instruction.row.options.repeat === true;
    if (!repeats || machine.processor.u64(STATE.rip) !== start) break;
  }
  return machine.fetchNext() ? 'completed' : 'fault';
}
