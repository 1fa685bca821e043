import type { BusRange, BusTarget } from '../../bus/bus.ts';
import type { GuestMemory } from '../../memory/guest-memory.ts';

/** QEMU docs/specs/fw_cfg.rst. */
const SELECTOR_PORT = 0x510;
const DMA_PORT = 0x514;
/** Reads of the DMA register give "QEMU CFG", big-endian. */
const DMA_SIGNATURE = [0x5145_4d55, 0x2043_4647] as const;
const DMA = { ERROR: 1 << 0, READ: 1 << 1, SKIP: 1 << 2, SELECT: 1 << 3, WRITE: 1 << 4 } as const;

/** Selector keys. */
export const FW_CFG = {
  SIGNATURE: 0x00,
  ID: 0x01,
  RAM_SIZE: 0x03,
  NB_CPUS: 0x05,
  MAX_CPUS: 0x0f,
  FILE_DIR: 0x19,
  FILE_FIRST: 0x20,
} as const;

const FILE_NAME_BYTES = 56;
const FILE_ENTRY_BYTES = 64;

export interface FwCfgConfig {
  readonly cpuCount: number;
  readonly ramBytes: number;
  /** Further items by key. */
  readonly items?: ReadonlyMap<number, Uint8Array>;
  /** Named files, listed in the directory. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
  /** Enables the DMA interface. */
  readonly memory?: GuestMemory;
}

export interface FwCfgState {
  key: number;
  /** Bytes of the selected item that were read. */
  position: number;
  dmaHigh: number;
}

const ascii = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0) & 0x7f);

function littleEndian(value: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (let i = 0, rest = value; i < sizeBytes; i++, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
  return bytes;
}

/** The file directory: a count, then entries of size, selector, reserved, name; all big-endian. */
function fileDirectory(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const names = [...files.keys()].sort();
  const bytes = new Uint8Array(4 + FILE_ENTRY_BYTES * names.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, names.length);
  names.forEach((name, index) => {
    const at = 4 + FILE_ENTRY_BYTES * index;
    view.setUint32(at, files.get(name)?.length ?? 0);
    view.setUint16(at + 4, FW_CFG.FILE_FIRST + index);
    bytes.set(ascii(name).subarray(0, FILE_NAME_BYTES - 1), at + 8);
  });
  return bytes;
}

function buildItems(config: FwCfgConfig): Map<number, Uint8Array> {
  const files = config.files ?? new Map<string, Uint8Array>();
  const items = new Map<number, Uint8Array>([
    [FW_CFG.SIGNATURE, ascii('QEMU')],
    // [1] DMA interface  [0] traditional interface
    [FW_CFG.ID, littleEndian(config.memory === undefined ? 1 : 3, 4)],
    [FW_CFG.RAM_SIZE, littleEndian(config.ramBytes, 8)],
    [FW_CFG.NB_CPUS, littleEndian(config.cpuCount, 2)],
    [FW_CFG.MAX_CPUS, littleEndian(config.cpuCount, 2)],
    [FW_CFG.FILE_DIR, fileDirectory(files)],
    ...(config.items ?? []),
  ]);
  [...files.keys()].sort().forEach((name, index) => {
    items.set(FW_CFG.FILE_FIRST + index, files.get(name) ?? new Uint8Array(0));
  });
  return items;
}

/** QEMU's firmware configuration device, read-only. */
export class FwCfg {
  state: FwCfgState = { key: 0, position: 0, dmaHigh: 0 };
  readonly #items: ReadonlyMap<number, Uint8Array>;
  readonly #memory: GuestMemory | undefined;

  constructor(config: FwCfgConfig) {
    this.#items = buildItems(config);
    this.#memory = config.memory;
  }

  portRanges(): BusRange[] {
    const ranges: BusRange[] = [{ name: 'fw-cfg', start: SELECTOR_PORT, sizeBytes: 2, target: this.#traditional() }];
    if (this.#memory !== undefined)
      ranges.push({ name: 'fw-cfg-dma', start: DMA_PORT, sizeBytes: 8, target: this.#dma() });
    return ranges;
  }

  restore(state: FwCfgState): void {
    this.state = state;
  }

  select(key: number): void {
    this.state.key = key & 0xffff;
    this.state.position = 0;
  }

  /** The next byte of the item; zero after its end. */
  next(): number {
    return this.#items.get(this.state.key)?.[this.state.position++] ?? 0;
  }

  /** The selector is 16 bits on port 0x510; the data is 8 bits on the port in its upper half. */
  #traditional(): BusTarget {
    return {
      read: (offset, sizeBytes) => (offset === 1 && sizeBytes === 1 ? this.next() : 0),
      write: (offset, sizeBytes, value) => {
        if (offset === 0 && sizeBytes === 2) this.select(value);
      },
    };
  }

  /** A 64-bit big-endian gpa in two halves; writing the low one starts the transfer. */
  #dma(): BusTarget {
    return {
      read: (offset, sizeBytes) => (sizeBytes === 4 ? swap32(DMA_SIGNATURE[offset >> 2] ?? 0) : 0),
      write: (offset, sizeBytes, value) => {
        if (sizeBytes !== 4) return;
        if (offset === 0) this.state.dmaHigh = swap32(value);
        if (offset === 4) this.#transfer(this.state.dmaHigh * 2 ** 32 + swap32(value));
      },
    };
  }

  /** FWCfgDmaAccess: u32 control, u32 length, u64 address, big-endian; the result is left in `control`. */
  #transfer(gpa: number): void {
    const memory = this.#memory;
    if (memory === undefined || !memory.contains(gpa, 16)) return;
    const control = memory.view.getUint32(gpa);
    const lengthBytes = memory.view.getUint32(gpa + 4);
    const address = Number(memory.view.getBigUint64(gpa + 8));
    if ((control & DMA.SELECT) !== 0) this.select(control >>> 16);
    let result = 0;
    if ((control & DMA.WRITE) !== 0) result = DMA.ERROR;
    else if ((control & DMA.READ) !== 0) result = this.#copy(memory, address, lengthBytes) ? 0 : DMA.ERROR;
    else if ((control & DMA.SKIP) !== 0) this.state.position += lengthBytes;
    memory.view.setUint32(gpa, result);
    this.state.dmaHigh = 0;
  }

  /** False if the destination is not memory. The copy is bounded by guest memory. */
  #copy(memory: GuestMemory, gpa: number, lengthBytes: number): boolean {
    if (!memory.contains(gpa, lengthBytes)) return false;
    const item = this.#items.get(this.state.key) ?? new Uint8Array(0);
    const part = item.subarray(this.state.position, this.state.position + lengthBytes);
    memory.bytes.set(part, gpa);
    memory.bytes.fill(0, gpa + part.length, gpa + lengthBytes);
    memory.written(gpa, lengthBytes);
    this.state.position += lengthBytes;
    return true;
  }
}

const swap32 = (value: number) =>
  (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
