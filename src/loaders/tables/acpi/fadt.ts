import { ByteWriter } from '../byte-writer.ts';
import type { AcpiHardware } from './hardware.ts';
import { systemDescriptionTable } from './sdt.ts';

// ACPI 6.5 §5.2.9 "Fixed ACPI Description Table (FADT)".
const FADT_REVISION = 6;
const FADT_MINOR_REVISION = 5;
const FLAGS = {
  WBINVD: 1 << 0,
  PROC_C1: 1 << 2,
  SLP_BUTTON: 1 << 5,
  FIX_RTC: 1 << 6,
  TMR_VAL_EXT: 1 << 8,
  RESET_REG_SUP: 1 << 10,
};
const IAPC_BOOT_ARCH = { LEGACY_DEVICES: 1 << 0, HAS_8042: 1 << 1, VGA_NOT_PRESENT: 1 << 2 };
const NO_C_STATE_LATENCY = 0xffff;
const CMOS_CENTURY = 0x32;
const PM1_EVENT_BYTES = 4;
const PM1_CONTROL_BYTES = 2;
const PM_TIMER_BYTES = 4;

/** §5.2.3.2 "Generic Address Structure": access sizes. */
const ACCESS = { byte: 1, word: 2, dword: 3 } as const;

/**
 * The machine is always in ACPI mode (SMI_CMD is 0). The power button is a fixed one; there is no sleep button
 * and no RTC wake (SLP_BUTTON and FIX_RTC say "not in fixed hardware").
 */
export function buildFadt(hardware: AcpiHardware, dsdtGpa: number, facsGpa: number): Uint8Array {
  const { pm, reset } = hardware;
  const body = new ByteWriter()
    .u32(facsGpa)
    .u32(dsdtGpa)
    .u8(0) // was INT_MODEL
    .u8(0) // Preferred_PM_Profile: unspecified
    .u16(hardware.sciGsi)
    .zeros(8) // SMI_CMD, ACPI_ENABLE, ACPI_DISABLE, S4BIOS_REQ, PSTATE_CNT
    .u32(pm.eventPort)
    .u32(0) // PM1b_EVT_BLK
    .u32(pm.controlPort)
    .u32(0) // PM1b_CNT_BLK
    .u32(0) // PM2_CNT_BLK
    .u32(pm.timerPort)
    .u32(pm.gpe0Port)
    .u32(0) // GPE1_BLK
    .u8(PM1_EVENT_BYTES)
    .u8(PM1_CONTROL_BYTES)
    .u8(0) // PM2_CNT_LEN
    .u8(PM_TIMER_BYTES)
    .u8(pm.gpe0Bytes)
    .zeros(3) // GPE1_BLK_LEN, GPE1_BASE, CST_CNT
    .u16(NO_C_STATE_LATENCY)
    .u16(NO_C_STATE_LATENCY)
    .zeros(8) // FLUSH_SIZE, FLUSH_STRIDE, DUTY_OFFSET, DUTY_WIDTH, DAY_ALRM, MON_ALRM
    .u8(CMOS_CENTURY)
    .u16(bootArchitecture(hardware))
    .u8(0)
    .u32(featureFlags(hardware));
  ioRegister(body, { port: reset.port, bits: 8, access: ACCESS.byte });
  body
    .u8(reset.value)
    .u16(0) // ARM_BOOT_ARCH
    .u8(FADT_MINOR_REVISION)
    .u64(0) // X_FIRMWARE_CTRL: FIRMWARE_CTRL is enough
    .u64(dsdtGpa);
  ioRegister(body, { port: pm.eventPort, bits: PM1_EVENT_BYTES * 8, access: ACCESS.word });
  body.zeros(12); // X_PM1b_EVT_BLK
  ioRegister(body, { port: pm.controlPort, bits: PM1_CONTROL_BYTES * 8, access: ACCESS.word });
  body.zeros(24); // X_PM1b_CNT_BLK, X_PM2_CNT_BLK
  ioRegister(body, { port: pm.timerPort, bits: PM_TIMER_BYTES * 8, access: ACCESS.dword });
  ioRegister(body, { port: pm.gpe0Port, bits: pm.gpe0Bytes * 8, access: ACCESS.byte });
  body.zeros(12 + 24 + 8); // X_GPE1_BLK, SLEEP_CONTROL_REG and SLEEP_STATUS_REG, hypervisor vendor identity
  return systemDescriptionTable('FACP', FADT_REVISION, body.finish());
}

function featureFlags({ pm }: AcpiHardware): number {
  const always = FLAGS.WBINVD | FLAGS.PROC_C1 | FLAGS.SLP_BUTTON | FLAGS.FIX_RTC | FLAGS.RESET_REG_SUP;
  return pm.timerBits === 32 ? always | FLAGS.TMR_VAL_EXT : always;
}

function bootArchitecture({ hasVga }: AcpiHardware): number {
  const always = IAPC_BOOT_ARCH.LEGACY_DEVICES | IAPC_BOOT_ARCH.HAS_8042;
  return hasVga ? always : always | IAPC_BOOT_ARCH.VGA_NOT_PRESENT;
}

interface IoRegister {
  readonly port: number;
  readonly bits: number;
  readonly access: number;
}

function ioRegister(writer: ByteWriter, { port, bits, access }: IoRegister): void {
  const SYSTEM_IO = 1;
  writer.u8(SYSTEM_IO).u8(bits).u8(0).u8(access).u64(port);
}
