import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GuestMemory } from '../../../memory/guest-memory.ts';
import { writeBiosDataArea } from '../bios-data-area.ts';
import { amlPackage, buffer, device, eisaId, integer, name, scope, string } from './aml.ts';
import { type AcpiHardware, PC_ACPI_DEVICES } from './hardware.ts';
import { writeAcpiTables } from './tables.ts';

const HARDWARE: AcpiHardware = {
  cpuCount: 3,
  lapicGpa: 0xfee0_0000,
  ioapic: { id: 0, gpa: 0xfec0_0000, gsiBase: 0 },
  sciGsi: 9,
  pm: {
    eventPort: 0x600,
    controlPort: 0x604,
    timerPort: 0x608,
    timerBits: 32,
    gpe0Port: 0x610,
    gpe0Bytes: 8,
    s5SleepType: 5,
  },
  reset: { port: 0xcf9, value: 6 },
  hasVga: false,
  devices: PC_ACPI_DEVICES,
};
const WINDOW = { gpa: 0xf_0000, endGpa: 0x10_0000 };

function setUp(changes: Partial<AcpiHardware> = {}) {
  const memory = new GuestMemory(new ArrayBuffer(0x10_0000), 0, 0x10_0000);
  memory.bytes.fill(0xdd);
  const rsdp = writeAcpiTables(memory, WINDOW, { ...HARDWARE, ...changes });
  const xsdt = Number(memory.readU64(rsdp + 24));
  const count = (memory.readU32(xsdt + 4) - 36) / 8;
  const gpas = Array.from({ length: count }, (_, i) => Number(memory.readU64(xsdt + 36 + i * 8)));
  const signature = (gpa: number) => String.fromCharCode(...memory.bytes.subarray(gpa, gpa + 4));
  const table = (gpa: number) => memory.bytes.subarray(gpa, gpa + memory.readU32(gpa + 4));
  const find = (wanted: string) => gpas.find((gpa) => signature(gpa) === wanted) ?? 0;
  const sum = (bytes: Uint8Array) => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
  return { memory, rsdp, xsdt, gpas, signature, table, find, sum };
}

describe('writeAcpiTables', () => {
  test('puts an RSDP with both checksums at the window start', () => {
    const { memory, rsdp, sum } = setUp();
    expect(rsdp).toBe(WINDOW.gpa);
    expect(String.fromCharCode(...memory.bytes.subarray(rsdp, rsdp + 8))).toBe('RSD PTR ');
    expect(sum(memory.bytes.subarray(rsdp, rsdp + 20))).toBe(0);
    expect(sum(memory.bytes.subarray(rsdp, rsdp + 36))).toBe(0);
    expect(memory.readU8(rsdp + 15)).toBe(2);
  });

  test.each([1, 2, 64, 255])('links tables whose bytes sum to zero, for %i CPUs', (cpuCount) => {
    const { memory, rsdp, xsdt, gpas, table, find, sum } = setUp({ cpuCount });
    const rsdt = memory.readU32(rsdp + 16);
    const rsdtEntries = gpas.map((_, i) => memory.readU32(rsdt + 36 + i * 4));
    expect(rsdtEntries).toEqual(gpas);
    const dsdt = memory.readU32(find('FACP') + 40);
    for (const gpa of [xsdt, rsdt, dsdt, ...gpas]) expect([gpa, sum(table(gpa))]).toEqual([gpa, 0]);
  });

  test('describes the fixed hardware in the FADT', () => {
    const { memory, find, signature } = setUp();
    const fadt = find('FACP');
    expect([memory.readU32(fadt + 4), memory.readU8(fadt + 8), memory.readU8(fadt + 131)]).toEqual([276, 6, 5]);
    const facs = memory.readU32(fadt + 36);
    expect([signature(facs), facs % 64, memory.readU32(facs + 4)]).toEqual(['FACS', 0, 64]);
    expect(signature(memory.readU32(fadt + 40))).toBe('DSDT');
    expect(memory.readU64(fadt + 140)).toBe(BigInt(memory.readU32(fadt + 40)));
    expect(memory.readU16(fadt + 46)).toBe(9);
    expect([56, 64, 76, 80].map((offset) => memory.readU32(fadt + offset))).toEqual([0x600, 0x604, 0x608, 0x610]);
    expect([88, 89, 91, 92].map((offset) => memory.readU8(fadt + offset))).toEqual([4, 2, 4, 8]);
    expect(memory.readU16(fadt + 109)).toBe(7);
    expect(memory.readU32(fadt + 112)).toBe(0x565); // WBINVD PROC_C1 SLP_BUTTON FIX_RTC TMR_VAL_EXT RESET_REG_SUP
    const genericAddress = (offset: number) => [
      ...memory.bytes.subarray(fadt + offset, fadt + offset + 4),
      Number(memory.readU64(fadt + offset + 4)),
    ];
    expect(genericAddress(116)).toEqual([1, 8, 0, 1, 0xcf9]);
    expect(memory.readU8(fadt + 128)).toBe(6);
    expect(genericAddress(148)).toEqual([1, 32, 0, 2, 0x600]);
    expect(genericAddress(172)).toEqual([1, 16, 0, 2, 0x604]);
    expect(genericAddress(208)).toEqual([1, 32, 0, 3, 0x608]);
    expect(genericAddress(220)).toEqual([1, 64, 0, 1, 0x610]);
  });

  test.each([
    [{ hasVga: true }, 109, 3],
    [{ pm: { ...HARDWARE.pm, timerBits: 24 as const } }, 112, 0x65],
  ])('FADT follows %j', (changes, offset, low) => {
    const { memory, find } = setUp(changes);
    expect(memory.readU8(find('FACP') + offset)).toBe(low);
  });

  test('lists processors, IOAPIC, overrides and NMI in the MADT', () => {
    const { memory, table, find } = setUp();
    const madt = table(find('APIC'));
    expect(memory.readU32(find('APIC') + 36)).toBe(0xfee0_0000);
    const entries: number[][] = [];
    for (let offset = 44; offset < madt.length; offset += madt[offset + 1]) {
      entries.push([...madt.subarray(offset, offset + madt[offset + 1])]);
    }
    expect(entries).toEqual([
      ...[0, 1, 2].map((id) => [0, 8, id, id, 1, 0, 0, 0]),
      [1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0],
      [2, 10, 0, 0, 2, 0, 0, 0, 0, 0],
      [2, 10, 0, 9, 9, 0, 0, 0, 0xd, 0],
      [4, 6, 0xff, 0, 0, 1],
    ]);
  });

  test('keeps to its window', () => {
    const { memory } = setUp({ cpuCount: 255 });
    expect(memory.readU8(WINDOW.gpa - 1)).toBe(0xdd);
  });
});

describe('AML', () => {
  test.each<[string, readonly number[], number[]]>([
    ['zero', integer(0), [0x00]],
    ['one', integer(1), [0x01]],
    ['a byte', integer(0xff), [0x0a, 0xff]],
    ['a word', integer(0x1234), [0x0b, 0x34, 0x12]],
    ['a dword', integer(0x8000_0001), [0x0c, 0x01, 0, 0, 0x80]],
    ['a string', string('A0'), [0x0d, 0x41, 0x30, 0]],
    ['an EISA id', eisaId('PNP0501'), [0x0c, 0x41, 0xd0, 0x05, 0x01]],
    ['a rooted name', name('\\_S5', integer(0)), [0x08, 0x5c, 0x5f, 0x53, 0x35, 0x5f, 0x00]],
    ['a package', amlPackage(integer(1), integer(0)), [0x12, 0x04, 2, 1, 0]],
    ['a buffer', buffer([7]), [0x11, 0x03, 1, 7]],
    ['a device', device('A'), [0x5b, 0x82, 0x05, 0x41, 0x5f, 0x5f, 0x5f]],
    ['a dual name', scope('_SB.A'), [0x10, 0x0a, 0x2e, 0x5f, 0x53, 0x42, 0x5f, 0x41, 0x5f, 0x5f, 0x5f]],
  ])('%s', (_, encoded, expected) => {
    expect([...encoded]).toEqual(expected);
  });

  test.each([
    [62, [63]],
    [63, [0x41, 0x04]],
    [4093, [0x4f, 0xff]],
    [4094, [0x81, 0x00, 0x01]],
  ])('a package length over %i bytes', (contentBytes, expected) => {
    const elements = Array.from({ length: contentBytes - 1 }, () => integer(0));
    expect(amlPackage(...elements).slice(1, 1 + expected.length)).toEqual(expected);
  });
});

const hasIasl = spawnSync('iasl', ['-v']).status === 0;

// iasl is ACPICA's compiler (Debian package acpica-tools); without it this test is skipped.
test.skipIf(!hasIasl)('DSDT disassembles and compiles again with iasl', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dsdt-'));
  try {
    const { memory, table, find } = setUp();
    writeFileSync(join(folder, 'dsdt.aml'), table(memory.readU32(find('FACP') + 40)));
    execFileSync('iasl', ['-d', 'dsdt.aml'], { cwd: folder, stdio: 'pipe' });
    const source = readFileSync(join(folder, 'dsdt.dsl'), 'utf8');
    expect(source).toMatch(/Name \(\\_S5, Package \(0x04\)[^}]*0x05,/);
    expect(source.match(/Device \((\w+)\)/g)).toEqual([
      ...['C000', 'C001', 'C002'].map((path) => `Device (${path})`),
      ...PC_ACPI_DEVICES.map((row) => `Device (${row.name})`),
    ]);
    const compiled = execFileSync('iasl', ['dsdt.dsl'], { cwd: folder, encoding: 'utf8' });
    expect(compiled).toContain('0 Errors, 0 Warnings');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('writeBiosDataArea tells of COM1 and the end of conventional memory', () => {
  const memory = new GuestMemory(new ArrayBuffer(0x10_0000), 0, 0x10_0000);
  writeBiosDataArea(memory, 0x9_fc00);
  expect([memory.readU16(0x400), memory.readU16(0x40e), memory.readU16(0x413)]).toEqual([0x3f8, 0x9fc0, 639]);
});
