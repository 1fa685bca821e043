import type { ProcessPorts } from '../host/node/process-ports.ts';
import { EXIT_STATUS } from './exit-status.ts';
import { commandHelp } from './help.ts';
import { flag, type OptionTable } from './option-table.ts';
import { type ParsedArguments, parseArguments } from './parse-arguments.ts';

/** A row of the command table: what help says of it, and what it does. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Syntax of what follows the options; empty when nothing may. */
  readonly operands: string;
  /** Paragraphs of the help below the options. */
  readonly notes: readonly string[];
  readonly options: OptionTable;
  /** Runs the command and gives the process's exit status. Throws `VmmError` for what the user got wrong. */
  execute(args: readonly string[], ports: ProcessPorts): Promise<number>;
}

interface CommandSpec<Table extends OptionTable> {
  readonly name: string;
  readonly summary: string;
  readonly operands?: string;
  readonly notes?: readonly string[];
  readonly options: Table;
  run(args: ParsedArguments<Table>, ports: ProcessPorts): Promise<number>;
}

const HELP_OPTION = { help: flag({ short: 'h', help: 'show this help' }) };

/** Binds a command to the types of its options; `--help` is every command's. */
export function defineCommand<Table extends OptionTable>(spec: CommandSpec<Table>): Command {
  const options = { ...spec.options, ...HELP_OPTION };
  const command: Command = {
    name: spec.name,
    summary: spec.summary,
    operands: spec.operands ?? '',
    notes: spec.notes ?? [],
    options,
    async execute(args, ports) {
      const parsed = parseArguments<Table & typeof HELP_OPTION>(options, args);
      if (parsed.options.help) {
        ports.stdout.write(commandHelp(command));
        return EXIT_STATUS.ok;
      }
      return spec.run(parsed, ports);
    },
  };
  return command;
}
