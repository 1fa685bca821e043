import type { BusRange, BusTarget } from '../../bus/bus.ts';
import type { IrqLine } from '../../bus/irq-line.ts';

const LATCH_PORT = 0xe0;
const FLUSH_PORT = 0xe4;
const LATCH_BYTE_PORT = 0xe8;
const IRQ_PORT = 0x2000;
const IRQ_COUNT = 24;
const IOMEM_GPA = 0xff00_0000;
const IOMEM_BYTES = 0x1_0000;

export interface PcTestdevState {
  latch: number;
  iomem: Uint8Array;
}

/**
 * QEMU's pc-testdev, which kvm-unit-tests drive: a 32-bit latch on ports 0xe0 and 0xe8, a page to flush on 0xe4 (nothing is
 * cached here, so nothing is done), one port for the level of each interrupt line from 0x2000, and 64 KiB of device memory.
 */
export class PcTestdev {
  state: PcTestdevState = { latch: 0, iomem: new Uint8Array(IOMEM_BYTES) };
  readonly #lines: readonly IrqLine[];

  constructor(irqLine: (gsi: number) => IrqLine) {
    this.#lines = Array.from({ length: IRQ_COUNT }, (_, gsi) => irqLine(gsi));
  }

  portRanges(): BusRange[] {
    return [
      { name: 'testdev-latch', start: LATCH_PORT, sizeBytes: 4, target: this.#latch() },
      { name: 'testdev-flush', start: FLUSH_PORT, sizeBytes: 4, target: { read: () => 0xffff_ffff, write: () => {} } },
      { name: 'testdev-latch-byte', start: LATCH_BYTE_PORT, sizeBytes: 4, target: this.#latch() },
      { name: 'testdev-irq', start: IRQ_PORT, sizeBytes: IRQ_COUNT, target: this.#irqs() },
    ];
  }

  mmioRanges(): BusRange[] {
    return [{ name: 'testdev-iomem', start: IOMEM_GPA, sizeBytes: IOMEM_BYTES, target: this.#iomem() }];
  }

  restore(state: PcTestdevState): void {
    this.state = state;
  }

  #latch(): BusTarget {
    const mask = (sizeBytes: number) => 0xffff_ffff >>> (32 - 8 * sizeBytes);
    return {
      read: (offset, sizeBytes) => (this.state.latch >>> (8 * offset)) & mask(sizeBytes),
      write: (offset, sizeBytes, value) => {
        const kept = this.state.latch & ~(mask(sizeBytes) << (8 * offset));
        this.state.latch = (kept | ((value & mask(sizeBytes)) << (8 * offset))) >>> 0;
      },
    };
  }

  #irqs(): BusTarget {
    return {
      read: () => 0xffff_ffff,
      write: (offset, _sizeBytes, value) => {
        if (value !== 0) this.#lines[offset]?.raise();
        else this.#lines[offset]?.lower();
      },
    };
  }

  #iomem(): BusTarget {
    return {
      read: (offset, sizeBytes) => {
        let value = 0;
        for (let i = 0; i < sizeBytes; i++) value |= (this.state.iomem[offset + i] ?? 0xff) << (8 * i);
        return value;
      },
      write: (offset, sizeBytes, value) => {
        for (let i = 0; i < sizeBytes && offset + i < IOMEM_BYTES; i++)
          this.state.iomem[offset + i] = value >>> (8 * i);
      },
    };
  }
}
