import {
  type Aml,
  amlPackage,
  device,
  eisaId,
  integer,
  ioPorts,
  irq,
  name,
  resourceTemplate,
  scope,
  string,
} from './aml.ts';
import type { AcpiDevice, AcpiHardware } from './hardware.ts';
import { systemDescriptionTable } from './sdt.ts';

/** From revision 2 on, AML integers have 64 bits. */
const DSDT_REVISION = 2;

/** \_S5, a processor device for each CPU (ACPI 6.5 §8.4 "Declaring Processors"), and the machine's fixed devices. */
export function buildDsdt({ cpuCount, pm, devices }: AcpiHardware): Uint8Array {
  const processors = Array.from({ length: cpuCount }, (_, uid) => processor(uid));
  const aml = [
    // §7.4.2 \_Sx: SLP_TYPa, SLP_TYPb, and two reserved elements
    ...name('\\_S5', amlPackage(integer(pm.s5SleepType), integer(0), integer(0), integer(0))),
    ...scope('\\_SB', ...processors, ...devices.map(fixedDevice)),
  ];
  return systemDescriptionTable('DSDT', DSDT_REVISION, Uint8Array.from(aml));
}

function processor(uid: number): Aml {
  const path = `C${uid.toString(16).toUpperCase().padStart(3, '0')}`;
  return device(path, name('_HID', string('ACPI0007')), name('_UID', integer(uid)));
}

function fixedDevice({ name: path, hid, uid, ports, irqs }: AcpiDevice): Aml {
  const resources = [...ports.map(({ port, countBytes }) => ioPorts(port, countBytes)), ...irqs.map(irq)];
  return device(
    path,
    name('_HID', eisaId(hid)),
    ...(uid === undefined ? [] : [name('_UID', integer(uid))]),
    name('_CRS', resourceTemplate(...resources)),
  );
}
