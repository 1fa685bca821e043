import { VmmError } from '../base/errors.ts';
import type { TimerQueue } from '../base/timers.ts';
import type { Bus, BusRange } from '../bus/bus.ts';
import type { IrqLine } from '../bus/irq-line.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import { DEBUG_EXIT_BYTES, DEBUG_EXIT_PORT, debugExit } from './legacy/debug-exit.ts';
import { debugConsole } from './legacy/debug-ports.ts';
import { FwCfg } from './legacy/fw-cfg.ts';
import { PcTestdev } from './legacy/pc-testdev.ts';

/** What a device can be connected to. */
export interface DeviceContext {
  readonly ports: Bus;
  readonly mmio: Bus;
  readonly timers: TimerQueue;
  readonly memory: GuestMemory;
  readonly cpuCount: number;
  irqLine(gsi: number): IrqLine;
  /** The guest ended the machine with this value. */
  debugExit(value: number): void;
  /** A byte for people, from a debug console. */
  debugByte(byte: number): void;
}

export interface DeviceOption {
  readonly summary: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

/** A device as the catalog knows it: its windows. */
export interface CatalogDevice {
  readonly portRanges: readonly BusRange[];
  readonly mmioRanges?: readonly BusRange[];
}

export interface DeviceRow {
  readonly summary: string;
  readonly options: Readonly<Record<string, DeviceOption>>;
  create(context: DeviceContext, option: (name: string) => number): CatalogDevice;
}

/** What `--device` offers. */
export const DEVICE_CATALOG: Readonly<Record<string, DeviceRow>> = {
  'isa-debug-exit': {
    summary: 'a port whose write ends the machine with the value as exit status',
    options: {
      iobase: { summary: 'first port', default: DEBUG_EXIT_PORT, min: 0, max: 0xffff },
      iosize: { summary: 'number of ports', default: DEBUG_EXIT_BYTES, min: 1, max: 8 },
    },
    create: (context, option) => ({
      portRanges: [
        {
          name: 'isa-debug-exit',
          start: option('iobase'),
          sizeBytes: option('iosize'),
          target: debugExit((value) => context.debugExit(value)),
        },
      ],
    }),
  },
  'isa-debugcon': {
    summary: 'a port whose bytes go to the debug console',
    options: { iobase: { summary: 'port', default: 0xe9, min: 0, max: 0xffff } },
    create: (context, option) => ({
      portRanges: [debugConsole((byte) => context.debugByte(byte), option('iobase'))],
    }),
  },
  'pc-testdev': {
    summary: "kvm-unit-tests' device: a latch, interrupt lines by port, device memory",
    options: {},
    create: (context) => {
      const device = new PcTestdev((gsi) => context.irqLine(gsi));
      return { portRanges: device.portRanges(), mmioRanges: device.mmioRanges() };
    },
  },
  fw_cfg: {
    summary: "QEMU's firmware configuration: memory size and number of processors",
    options: { dma: { summary: 'DMA interface, 1 for on', default: 1, min: 0, max: 1 } },
    create: (context, option) => {
      const device = new FwCfg({
        cpuCount: context.cpuCount,
        ramBytes: context.memory.sizeBytes,
        ...(option('dma') === 1 ? { memory: context.memory } : {}),
      });
      return { portRanges: device.portRanges() };
    },
  },
};

/** A row's name with its options as the user wrote them. */
export interface DeviceRequest {
  readonly name: string;
  readonly options: Readonly<Record<string, string>>;
}

/** Creates a device of the catalog and claims its windows. */
export function attachDevice(context: DeviceContext, request: DeviceRequest): void {
  const row = Object.hasOwn(DEVICE_CATALOG, request.name) ? DEVICE_CATALOG[request.name] : undefined;
  if (row === undefined) {
    const names = Object.keys(DEVICE_CATALOG).join(', ');
    throw new VmmError('VMM_DEVICE_UNKNOWN', `There is no device '${request.name}'; there are ${names}`, {
      kind: 'usage',
    });
  }
  const values = parseOptions(request, row);
  const device = row.create(context, (name) => values.get(name) ?? 0);
  for (const range of device.portRanges) claim(context.ports, range, request.name);
  for (const range of device.mmioRanges ?? []) claim(context.mmio, range, request.name);
}

function parseOptions(request: DeviceRequest, row: DeviceRow): ReadonlyMap<string, number> {
  const values = new Map(Object.entries(row.options).map(([name, option]) => [name, option.default]));
  for (const [name, text] of Object.entries(request.options)) {
    const option = Object.hasOwn(row.options, name) ? row.options[name] : undefined;
    if (option === undefined) {
      const names = Object.keys(row.options).join(', ') || 'none';
      throw new VmmError('VMM_DEVICE_OPTION', `Device '${request.name}' has no option '${name}'; it has ${names}`, {
        kind: 'usage',
      });
    }
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isInteger(value) || value < option.min || value > option.max) {
      throw new VmmError(
        'VMM_DEVICE_OPTION',
        `Option '${name}' of device '${request.name}' is '${text}'; it is a whole number from ${option.min} to 0x${option.max.toString(16)}`,
        { kind: 'usage' },
      );
    }
    values.set(name, value);
  }
  return values;
}

function claim(bus: Bus, range: BusRange, device: string): void {
  const end = range.start + range.sizeBytes;
  const other = bus.ranges().find((taken) => range.start < taken.start + taken.sizeBytes && taken.start < end);
  if (other !== undefined) {
    throw new VmmError(
      'VMM_DEVICE_CONFLICT',
      `Device '${device}' wants ${bus.name} 0x${range.start.toString(16)} to 0x${(end - 1).toString(16)}, where '${other.name}' is already`,
      { kind: 'usage' },
    );
  }
  bus.map(range);
}
