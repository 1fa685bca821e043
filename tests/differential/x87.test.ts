import { allFeatures } from './features.ts';
import { interpreterCpu } from './interpreter-cpu.ts';
import { oracleCpu } from './oracle-cpu.ts';
import { differentialSuite } from './suite.ts';

await differentialSuite({
  name: 'x87',
  includes: ({ row }) => row.options.unit === 'x87',
  cpus: () => [oracleCpu(allFeatures()), interpreterCpu(allFeatures())],
});
