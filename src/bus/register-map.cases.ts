import { expect, test } from 'vitest';
import type { Register, RegisterMap } from './register-map.ts';

const PATTERNS = [0, 0xffff_ffff, 0x5555_5555, 0xaaaa_aaaa, 0x1234_5678] as const;

const hex = (value: number) => `0x${(value >>> 0).toString(16)}`;

/** Brings a fresh device to the state where the register answers; the default suits registers without `when`. */
export interface ConformanceOptions<Device, Name extends string> {
  readonly create: () => Device;
  readonly reach?: Partial<Record<Name, (device: Device) => void>>;
}

/**
 * What every register map owes its rows: a register reads its reset value on a fresh device, stores exactly its
 * writable bits, keeps the others, and accepts any pattern and width without throwing.
 */
export function registerMapConformance<Device, Name extends string>(
  map: RegisterMap<Device, Name>,
  options: ConformanceOptions<Device, Name>,
): void {
  for (const name of map.names) {
    const register = map.registers[name];
    const reach = () => {
      const device = options.create();
      options.reach?.[name]?.(device);
      return device;
    };
    test(`${name} is reachable`, () => {
      expect(register.when?.(reach()) ?? true).toBe(true);
    });
    if (register.reset !== undefined && register.read !== undefined) {
      test(`${name} reads ${hex(register.reset)} after reset`, () => {
        expect(hex(register.read?.(reach()) ?? Number.NaN)).toBe(hex(register.reset ?? 0));
      });
    }
    if (register.read !== undefined && register.write !== undefined && register.volatile !== true) {
      test(`${name} stores its writable bits and keeps the others`, () => {
        for (const pattern of PATTERNS) expectStored(map, register, reach(), pattern);
      });
    }
    test(`${name} takes every access width`, () => {
      for (const sizeBytes of [1, 2, 4] as const) {
        const target = map.target(reach());
        for (const pattern of PATTERNS) {
          target.write(register.offset, sizeBytes, pattern);
          expect(target.read(register.offset, sizeBytes)).toBeGreaterThanOrEqual(0);
        }
      }
    });
  }
}

function expectStored<Device>(map: RegisterMap<Device>, register: Register<Device>, device: Device, pattern: number) {
  const bytes = register.bytes ?? 1;
  const all = bytes === 4 ? 0xffff_ffff : (1 << (8 * bytes)) - 1;
  const writable = register.writable ?? all;
  const before = register.read?.(device) ?? 0;
  map.target(device).write(register.offset, bytes, (pattern & all) >>> 0);
  expect(hex(register.read?.(device) ?? 0)).toBe(hex((before & ~writable) | (pattern & writable & all)));
}
