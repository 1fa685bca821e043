import { oracleCpu } from './oracle-cpu.ts';
import { differentialSuite } from './suite.ts';

await differentialSuite({
  name: 'simd',
  includes: ({ row }) => row.options.unit === 'sse' || row.options.unit === 'mmx',
  cpus: () => [oracleCpu()],
});
