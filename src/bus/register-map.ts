import type { BusTarget } from './bus.ts';

/** One register of a device: what the data sheet's summary table says of it. */
export interface Register<Device> {
  /** Bytes from the start of the device's window. */
  readonly offset: number;
  /** Width in bytes; 1 unless said. */
  readonly bytes?: 1 | 2 | 4;
  /** Where two registers share an offset: whether this one answers now (a bank switch such as DLAB). */
  readonly when?: (device: Device) => boolean;
  /** Absent: write-only. */
  readonly read?: (device: Device) => number;
  /** Absent: read-only. Receives the value with the bits outside `writable` cleared. */
  readonly write?: (device: Device, value: number) => void;
  /** The bits that a guest can change; all of them unless said. */
  readonly writable?: number;
  /** What it reads after reset, where that is a constant. */
  readonly reset?: number;
  /** Reads live state (a counter, a status), so what was written does not come back. */
  readonly volatile?: true;
  /** A write narrower than the register: `merge` with what it reads, or `zero` the other bytes; dropped unless said. */
  readonly partial?: 'merge' | 'zero';
}

export interface RegisterMapOptions<Device> {
  /** Every byte of a read that meets no register; 0xff, a floating bus, unless said. */
  readonly unknownByte?: number;
  /** For devices that report it to the guest, such as the local APIC's ESR. */
  readonly onUnknown?: (device: Device) => void;
}

const widthMask = (bytes: number) => (bytes >= 4 ? 0xffff_ffff : (1 << (8 * bytes)) - 1);
const bytesOf = <Device>(register: Register<Device>) => register.bytes ?? 1;

/** A device's registers by name, with the dispatch by offset worked out once for all its instances. */
export class RegisterMap<Device, Name extends string = string> {
  readonly registers: Readonly<Record<Name, Register<Device>>>;
  readonly options: RegisterMapOptions<Device>;
  /** Bytes from offset 0 to the end of the last register. */
  readonly sizeBytes: number;
  readonly #byOffset: readonly (readonly Register<Device>[])[];

  constructor(registers: Readonly<Record<Name, Register<Device>>>, options: RegisterMapOptions<Device>) {
    this.registers = registers;
    this.options = options;
    const rows = Object.values<Register<Device>>(registers);
    this.sizeBytes = Math.max(...rows.map((row) => row.offset + bytesOf(row)));
    const byOffset: Register<Device>[][] = Array.from({ length: this.sizeBytes }, () => []);
    for (const row of rows) for (let i = 0; i < bytesOf(row); i++) byOffset[row.offset + i]?.push(row);
    this.#byOffset = byOffset;
  }

  get names(): readonly Name[] {
    return Object.keys(this.registers) as Name[];
  }

  /** The register that answers an access to this byte now, or undefined. */
  find(device: Device, offset: number, access: 'read' | 'write'): Register<Device> | undefined {
    const rows = this.#byOffset[offset];
    if (rows === undefined) return undefined;
    for (const row of rows) if (row[access] !== undefined && (row.when === undefined || row.when(device))) return row;
    return undefined;
  }

  /** A window on one device; `start` is the map's offset of the window's first byte, for devices with several windows. */
  target(device: Device, start = 0): RegisterTarget<Device> {
    return new RegisterTarget(this, device, start);
  }
}

/** Carries accesses of any width and alignment to the registers they touch. */
export class RegisterTarget<Device> implements BusTarget {
  readonly map: RegisterMap<Device>;
  readonly device: Device;
  readonly start: number;
  /** Accesses that met no register, or one that does not take them; for `stat`. */
  unknownReads = 0;
  unknownWrites = 0;

  constructor(map: RegisterMap<Device>, device: Device, start: number) {
    this.map = map;
    this.device = device;
    this.start = start;
  }

  read(offset: number, sizeBytes: 1 | 2 | 4): number {
    const first = this.start + offset;
    let value = 0;
    let unknown = false;
    for (let done = 0; done < sizeBytes; ) {
      const at = first + done;
      const register = this.map.find(this.device, at, 'read');
      const skip = register === undefined ? 0 : at - register.offset;
      const count = register === undefined ? 1 : Math.min(bytesOf(register) - skip, sizeBytes - done);
      if (register?.read === undefined) {
        unknown = true;
        value |= (this.map.options.unknownByte ?? 0xff) << (8 * done);
      } else {
        value |= ((register.read(this.device) >>> (8 * skip)) & widthMask(count)) << (8 * done);
      }
      done += count;
    }
    if (unknown) {
      this.unknownReads++;
      this.map.options.onUnknown?.(this.device);
    }
    return value >>> 0;
  }

  write(offset: number, sizeBytes: 1 | 2 | 4, value: number): void {
    const first = this.start + offset;
    let unknown = false;
    for (let done = 0; done < sizeBytes; ) {
      const at = first + done;
      const register = this.map.find(this.device, at, 'write');
      const skip = register === undefined ? 0 : at - register.offset;
      const count = register === undefined ? 1 : Math.min(bytesOf(register) - skip, sizeBytes - done);
      const part = (value >>> (8 * done)) & widthMask(count);
      if (register === undefined || !this.#store(register, skip, count, part)) unknown = true;
      done += count;
    }
    if (unknown) {
      this.unknownWrites++;
      this.map.options.onUnknown?.(this.device);
    }
  }

  /** False if the register takes no write this narrow. */
  #store(register: Register<Device>, skip: number, count: number, part: number): boolean {
    let whole = (part << (8 * skip)) >>> 0;
    if (count < bytesOf(register)) {
      if (register.partial === undefined) return false;
      const kept = ~(widthMask(count) << (8 * skip));
      if (register.partial === 'merge') whole |= (register.read?.(this.device) ?? 0) & kept;
    }
    const writable = register.writable ?? widthMask(bytesOf(register));
    register.write?.(this.device, (whole & writable) >>> 0);
    return true;
  }
}

/** Curried so that the device type is given and the register names are inferred. */
export const registerMap =
  <Device>(options: RegisterMapOptions<Device> = {}) =>
  <Name extends string>(registers: Readonly<Record<Name, Register<Device>>>): RegisterMap<Device, Name> =>
    new RegisterMap<Device, Name>(registers, options);
