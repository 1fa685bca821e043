import { basename } from 'node:path';
import { VmmError } from '../../base/errors.ts';
import { errorText } from '../../host/node/files.ts';
import { type ProcessPorts, writeAll } from '../../host/node/process-ports.ts';
import type { VirtualMachineOptions } from '../../sdk/options.ts';
import { defineCommand } from '../command.ts';
import { EXIT_STATUS } from '../exit-status.ts';
import { jsonEvent } from '../json-events.ts';
import { MACHINE_OPTIONS, machineOptions } from '../machine-options.ts';
import { flag, list, value } from '../option-table.ts';
import { parseModules } from '../parse-modules.ts';
import { countsOf, errorVerdict, type TestVerdict, VERDICT_COLORS, verdictOf } from '../test-verdict.ts';

/** The devices that kvm-unit-tests use: lib/x86/io.c, lib/x86/fwcfg.c, x86/ioapic.c. */
const TEST_DEVICES = ['isa-debug-exit', 'pc-testdev', 'fw_cfg'];
const DEFAULT_TIMEOUT_MS = 90_000;
/** Serial output shown of a test that failed. */
const TAIL_LINES = 15;

const TEST_OPTIONS = {
  append: value({ short: 'a', value: 'TEXT', help: "the tests' command line", parse: (text) => text }),
  initrd: list({
    short: 'i',
    value: 'FILE[ ARGS][,…]',
    help: "the tests' environment, a file of NAME=value lines, or other multiboot modules",
    parse: parseModules,
  }),
  ...MACHINE_OPTIONS,
  verbose: flag({ short: 'v', help: 'show the serial output of every test, not only the end of a failing one' }),
  json: flag({ help: 'write a JSON line for each test to stdout' }),
} as const;

export const testCommand = defineCommand({
  name: 'test',
  summary: 'run images in the style of kvm-unit-tests, one verdict a line',
  operands: 'FILE…',
  options: TEST_OPTIONS,
  notes: [
    `Each image gets a machine of its own with the devices ${TEST_DEVICES.join(', ')}, and 90 seconds unless ` +
      '--timeout says otherwise. It ends by writing its exit code to the debug-exit port: 0 is PASS, 38 is SKIP.',
    'Exit status: 0 when no image failed, else 1.',
  ],
  async run({ options, operands }, ports) {
    if (operands.length === 0)
      throw new VmmError('VMM_CLI_OPERAND', "'test' needs at least one FILE", { kind: 'usage' });
    const common = machineOptions(options);
    const machine: VirtualMachineOptions = {
      timeoutMs: DEFAULT_TIMEOUT_MS,
      ...common,
      devices: [...TEST_DEVICES, ...(common.devices ?? [])],
      append: options.append ?? '',
      initrd: options.initrd,
    };
    const report = new Report(ports, options);
    for (const file of operands) await report.add(await runTest(file, machine));
    return report.finish();
  },
});

interface TestResult extends TestVerdict {
  readonly name: string;
  readonly durationMs: number;
  readonly output: string;
}

async function runTest(file: string, machine: VirtualMachineOptions): Promise<TestResult> {
  const startMs = performance.now();
  const chunks: Uint8Array[] = [];
  const verdict = await runImage(file, machine, chunks);
  return {
    name: basename(file).replace(/\.(flat|elf)$/, ''),
    durationMs: performance.now() - startMs,
    output: Buffer.concat(chunks).toString('utf8').replaceAll('\r\n', '\n'),
    ...verdict,
  };
}

async function runImage(kernel: string, machine: VirtualMachineOptions, chunks: Uint8Array[]): Promise<TestVerdict> {
  const { VirtualMachine } = await import('../../sdk/node.ts');
  try {
    await using vm = await VirtualMachine.create({ ...machine, kernel });
    const collect = async () => {
      for await (const bytes of vm.console) chunks.push(bytes);
    };
    vm.start();
    const [reason] = await Promise.all([vm.wait(), collect()]);
    return verdictOf(reason);
  } catch (error) {
    return errorVerdict(error instanceof VmmError ? `${error.message} [${error.code}]` : errorText(error));
  }
}

class Report {
  readonly #ports: ProcessPorts;
  readonly #options: { readonly verbose: boolean; readonly json: boolean };
  readonly #results: TestResult[] = [];

  constructor(ports: ProcessPorts, options: { readonly verbose: boolean; readonly json: boolean }) {
    this.#ports = ports;
    this.#options = options;
  }

  async add(result: TestResult): Promise<void> {
    this.#results.push(result);
    const { name, verdict, detail, durationMs, output } = result;
    if (this.#options.json) {
      const event = { name, verdict, detail, durationMs: Math.round(durationMs), output };
      return writeAll(this.#ports.stdout, jsonEvent('test', event));
    }
    const note = [detail, `${(durationMs / 1000).toFixed(1)} s`].filter((part) => part !== '').join(', ');
    await this.#print(`${this.#colored(verdict)} ${name} (${note})\n`);
    if (this.#options.verbose) await this.#print(indented(output));
    else if (VERDICT_COLORS[verdict].isFailure) await this.#print(indented(tail(output)));
  }

  async finish(): Promise<number> {
    const counts = countsOf(this.#results);
    const hasFailed = this.#results.some((result) => VERDICT_COLORS[result.verdict].isFailure);
    if (this.#options.json) await writeAll(this.#ports.stdout, jsonEvent('summary', counts));
    else {
      const parts = Object.entries(counts).map(([verdict, count]) => `${count} ${verdict}`);
      await this.#print(`${this.#results.length} tests: ${parts.join(', ')}\n`);
    }
    return hasFailed ? EXIT_STATUS.crashed : EXIT_STATUS.ok;
  }

  #print(text: string): Promise<void> {
    return writeAll(this.#ports.stdout, text);
  }

  #colored(verdict: TestVerdict['verdict']): string {
    const text = verdict.padEnd(7);
    const hasColor = this.#ports.stdout.isTTY === true && this.#ports.environment.NO_COLOR === undefined;
    return hasColor ? `\x1b[${VERDICT_COLORS[verdict].sgr}m${text}\x1b[0m` : text;
  }
}

function tail(output: string): string {
  const lines = output.trimEnd().split('\n');
  const hidden = lines.length - TAIL_LINES;
  return hidden > 0 ? [`… ${hidden} lines above`, ...lines.slice(-TAIL_LINES)].join('\n') : lines.join('\n');
}

function indented(output: string): string {
  const text = output.trimEnd();
  return text === '' ? '' : `${text.replaceAll(/^/gm, '    ')}\n`;
}
