import { allFeatures } from './features.ts';
import { interpreterCpu } from './interpreter-cpu.ts';
import { oracleCpu } from './oracle-cpu.ts';
import { differentialSuite } from './suite.ts';

await differentialSuite({
  name: 'MMX and SSE',
  includes: ({ row }) => row.options.unit === 'mmx' || row.options.unit === 'sse',
  cpus: () => [oracleCpu(allFeatures()), interpreterCpu(allFeatures())],
});
