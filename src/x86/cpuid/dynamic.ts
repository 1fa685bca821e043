import type { Processor } from '../processor.ts';
import { CR4, STATE } from '../state.ts';
import { areaBytes } from '../xsave.ts';

/** CPUID as software sees it: the model's leaves with what depends on the state of this CPU. */
export function cpuidOf(cpu: Processor, leaf: number, subleaf: number): readonly [number, number, number, number] {
  const answer = cpu.platform.cpuid(leaf, subleaf);
  return DYNAMIC[leaf]?.(cpu, subleaf, answer) ?? answer;
}

type Leaf = readonly [number, number, number, number];

const EDX_APIC = 1 << 9;
const MSR_APIC_BASE = 0x1b;
const APIC_ENABLED = 1n << 11n;

/** IA32_APIC_BASE[11], for as long as there is a local APIC. */
function apicEnabled(cpu: Processor): boolean {
  return ((cpu.platform.readMsr(MSR_APIC_BASE) ?? 0n) & APIC_ENABLED) !== 0n;
}

const cr4 = (cpu: Processor): number => cpu.words[STATE.cr4 >> 2] as number;

const DYNAMIC: Readonly<Record<number, (cpu: Processor, subleaf: number, answer: Leaf) => Leaf>> = {
  // EBX[31:24] initial APIC id, ECX[27] OSXSAVE, EDX[9] mirrors IA32_APIC_BASE[11] (SDM Vol. 3A §11.4.3)
  1: (cpu, _subleaf, [eax, ebx, ecx, edx]) => [
    eax,
    (ebx & 0x00ff_ffff) | (cpu.u32(STATE.apicId) << 24),
    (ecx & ~(1 << 27)) | ((cr4(cpu) & CR4.OSXSAVE) !== 0 ? 1 << 27 : 0),
    apicEnabled(cpu) ? edx : edx & ~EDX_APIC,
  ],
  // ECX[4] OSPKE
  7: (cpu, subleaf, [eax, ebx, ecx, edx]) => {
    if (subleaf !== 0) return [eax, ebx, ecx, edx];
    return [eax, ebx, (ecx & ~(1 << 4)) | ((cr4(cpu) & CR4.PKE) !== 0 ? 1 << 4 : 0), edx];
  },
  // EDX x2APIC id
  11: (cpu, _subleaf, [eax, ebx, ecx]) => [eax, ebx, ecx, cpu.u32(STATE.apicId)],
  // EBX: size of the area for what is enabled now
  13: (cpu, subleaf, [eax, ebx, ecx, edx]) => {
    const enabled = cpu.u32(STATE.xcr0);
    if (eax === 0 || subleaf > 1) return [eax, ebx, ecx, edx];
    if (subleaf === 0) return [eax, areaBytes(enabled, false), ecx, edx];
    return [eax, areaBytes(enabled | cpu.u32(STATE.xss), true), ecx, edx];
  },
};
