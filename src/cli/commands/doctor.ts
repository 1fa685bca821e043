import { writeAll } from '../../host/node/process-ports.ts';
import { defineCommand } from '../command.ts';
import { type CheckResult, HOST_CHECKS } from '../doctor-checks.ts';
import { EXIT_STATUS } from '../exit-status.ts';
import { flag } from '../option-table.ts';

export const doctorCommand = defineCommand({
  name: 'doctor',
  summary: 'tell what this host can do, and what to do about what it cannot',
  options: { json: flag({ help: 'write a JSON line for each check to stdout' }) },
  notes: ['Exit status: 0 when guests can run here, else 125.'],
  async run({ options }, ports) {
    const results: ({ name: string } & CheckResult)[] = [];
    for (const [name, check] of Object.entries(HOST_CHECKS)) {
      const result = { name, ...(await check(ports)) };
      results.push(result);
      await writeAll(ports.stdout, options.json ? `${JSON.stringify(result)}\n` : line(result));
    }
    return results.some((result) => result.status === 'fail') ? EXIT_STATUS.failure : EXIT_STATUS.ok;
  },
});

function line(result: { readonly name: string } & CheckResult): string {
  const advice = result.advice === undefined ? '' : `\n${' '.repeat(6)}→ ${result.advice}`;
  return `${result.status.padEnd(4)}  ${result.name}: ${result.detail}${advice}\n`;
}
