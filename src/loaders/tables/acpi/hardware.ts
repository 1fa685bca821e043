/** The parts of a machine that its ACPI tables speak of. */
export interface AcpiHardware {
  /** APIC ids are 0 to `cpuCount - 1`. */
  readonly cpuCount: number;
  readonly lapicGpa: number;
  readonly ioapic: { readonly id: number; readonly gpa: number; readonly gsiBase: number };
  /** Level-triggered, active high. */
  readonly sciGsi: number;
  readonly pm: {
    readonly eventPort: number;
    readonly controlPort: number;
    readonly timerPort: number;
    readonly timerBits: 24 | 32;
    readonly gpe0Port: number;
    readonly gpe0Bytes: number;
    /** SLP_TYPa that means S5. */
    readonly s5SleepType: number;
  };
  readonly reset: { readonly port: number; readonly value: number };
  readonly hasVga: boolean;
  readonly devices: readonly AcpiDevice[];
}

/** A device at a fixed place, for the DSDT. */
export interface AcpiDevice {
  /** Four letters or fewer. */
  readonly name: string;
  /** A PNP id such as `PNP0501`. */
  readonly hid: string;
  readonly uid?: number;
  readonly ports: readonly { readonly port: number; readonly countBytes: number }[];
  /** ISA interrupts: edge-triggered, active high. */
  readonly irqs: readonly number[];
}

/** What every PC has. */
export const PC_ACPI_DEVICES: readonly AcpiDevice[] = [
  { name: 'PIC', hid: 'PNP0000', ports: [port(0x20, 2), port(0xa0, 2)], irqs: [2] },
  { name: 'TIMR', hid: 'PNP0100', ports: [port(0x40, 4)], irqs: [0] },
  { name: 'SPKR', hid: 'PNP0800', ports: [port(0x61, 1)], irqs: [] },
  { name: 'RTC', hid: 'PNP0B00', ports: [port(0x70, 2)], irqs: [8] },
  { name: 'KBD', hid: 'PNP0303', ports: [port(0x60, 1), port(0x64, 1)], irqs: [1] },
  { name: 'MOU', hid: 'PNP0F13', ports: [], irqs: [12] },
  { name: 'COM1', hid: 'PNP0501', uid: 1, ports: [port(0x3f8, 8)], irqs: [4] },
];

function port(first: number, countBytes: number): AcpiDevice['ports'][number] {
  return { port: first, countBytes };
}
