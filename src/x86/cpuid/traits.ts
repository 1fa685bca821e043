import type { FeatureSet } from '../opcodes/row.ts';

/** What of a CPU model the CPU itself depends on, besides the decoder. Masks are 32-bit. */
export interface CpuTraits {
  /** Where the manuals differ: SYSCALL outside 64-bit mode, SYSENTER in long mode, … */
  readonly vendor: 'intel' | 'amd';
  readonly features: FeatureSet;
  /** Bits that may be set in CR4, EFER, XCR0 and IA32_XSS. */
  readonly cr4Mask: number;
  readonly eferMask: number;
  readonly xcr0Mask: number;
  readonly xssMask: number;
  /** 1-GiB pages (CPUID.80000001H:EDX[26]). */
  readonly pages1GiB: boolean;
}

/** MAXPHYADDR of every model (CPUID.80000008H:EAX[7:0]). */
export const PHYSICAL_ADDRESS_BITS = 40;
