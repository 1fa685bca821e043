import type { Command } from './command.ts';
import type { Option, OptionTable } from './option-table.ts';

/** Lines of help are no longer than this, as terminals and manual pages have it. */
const HELP_COLUMNS = 80;
const OPTION_COLUMNS = 28;

export function programHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  const rows = commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}\n`).join('');
  return `Usage: paravane COMMAND [OPTION…]

A virtual machine monitor: boots unmodified x86 operating systems on a software CPU.

Commands:
${rows}
'paravane COMMAND --help' tells more about a command, 'paravane --version' the version.
`;
}

export function commandHelp(command: Command): string {
  const notes = command.notes.map((note) => `\n${wrap(note, 0)}\n`).join('');
  return `Usage: ${usage(command)}\n\n${sentence(command.summary)}\n\nOptions:\n${optionRows(command.options)}${notes}`;
}

/** docs/cli.md: the same tables, for reading in a browser. */
export function commandsMarkdown(commands: readonly Command[]): string {
  const sections = commands.map((command) => {
    const rows = Object.entries(command.options).map(
      ([name, option]) => `| ${code(syntax(name, option))} | ${markdown(option.help)}${defaultOf(option)} |`,
    );
    const table = ['| Option | Meaning |', '| --- | --- |', ...rows].join('\n');
    const notes = command.notes.map((note) => `\n${markdown(note)}\n`).join('');
    return `## paravane ${command.name}\n\n\`${usage(command)}\`\n\n${sentence(command.summary)}\n\n${table}\n${notes}`;
  });
  return `# Command line\n\nMade from the tables in \`src/cli\` by \`npm run docs\`; do not edit.\n\n${sections.join('\n')}`;
}

function usage(command: Command): string {
  return ['paravane', command.name, '[OPTION…]', command.operands].filter((word) => word !== '').join(' ');
}

function optionRows(table: OptionTable): string {
  return Object.entries(table)
    .map(([name, option]) => {
      const left = `  ${option.short === undefined ? '    ' : ''}${syntax(name, option)}`;
      const text = wrap(`${option.help}${defaultOf(option)}`, OPTION_COLUMNS);
      const gap =
        left.length < OPTION_COLUMNS - 1 ? ' '.repeat(OPTION_COLUMNS - left.length) : `\n${' '.repeat(OPTION_COLUMNS)}`;
      return `${left}${gap}${text}\n`;
    })
    .join('');
}

/** `-m, --memory SIZE` */
function syntax(name: string, option: Option): string {
  const short = option.short === undefined ? '' : `-${option.short}, `;
  return `${short}--${name}${option.kind === 'flag' ? '' : ` ${option.value}`}`;
}

function defaultOf(option: Option): string {
  return option.kind === 'value' && option.default !== undefined ? ` (default: ${option.default})` : '';
}

/** Breaks text at blanks; lines after the first are indented. */
function wrap(text: string, indentColumns: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indentColumns + line.length + 1 + word.length > HELP_COLUMNS) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join(`\n${' '.repeat(indentColumns)}`);
}

function sentence(text: string): string {
  return `${text[0]?.toUpperCase()}${text.slice(1)}.`;
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

function markdown(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
