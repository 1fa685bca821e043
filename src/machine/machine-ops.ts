import type { EntropySource } from '../backends/host-clock.ts';
import type { VmOps } from '../engine/engine.ts';
import type { Personality } from '../hypervisor/personality.ts';
import type { Cpuid } from '../x86/cpuid/cpuid.ts';
import type { Board } from './board.ts';
import { MEMORY_LAYOUT } from './memory-layout.ts';

const PAGE_SHIFT = 12;
const ALL_ONES = { 1: 0xff, 2: 0xffff, 4: 0xffff_ffff } as const;

/** What a machine answers its engine, from the board that is in it now. */
export class MachineOps implements VmOps {
  /** Set before the engine runs; a reset of the machine changes it. */
  board: Board | undefined;
  readonly #cpuid: Cpuid;
  readonly #personality: Personality;
  readonly #entropy: EntropySource;
  /** Pages below the end of RAM that a device claims. */
  readonly #claimed = new Set<number>();
  readonly #random = new Uint8Array(8);
  readonly #randomWord = new DataView(this.#random.buffer);

  constructor(cpuid: Cpuid, personality: Personality, entropy: EntropySource) {
    this.#cpuid = cpuid;
    this.#personality = personality;
    this.#entropy = entropy;
  }

  /** Finds the claimed pages again: windows moved. */
  collectWindows(): void {
    this.#claimed.clear();
    for (const { start, sizeBytes } of this.board?.mmio.ranges() ?? []) {
      if (start >= MEMORY_LAYOUT.ramLimitGpa) continue;
      const last = Math.floor((start + sizeBytes - 1) / 2 ** PAGE_SHIFT);
      for (let page = Math.floor(start / 2 ** PAGE_SHIFT); page <= last; page++) this.#claimed.add(page);
    }
  }

  portRead(port: number, sizeBytes: 1 | 2 | 4): number {
    return this.board?.ports.read(port, sizeBytes) ?? ALL_ONES[sizeBytes];
  }

  portWrite(port: number, sizeBytes: 1 | 2 | 4, value: number): void {
    this.board?.ports.write(port, sizeBytes, value);
  }

  /** VGA memory is no RAM, adapter or not. */
  isMmio(gpa: number): boolean {
    if (gpa >= MEMORY_LAYOUT.vgaGpa && gpa < MEMORY_LAYOUT.optionRomGpa) return true;
    return this.#claimed.size !== 0 && this.#claimed.has(Math.floor(gpa / 2 ** PAGE_SHIFT));
  }

  mmioRead(gpa: number, sizeBytes: 1 | 2 | 4): number {
    return this.board?.mmio.read(gpa, sizeBytes) ?? ALL_ONES[sizeBytes];
  }

  mmioWrite(gpa: number, sizeBytes: 1 | 2 | 4, value: number): void {
    this.board?.mmio.write(gpa, sizeBytes, value);
  }

  readMsr(cpu: number, index: number): bigint | undefined {
    return this.#personality.readMsr(cpu, index) ?? this.board?.irqchip.readMsr(cpu, index);
  }

  writeMsr(cpu: number, index: number, value: bigint): boolean {
    return this.#personality.writeMsr(cpu, index, value) ?? this.board?.irqchip.writeMsr(cpu, index, value) ?? false;
  }

  readTaskPriority(cpu: number): number {
    return this.board?.irqchip.lapics[cpu]?.cr8 ?? 0;
  }

  writeTaskPriority(cpu: number, value: number): void {
    const lapic = this.board?.irqchip.lapics[cpu];
    if (lapic !== undefined) lapic.cr8 = value;
  }

  readTsc(cpu: number): bigint {
    return this.board?.tscs[cpu]?.read() ?? 0n;
  }

  writeTsc(cpu: number, value: bigint): void {
    this.board?.writeTsc(cpu, value);
  }

  cpuid(_cpu: number, leaf: number, subleaf: number): readonly [number, number, number, number] {
    return this.#cpuid.leaf(leaf, subleaf);
  }

  hypercall(cpu: number, number: bigint, args: readonly bigint[], cpl: number): bigint | undefined {
    return this.#personality.hypercall(cpu, number, args, cpl);
  }

  acknowledgeInterrupt(cpu: number): number {
    return this.board?.irqchip.acknowledge(cpu) ?? -1;
  }

  floatError(): void {
    this.board?.floatError();
  }

  random(): bigint {
    this.#entropy(this.#random);
    return this.#randomWord.getBigUint64(0, true);
  }
}
