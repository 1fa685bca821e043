import { oracleCpu } from './oracle-cpu.ts';
import { differentialSuite } from './suite.ts';

await differentialSuite({
  name: 'integer',
  includes: ({ row }) => row.options.unit === undefined,
  cpus: () => [oracleCpu()],
});
