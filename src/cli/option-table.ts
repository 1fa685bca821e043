/** What every option has; `value` is the syntax of its value in help, absent for a switch. */
interface OptionText {
  readonly short?: string;
  readonly help: string;
}

/** A switch: there or not. */
export interface FlagOption extends OptionText {
  readonly kind: 'flag';
}

/** An option with one value; given twice, the last one counts, so that scripts can override. */
export interface ValueOption<T> extends OptionText {
  readonly kind: 'value';
  readonly value: string;
  /** In help; what the value is when the option is absent is up to the command. */
  readonly default?: string;
  /** Turns the text into the value, or throws a `VmmError` that says what is accepted. */
  readonly parse: (text: string) => T;
}

/** An option that may be repeated; each occurrence may give several values. */
export interface ListOption<T> extends OptionText {
  readonly kind: 'list';
  readonly value: string;
  readonly parse: (text: string) => readonly T[];
}

export type Option = FlagOption | ValueOption<unknown> | ListOption<unknown>;

/** Options by long name. The order is the order of the help. */
export type OptionTable = Readonly<Record<string, Option>>;

/** What a command line says, by long name. */
export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends FlagOption
    ? boolean
    : Table[Name] extends ListOption<infer T>
      ? readonly T[]
      : Table[Name] extends ValueOption<infer T>
        ? T | undefined
        : never;
};

export function flag(option: Omit<FlagOption, 'kind'>): FlagOption {
  return { kind: 'flag', ...option };
}

export function value<T>(option: Omit<ValueOption<T>, 'kind'>): ValueOption<T> {
  return { kind: 'value', ...option };
}

export function list<T>(option: Omit<ListOption<T>, 'kind'>): ListOption<T> {
  return { kind: 'list', ...option };
}
