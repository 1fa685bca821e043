import { VmmError } from '../base/errors.ts';
import { CLOCK_MODES, CPU_MODELS, MACHINE_TYPES, PERSONALITIES } from '../machine/config.ts';
import {
  ENGINES,
  MAX_TIMEOUT_MS,
  parseDevice,
  requireCpuCount,
  requireEngine,
  requireMemory,
  requireOneOf,
  type VirtualMachineOptions,
} from '../sdk/options.ts';
import { list, type OptionValues, value } from './option-table.ts';

/** What every command that makes a machine can be told about it. */
export const MACHINE_OPTIONS = {
  memory: value({
    short: 'm',
    value: 'SIZE',
    default: '512M',
    help: 'guest memory, 16M to 3584M',
    parse: requireMemory,
  }),
  cpus: value({
    short: 'c',
    value: 'N',
    default: '1',
    help: 'virtual CPUs; only 1 is offered yet',
    parse: (text) => requireCpuCount(/^\d+$/.test(text) ? Number(text) : Number.NaN),
  }),
  engine: oneOf({
    what: 'engine',
    code: 'VMM_CONFIG_ENGINE',
    short: 'e',
    names: ENGINES,
    default: 'auto',
    help: 'what runs the guest',
    parse: requireEngine,
  }),
  cpu: oneOf({ what: 'cpu', code: 'VMM_CONFIG_CPU', names: CPU_MODELS, default: 'max', help: 'CPU model' }),
  machine: oneOf({
    what: 'machine',
    code: 'VMM_CONFIG_MACHINE',
    names: MACHINE_TYPES,
    default: 'pc',
    help: 'machine type',
  }),
  personality: oneOf({
    what: 'personality',
    code: 'VMM_CONFIG_PERSONALITY',
    names: PERSONALITIES,
    default: 'kvm',
    help: 'hypervisor that the guest sees',
  }),
  clock: oneOf({
    what: 'clock',
    code: 'VMM_CONFIG_CLOCK',
    names: CLOCK_MODES,
    default: 'real',
    help: "guest time: the host's, or counted instructions, which makes runs repeatable",
  }),
  device: list({
    value: 'NAME[,key=value…]',
    help: 'add a device; may be repeated',
    parse: (text) => [parseDevice(text)],
  }),
  timeout: value({
    value: 'SECONDS',
    help: 'stop the guest after so much time, with exit status 124',
    parse: parseTimeoutMs,
  }),
} as const;

/** The SDK's options of what the command line says. */
export function machineOptions(values: OptionValues<typeof MACHINE_OPTIONS>): VirtualMachineOptions {
  return {
    ...given('memory', values.memory),
    ...given('cpus', values.cpus),
    ...given('engine', values.engine),
    ...given('cpu', values.cpu),
    ...given('machine', values.machine),
    ...given('personality', values.personality),
    ...given('clock', values.clock),
    ...given('timeoutMs', values.timeout),
    devices: values.device,
  };
}

function given<Key extends string, T>(key: Key, option: T | undefined): { readonly [K in Key]?: T } {
  // A computed key widens to a string index; the key is the one given.
  return option === undefined ? {} : ({ [key]: option } as { readonly [K in Key]: T });
}

interface OneOf<T extends string> {
  readonly what: string;
  readonly code: string;
  readonly names: readonly T[];
  readonly short?: string;
  readonly default: T;
  readonly help: string;
  readonly parse?: (text: string) => T;
}

function oneOf<T extends string>(option: OneOf<T>) {
  const { what, code, names } = option;
  return value({
    ...(option.short === undefined ? {} : { short: option.short }),
    value: names.join('|'),
    default: option.default,
    help: option.help,
    parse: option.parse ?? ((text: string) => requireOneOf({ what, code }, text, names)),
  });
}

/** Seconds, with a fraction if need be. */
function parseTimeoutMs(text: string): number {
  const timeoutMs = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Number.NaN;
  if (timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS) return timeoutMs;
  throw new VmmError(
    'VMM_CONFIG_TIMEOUT',
    `The timeout is '${text}'; expected seconds, above 0 to ${Math.floor(MAX_TIMEOUT_MS / 1000)}`,
    { kind: 'usage' },
  );
}
