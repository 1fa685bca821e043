import { VmmError } from '../../base/errors.ts';
import type { ProcessPorts } from '../../host/node/process-ports.ts';
import { DEFAULT_COMMAND_LINE, type VirtualMachineOptions } from '../../sdk/options.ts';
import { defineCommand } from '../command.ts';
import { jsonEvent } from '../json-events.ts';
import { MACHINE_OPTIONS, machineOptions } from '../machine-options.ts';
import { flag, list, type OptionValues, value } from '../option-table.ts';
import { parseModules } from '../parse-modules.ts';
import { ProgressLine } from '../progress-line.ts';
import { openSerialTarget, parseSerialTarget, SERIAL_SYNTAX } from '../serial-target.ts';
import { runSession } from '../session.ts';

const RUN_OPTIONS = {
  kernel: value({
    short: 'k',
    value: 'FILE',
    help: "kernel: bzImage, vmlinux, ELF or multiboot; without it Debian's cloud kernel and a busybox shell boot",
    parse: (text) => text,
  }),
  initrd: list({
    short: 'i',
    value: 'FILE[ ARGS][,…]',
    help: 'initrd, or multiboot modules with their arguments; a comma in a name is written twice',
    parse: parseModules,
  }),
  append: value({
    short: 'a',
    value: 'TEXT',
    help: `kernel command line; the default is ${DEFAULT_COMMAND_LINE}, which the default guest keeps in front`,
    parse: (text) => text,
  }),
  ...MACHINE_OPTIONS,
  serial: value({
    value: SERIAL_SYNTAX,
    default: 'stdio',
    help: "where the guest's serial line goes",
    parse: parseSerialTarget,
  }),
  json: flag({ help: 'write events as JSON lines to stdout: started, console, exit, error' }),
} as const;

type RunValues = OptionValues<typeof RUN_OPTIONS>;

export const runCommand = defineCommand({
  name: 'run',
  summary: 'boot a guest and connect its console to this terminal',
  options: RUN_OPTIONS,
  notes: [
    'On the terminal Ctrl-A x quits, Ctrl-A c opens the monitor (help, info, powerdown, reset, quit), Ctrl-A a sends Ctrl-A.',
    "Exit status: 0 when the guest powered off or reset, the debug-exit port's value << 1 | 1, 1 when the guest " +
      'crashed, 2 bad usage, 124 timeout, 125 a failure of paravane, 128 + n for signal n.',
  ],
  async run({ options, operands }, ports) {
    const [extra] = operands;
    if (extra !== undefined) {
      throw new VmmError('VMM_CLI_OPERAND', `'run' takes no operand, '${extra}' given; a kernel is passed with -k`, {
        kind: 'usage',
      });
    }
    if (!options.json) return runGuest(options, ports);
    try {
      return await runGuest(options, ports);
    } catch (error) {
      const code = error instanceof VmmError ? error.code : 'VMM_INTERNAL';
      ports.stdout.write(jsonEvent('error', { code, message: error instanceof Error ? error.message : String(error) }));
      throw error;
    }
  },
});

async function runGuest(options: RunValues, ports: ProcessPorts): Promise<number> {
  const serialTarget = options.serial ?? { kind: 'stdio' };
  const guest = options.kernel === undefined ? await defaultGuest(options, ports) : ownGuest(options, options.kernel);
  const { VirtualMachine } = await import('../../sdk/node.ts');
  await using vm = await VirtualMachine.create({ ...machineOptions(options), ...guest });
  const serial = serialTarget.kind === 'stdio' ? {} : { serial: await openSerialTarget(serialTarget) };
  return await runSession(vm, ports, { json: options.json, ...serial });
}

function ownGuest(options: RunValues, kernel: string): VirtualMachineOptions {
  return {
    kernel,
    initrd: options.initrd,
    ...(options.append === undefined ? {} : { append: options.append }),
  };
}

async function defaultGuest(options: RunValues, ports: ProcessPorts): Promise<VirtualMachineOptions> {
  const { guestImage } = await import('../../images/node/guest-image.ts');
  const progress = new ProgressLine(ports.stderr);
  try {
    const image = await guestImage('cloud-amd64', {
      onProgress: (state) => progress.show(state),
      onWarning(message) {
        progress.clear();
        ports.stderr.write(`paravane: ${message}\n`);
      },
    });
    const words = [DEFAULT_COMMAND_LINE, ...terminalWords(ports, options), options.append ?? ''];
    return {
      kernel: image.kernel,
      initrd: options.initrd.length > 0 ? options.initrd : image.initrd,
      append: words.filter((word) => word !== '').join(' '),
    };
  } finally {
    progress.clear();
  }
}

/** The kernel hands words it does not know to /init as environment, which tells the shell about the terminal. */
function terminalWords(ports: ProcessPorts, options: RunValues): string[] {
  const { columns, rows, isTTY } = ports.stdout;
  if (isTTY !== true || options.json || (options.serial ?? { kind: 'stdio' }).kind !== 'stdio') return [];
  const term = ports.environment.TERM ?? '';
  return [
    ...(/^[\w.+-]+$/.test(term) ? [`TERM=${term}`] : []),
    ...(columns && rows ? [`COLUMNS=${columns}`, `LINES=${rows}`] : []),
  ];
}
