import { VmmError } from '../base/errors.ts';
import { nearestName } from './nearest-name.ts';
import type { Option, OptionTable, OptionValues } from './option-table.ts';

export interface ParsedArguments<Table extends OptionTable> {
  readonly options: OptionValues<Table>;
  readonly operands: readonly string[];
}

/**
 * Reads a command's arguments by its table, with the conventions of getopt_long(3): `--name value`,
 * `--name=value`, `-x value`, `-xvalue`, switches together (`-vq`), `--` ends the options.
 */
export function parseArguments<Table extends OptionTable>(
  table: Table,
  args: readonly string[],
): ParsedArguments<Table> {
  const parser = new ArgumentParser(table, args);
  parser.parse();
  // The table's type says which kinds of value the parser has stored under which names.
  return { options: parser.values as OptionValues<Table>, operands: parser.operands };
}

class ArgumentParser {
  readonly values: Record<string, unknown> = Object.create(null);
  readonly operands: string[] = [];
  readonly #table: OptionTable;
  readonly #rest: string[];

  constructor(table: OptionTable, args: readonly string[]) {
    this.#table = table;
    this.#rest = [...args];
    for (const [name, option] of Object.entries(table)) {
      this.values[name] = option.kind === 'flag' ? false : option.kind === 'list' ? [] : undefined;
    }
  }

  parse(): void {
    for (let word = this.#rest.shift(); word !== undefined; word = this.#rest.shift()) {
      if (word === '--') {
        this.operands.push(...this.#rest.splice(0));
      } else if (word.startsWith('--')) {
        this.#long(word.slice(2));
      } else if (word.startsWith('-') && word !== '-') {
        this.#shorts(word.slice(1));
      } else {
        this.operands.push(word);
      }
    }
  }

  #long(text: string): void {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    const option = Object.hasOwn(this.#table, name) ? this.#table[name] : undefined;
    if (option === undefined) throw unknownOption(`--${name}`, suggestion(name, this.#table));
    const attached = equals < 0 ? null : text.slice(equals + 1);
    if (option.kind !== 'flag') {
      this.#store(name, option, attached ?? this.#next(`--${name}`, option.value));
    } else if (attached === null) {
      this.values[name] = true;
    } else {
      throw new VmmError('VMM_CLI_VALUE', `Option --${name} takes no value, '${attached}' given`, { kind: 'usage' });
    }
  }

  #shorts(letters: string): void {
    for (let i = 0; i < letters.length; i++) {
      const letter = letters[i] as string;
      const found = Object.entries(this.#table).find(([, option]) => option.short === letter);
      if (found === undefined) throw unknownOption(`-${letter}`, '');
      const [name, option] = found;
      if (option.kind === 'flag') {
        this.values[name] = true;
        continue;
      }
      const attached = letters.slice(i + 1).replace(/^=/, '');
      this.#store(name, option, attached === '' ? this.#next(`-${letter}`, option.value) : attached);
      return;
    }
  }

  #next(option: string, syntax: string): string {
    const word = this.#rest.shift();
    if (word === undefined)
      throw new VmmError('VMM_CLI_VALUE', `Option ${option} needs a value: ${syntax}`, { kind: 'usage' });
    return word;
  }

  #store(name: string, option: Exclude<Option, { kind: 'flag' }>, text: string): void {
    if (option.kind === 'value') this.values[name] = option.parse(text);
    else this.values[name] = [...(this.values[name] as unknown[]), ...option.parse(text)];
  }
}

function unknownOption(option: string, hint: string): VmmError {
  return new VmmError('VMM_CLI_OPTION', `Unknown option ${option}${hint}`, { kind: 'usage' });
}

function suggestion(name: string, table: OptionTable): string {
  const nearest = nearestName(name, Object.keys(table));
  return nearest === null ? '' : `; did you mean --${nearest}?`;
}
