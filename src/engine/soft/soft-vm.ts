import { VmmError } from '../../base/errors.ts';
import { VCPU_BYTES } from '../../cpu/interpreter/layout.ts';
import type { Mmio } from '../../cpu/processor/mmio.ts';
import type { BootState, GprName } from '../../loaders/boot-state.ts';
import { GuestMemory } from '../../memory/guest-memory.ts';
import type { Platform } from '../../x86/processor.ts';
import { STATE } from '../../x86/state.ts';
import type { Engine, EngineProbe, Vcpu, VcpuRegisters, Vm, VmExit, VmOps, VmOptions } from '../engine.ts';
import { SoftVcpu, type VcpuStop } from './vcpu.ts';

const WASM_PAGE_BYTES = 65_536;
/** Linear memory of one vCPU, in whole WebAssembly pages so that RAM behind it is page-aligned. */
const VCPU_AREA_BYTES = Math.ceil(VCPU_BYTES / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;

const A20_BIT = 1 << 20;

const EXITS: Readonly<Record<VcpuStop, VmExit>> = {
  budget: { kind: 'interrupted' },
  halt: { kind: 'halt' },
  shutdown: { kind: 'shutdown' },
};

/** The software CPU: runs wherever WebAssembly does. */
export const softEngine: Engine = {
  name: 'soft',
  probe: (): EngineProbe =>
    typeof WebAssembly === 'object'
      ? { available: true }
      : { available: false, reason: 'This JavaScript runtime has no WebAssembly' },
  createVm: (options) => new SoftVm(options),
};

/** One linear memory: the areas of the vCPUs, then guest RAM. */
class SoftVm implements Vm {
  readonly memory: GuestMemory;
  readonly vcpus: readonly SoftVmVcpu[];

  constructor({ memoryBytes, cpuCount, traits, ops }: VmOptions) {
    const ramBase = cpuCount * VCPU_AREA_BYTES;
    const wasmMemory = allocate(ramBase + memoryBytes);
    this.memory = new GuestMemory(wasmMemory.buffer, ramBase, memoryBytes);
    this.memory.written = (gpa, lengthBytes) => {
      for (const { soft } of this.vcpus) soft.written(gpa, lengthBytes);
    };
    const mmio: Mmio = {
      isMmio: (gpa) => ops.isMmio(gpa),
      read: (gpa, sizeBytes) => ops.mmioRead(gpa, sizeBytes),
      write: (gpa, sizeBytes, value) => ops.mmioWrite(gpa, sizeBytes, value),
    };
    this.vcpus = Array.from({ length: cpuCount }, (_, cpu) => {
      const vcpu = new SoftVcpu({
        wasmMemory,
        memory: this.memory,
        base: cpu * VCPU_AREA_BYTES,
        mmio,
        platform: platformOf(ops, cpu),
        traits,
      });
      vcpu.acknowledge = () => ops.acknowledgeInterrupt(cpu);
      return new SoftVmVcpu(vcpu, cpu);
    });
  }

  windowsChanged(): void {
    for (const { soft } of this.vcpus) soft.processor.flushTlb('all');
  }

  setA20(open: boolean): void {
    const mask = open ? -1 : ~A20_BIT;
    for (const { soft } of this.vcpus) {
      if (soft.processor.walker.a20Mask === mask) continue;
      soft.processor.walker.a20Mask = mask;
      soft.processor.flushTlb('all');
    }
  }
}

class SoftVmVcpu implements Vcpu {
  readonly soft: SoftVcpu;
  readonly #cpu: number;

  constructor(soft: SoftVcpu, cpu: number) {
    this.soft = soft;
    this.#cpu = cpu;
  }

  reset(boot?: BootState): void {
    this.soft.reset(boot);
    this.soft.processor.setU32(STATE.apicId, this.#cpu);
  }

  run(instructions: number): VmExit {
    return EXITS[this.soft.run(instructions)];
  }

  requestExit(): void {
    this.soft.requestExit();
  }

  setInterruptRequest(pending: boolean): void {
    this.soft.setInterruptRequest(pending);
  }

  injectNmi(): void {
    this.soft.injectNmi();
  }

  instructions(): number {
    return this.soft.instructions;
  }

  registers(): VcpuRegisters {
    const cpu = this.soft.processor;
    const gprs = Object.fromEntries(GPR_NAMES.map((name, i) => [name, cpu.u64(STATE.gpr + 8 * i)]));
    return {
      gprs: gprs as Record<GprName, bigint>,
      rip: cpu.u64(STATE.rip),
      rflags: cpu.rflags(),
      cpl: cpu.u32(STATE.cpl),
      cr0: cpu.u64(STATE.cr0),
      cr2: cpu.u64(STATE.cr2),
      cr3: cpu.u64(STATE.cr3),
      cr4: cpu.u64(STATE.cr4),
      efer: cpu.u64(STATE.efer),
    };
  }
}

/** In the order of their encoding: SDM Vol. 2A Table 3-1 "Register Codes". */
const GPR_NAMES: readonly GprName[] = [
  ...(['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'] as const),
  ...(['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const),
];

function allocate(sizeBytes: number): WebAssembly.Memory {
  const pages = Math.ceil(sizeBytes / WASM_PAGE_BYTES);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch (cause) {
    const mebibytes = Math.ceil(sizeBytes / 2 ** 20);
    throw new VmmError('VMM_MEMORY_HOST', `The host does not give the machine ${mebibytes} MiB of memory`, { cause });
  }
}

/** VmOps as one processor sees it. */
function platformOf(ops: VmOps, cpu: number): Platform {
  return {
    portRead: (port, sizeBytes) => ops.portRead(port, sizeBytes),
    portWrite: (port, sizeBytes, value) => ops.portWrite(port, sizeBytes, value),
    readMsr: (index) => ops.readMsr(cpu, index),
    writeMsr: (index, value) => ops.writeMsr(cpu, index, value),
    readCr8: () => ops.readTaskPriority(cpu),
    writeCr8: (value) => ops.writeTaskPriority(cpu, value),
    readTsc: () => ops.readTsc(cpu),
    writeTsc: (value) => ops.writeTsc(cpu, value),
    cpuid: (leaf, subleaf) => ops.cpuid(cpu, leaf, subleaf),
    hypercall: (number, args, cpl) => ops.hypercall(cpu, number, args, cpl),
    floatError: () => ops.floatError(cpu),
    random: () => ops.random(),
  };
}
