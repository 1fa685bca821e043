import { allFeatures } from './features.ts';
import { interpreterCpu } from './interpreter-cpu.ts';
import { oracleCpu } from './oracle-cpu.ts';
import { differentialSuite } from './suite.ts';

/** System instructions as user code sees them: most raise #GP, and in the right order with other faults. */
await differentialSuite({
  name: 'system',
  includes: ({ row }) => row.options.system === true,
  cpus: () => [oracleCpu(allFeatures()), interpreterCpu(allFeatures())],
});
