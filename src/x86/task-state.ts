import { selectorOf } from './descriptors.ts';
import { ACCESS, type Processor } from './processor.ts';
import { GPR, SEG } from './state.ts';

/** Task-state segments as memory (SDM Vol. 3A Figures 9-2 "32-Bit TSS" and 9-10 "16-Bit TSS"). */

export interface TaskState {
  readonly cr3: number | undefined;
  readonly eip: number;
  readonly eflags: number;
  /** EAX ECX EDX EBX ESP EBP ESI EDI. */
  readonly registers: readonly number[];
  /** ES CS SS DS FS GS; FS and GS are null in a 16-bit TSS. */
  readonly selectors: readonly number[];
  readonly ldt: number;
  /** The debug-trap flag. */
  readonly trap: boolean;
}

interface Layout {
  /** Bytes of an offset or register. */
  readonly bytes: 2 | 4;
  readonly cr3: number | undefined;
  readonly eip: number;
  readonly registers: number;
  readonly selectors: number;
  readonly selectorStride: 2 | 4;
  readonly segments: number;
  readonly ldt: number;
  readonly trap: number | undefined;
  /** The least limit. */
  readonly limit: number;
}

const TSS16: Layout = {
  bytes: 2,
  cr3: undefined,
  eip: 0x0e,
  registers: 0x12,
  selectors: 0x22,
  selectorStride: 2,
  segments: 4,
  ldt: 0x2a,
  trap: undefined,
  limit: 0x2b,
};
const TSS32: Layout = {
  bytes: 4,
  cr3: 0x1c,
  eip: 0x20,
  registers: 0x28,
  selectors: 0x48,
  selectorStride: 4,
  segments: 6,
  ldt: 0x60,
  trap: 0x64,
  limit: 0x67,
};

export const taskLayout = (wide: boolean): Layout => (wide ? TSS32 : TSS16);

/** Reads the state of a task from its TSS at `base`. */
export function readTaskState(cpu: Processor, base: bigint, wide: boolean): TaskState {
  const layout = taskLayout(wide);
  const read = (offset: number, bytes: number): number => Number(cpu.readLinear(base + BigInt(offset), bytes, true));
  const { bytes } = layout;
  return {
    cr3: layout.cr3 === undefined ? undefined : read(layout.cr3, 4),
    eip: read(layout.eip, bytes),
    eflags: read(layout.eip + bytes, bytes),
    registers: Array.from({ length: 8 }, (_, i) => read(layout.registers + i * bytes, bytes)),
    selectors: Array.from({ length: 6 }, (_, i) =>
      i < layout.segments ? read(layout.selectors + i * layout.selectorStride, 2) : 0,
    ),
    ldt: read(layout.ldt, 2),
    trap: layout.trap !== undefined && (read(layout.trap, 2) & 1) !== 0,
  };
}

/** The part of a TSS that a switch away from its task writes: EIP up to the selectors. */
export function probeTaskState(cpu: Processor, base: bigint, wide: boolean): void {
  const layout = taskLayout(wide);
  const end = layout.selectors + layout.segments * layout.selectorStride;
  cpu.probeLinear(base + BigInt(layout.eip), end - layout.eip, ACCESS.WRITE, true);
}

/** Saves the registers of the current task. */
export function writeTaskState(
  cpu: Processor,
  base: bigint,
  wide: boolean,
  task: { eip: bigint; eflags: number },
): void {
  const layout = taskLayout(wide);
  const { bytes } = layout;
  const write = (offset: number, size: number, value: bigint): void =>
    cpu.writeLinear(base + BigInt(offset), size, BigInt.asUintN(size * 8, value), true);
  write(layout.eip, bytes, task.eip);
  write(layout.eip + bytes, bytes, BigInt(task.eflags >>> 0));
  for (let i: number = GPR.RAX; i <= GPR.RDI; i++) write(layout.registers + i * bytes, bytes, cpu.readGpr(i, 64));
  for (let i: number = SEG.ES; i < layout.segments; i++) {
    write(layout.selectors + i * layout.selectorStride, 2, BigInt(selectorOf(cpu.words, i)));
  }
}
