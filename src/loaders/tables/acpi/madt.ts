import { ByteWriter } from '../byte-writer.ts';
import type { AcpiHardware } from './hardware.ts';
import { systemDescriptionTable } from './sdt.ts';

// ACPI 6.5 §5.2.12 "Multiple APIC Description Table (MADT)".
const MADT_REVISION = 5;
const PCAT_COMPAT = 1 << 0; // two 8259s that must be masked
const ENABLED = 1 << 0;
const ALL_PROCESSORS = 0xff;
/** §5.2.12.5 MPS INTI flags: [3:2] trigger mode (3 level)  [1:0] polarity (1 active high). */
const CONFORMS = 0x0;
const LEVEL_ACTIVE_HIGH = 0xd;
const PIT_IRQ = 0;
const PIT_GSI = 2;
const NMI_LINT = 1;

export function buildMadt({ cpuCount, lapicGpa, ioapic, sciGsi }: AcpiHardware): Uint8Array {
  const body = new ByteWriter().u32(lapicGpa).u32(PCAT_COMPAT);
  for (let apicId = 0; apicId < cpuCount; apicId++) body.u8(0).u8(8).u8(apicId).u8(apicId).u32(ENABLED);
  body.u8(1).u8(12).u8(ioapic.id).u8(0).u32(ioapic.gpa).u32(ioapic.gsiBase);
  sourceOverride(body, { irq: PIT_IRQ, gsi: PIT_GSI, flags: CONFORMS });
  sourceOverride(body, { irq: sciGsi, gsi: sciGsi, flags: LEVEL_ACTIVE_HIGH });
  body.u8(4).u8(6).u8(ALL_PROCESSORS).u16(CONFORMS).u8(NMI_LINT);
  return systemDescriptionTable('APIC', MADT_REVISION, body.finish());
}

function sourceOverride(
  body: ByteWriter,
  { irq, gsi, flags }: { readonly irq: number; readonly gsi: number; readonly flags: number },
): void {
  const ISA_BUS = 0;
  body.u8(2).u8(10).u8(ISA_BUS).u8(irq).u32(gsi).u16(flags);
}
