import { assert } from '../../../base/errors.ts';
import type { GuestMemory } from '../../../memory/guest-memory.ts';
import { ByteWriter } from '../byte-writer.ts';
import { buildDsdt } from './dsdt.ts';
import { buildFadt } from './fadt.ts';
import type { AcpiHardware } from './hardware.ts';
import { buildMadt } from './madt.ts';
import { checksum, OEM_ID, systemDescriptionTable } from './sdt.ts';

const RSDP_REVISION = 2;
const RSDP_BYTES = 36;
const RSDP_V1_BYTES = 20;
const FACS_BYTES = 64;
const FACS_VERSION = 2;
const MAX_CPUS = 255; // the MADT's 8-bit APIC ids, of which 0xFF means all

/** Where the tables go. */
export interface AcpiWindow {
  /** 64-byte aligned, as the FACS has to be. */
  readonly gpa: number;
  readonly endGpa: number;
}

/** Writes all ACPI tables into the window, the RSDP first; returns the RSDP's gpa. ACPI 6.5 §5.2. */
export function writeAcpiTables(memory: GuestMemory, window: AcpiWindow, hardware: AcpiHardware): number {
  assert(hardware.cpuCount >= 1 && hardware.cpuCount <= MAX_CPUS, `1 to ${MAX_CPUS} processors`);
  memory.bytes.fill(0, window.gpa, window.endGpa);
  let next = window.gpa + alignUp(RSDP_BYTES);
  const place = (table: Uint8Array): number => {
    const gpa = next;
    next += alignUp(table.length);
    assert(next <= window.endGpa, 'the ACPI tables fit in their window');
    memory.bytes.set(table, gpa);
    return gpa;
  };
  const facsGpa = place(buildFacs());
  const dsdtGpa = place(buildDsdt(hardware));
  const tables = [place(buildFadt(hardware, dsdtGpa, facsGpa)), place(buildMadt(hardware))];
  const rsdtGpa = place(rootTable('RSDT', tables));
  const xsdtGpa = place(rootTable('XSDT', tables));
  memory.bytes.set(buildRsdp(rsdtGpa, xsdtGpa), window.gpa);
  return window.gpa;
}

/** §5.2.7 and §5.2.8: the same list with 32-bit and with 64-bit addresses; old kernels read only the first. */
function rootTable(signature: 'RSDT' | 'XSDT', tableGpas: readonly number[]): Uint8Array {
  const body = new ByteWriter();
  for (const gpa of tableGpas) {
    if (signature === 'RSDT') body.u32(gpa);
    else body.u64(gpa);
  }
  return systemDescriptionTable(signature, 1, body.finish());
}

/** §5.2.5.3 "Root System Description Pointer (RSDP) Structure": one checksum over ACPI 1.0's part, one over all. */
function buildRsdp(rsdtGpa: number, xsdtGpa: number): Uint8Array {
  const rsdp = new ByteWriter()
    .ascii('RSD PTR ', 8)
    .u8(0)
    .ascii(OEM_ID, 6)
    .u8(RSDP_REVISION)
    .u32(rsdtGpa)
    .u32(RSDP_BYTES)
    .u64(xsdtGpa)
    .zeros(4)
    .finish();
  rsdp[8] = checksum(rsdp.subarray(0, RSDP_V1_BYTES));
  rsdp[32] = checksum(rsdp);
  return rsdp;
}

/** §5.2.10 "Firmware ACPI Control Structure (FACS)": no header, no checksum. */
function buildFacs(): Uint8Array {
  return new ByteWriter()
    .ascii('FACS', 4)
    .u32(FACS_BYTES)
    .zeros(24) // hardware signature, waking vector, global lock, flags, X_ waking vector
    .u8(FACS_VERSION)
    .zeros(FACS_BYTES - 33)
    .finish();
}

function alignUp(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 64) * 64;
}
