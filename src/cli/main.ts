import { existsSync, readFileSync } from 'node:fs';
import { VmmError } from '../base/errors.ts';
import { errorText } from '../host/node/files.ts';
import { nodeProcessPorts, type ProcessPorts, writeAll } from '../host/node/process-ports.ts';
import { EXIT_STATUS } from './exit-status.ts';
import { programHelp } from './help.ts';
import { nearestName } from './nearest-name.ts';

/** Runs a command line; gives the exit status and never throws. */
export async function main(args: readonly string[], ports: ProcessPorts = nodeProcessPorts()): Promise<number> {
  // A write error reaches whoever wrote; without a listener it would end the process as well.
  ports.stdout.on('error', () => {});
  ports.stderr.on('error', () => {});
  let status: number;
  try {
    status = await dispatch(args, ports);
  } catch (error) {
    status = report(error, ports);
  }
  // process.exit drops what a pipe has not taken yet.
  await Promise.all([ports.stdout, ports.stderr].map((stream) => writeAll(stream, '').catch(() => {})));
  return status;
}

async function dispatch(args: readonly string[], ports: ProcessPorts): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--version' || name === '-V') {
    ports.stdout.write(`paravane ${packageVersion()}\n`);
    return EXIT_STATUS.ok;
  }
  // As in the commands, what takes time to load is loaded when it is needed.
  const { COMMANDS } = await import('./commands.ts');
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    ports.stdout.write(programHelp(COMMANDS));
    return EXIT_STATUS.ok;
  }
  const command = COMMANDS.find((row) => row.name === name);
  if (command !== undefined) return command.execute(rest, ports);
  if (name.startsWith('-')) {
    throw new VmmError('VMM_CLI_OPTION', `Unknown option ${name}; options follow the command`, { kind: 'usage' });
  }
  const names = COMMANDS.map((row) => row.name);
  const nearest = nearestName(name, names);
  const hint = nearest === null ? `expected one of ${names.join(', ')}` : `did you mean '${nearest}'?`;
  throw new VmmError('VMM_CLI_COMMAND', `Unknown command '${name}'; ${hint}`, { kind: 'usage' });
}

/** One sentence for what is known to go wrong; a bug says where its stack can be seen. */
function report(error: unknown, ports: ProcessPorts): number {
  if (error instanceof VmmError) {
    ports.stderr.write(`paravane: ${error.message} [${error.code}]\n`);
    if (ports.environment.PARAVANE_DEBUG !== undefined) ports.stderr.write(`${error.stack}\n`);
    return error.kind === 'usage' ? EXIT_STATUS.usage : EXIT_STATUS.failure;
  }
  if (ports.environment.PARAVANE_DEBUG === undefined) {
    const message = errorText(error).split('\n')[0];
    ports.stderr.write(`paravane: Internal error: ${message}; PARAVANE_DEBUG=1 shows where [VMM_INTERNAL]\n`);
  } else {
    ports.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  }
  return EXIT_STATUS.failure;
}

/** Of the nearest package above: the program may be bundled elsewhere than it was written. */
function packageVersion(folder = new URL('.', import.meta.url)): string {
  const path = new URL('package.json', folder);
  if (!existsSync(path)) return packageVersion(new URL('..', folder));
  const { version }: { version: string } = JSON.parse(readFileSync(path, 'utf8'));
  return version;
}
