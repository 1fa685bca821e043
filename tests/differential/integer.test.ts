import { allFeatures } from './features.ts';
import { interpreterCpu } from './interpreter-cpu.ts';
import { oracleCpu } from './oracle-cpu.ts';
import { differentialSuite } from './suite.ts';

await differentialSuite({
  name: 'integer',
  includes: ({ row }) => row.options.unit === undefined && row.options.system !== true,
  cpus: () => [oracleCpu(allFeatures()), interpreterCpu(allFeatures()), interpreterCpu(allFeatures(), { cold: true })],
});
