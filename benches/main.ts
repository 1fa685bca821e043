// npm run bench [-- --only NAME] [--runs N]
import { cpus, release, totalmem, type } from 'node:os';
import { parseArgs } from 'node:util';
import { benchBoot } from './boot.ts';
import { benchMicro } from './micro.ts';
import { benchMips } from './mips.ts';
import { benchStart } from './start.ts';
import { benchSuite } from './suite.ts';

const BENCHES: Readonly<Record<string, (runs: number) => Promise<void>>> = {
  mips: benchMips,
  micro: benchMicro,
  start: benchStart,
  boot: benchBoot,
  suite: benchSuite,
};

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true }, runs: { type: 'string', default: '3' } },
});
const runs = Number(values.runs);
const names = values.only ?? Object.keys(BENCHES);
const unknown = names.find((name) => !Object.hasOwn(BENCHES, name));
if (unknown !== undefined || !Number.isInteger(runs) || runs < 1) {
  process.stderr.write(`usage: npm run bench -- [--only ${Object.keys(BENCHES).join('|')}]... [--runs N]\n`);
  process.exit(2);
}

const processors = cpus();
process.stdout.write(
  `${processors[0]?.model.trim()}, ${processors.length} CPUs, ${Math.round(totalmem() / 2 ** 30)} GiB; ` +
    `${type()} ${release()}; Node ${process.versions.node}, V8 ${process.versions.v8}; medians of ${runs}, host CPU time\n`,
);
for (const name of names) await BENCHES[name]?.(runs);
