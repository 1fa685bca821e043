import type { Emitter, Operand, VecOperand, Width } from './emitter.ts';
import type { Instruction } from './instruction.ts';
import type { Processor } from './processor.ts';

/** What an operand is for. The table checks at compile time that its code fits: an immediate is no destination. */
export interface RoleTypes {
  /** Written, perhaps read before. */
  dst: Operand;
  dst2: Operand;
  /** Only read. */
  src: Operand;
  src2: Operand;
  src3: Operand;
  vdst: VecOperand;
  vsrc: VecOperand;
  vsrc2: VecOperand;
}
export type Role = keyof RoleTypes;

/** What is known about the form when a description runs, besides its operands. */
export interface FormContext {
  readonly e: Emitter;
  /** Effective operand size. */
  readonly width: 16 | 32 | 64;
  /** Effective address size. */
  readonly addressWidth: 16 | 32 | 64;
  /** 64-bit mode. */
  readonly mode64: boolean;
  /** Condition code or other low opcode bits: opcode & 15. */
  readonly cc: number;
  /** Width of the instruction pointer: 64 in 64-bit mode, else 32. */
  readonly ipWidth: 32 | 64;
  /** Stack-address size: 64 in 64-bit mode, else by SS.B. */
  readonly stackWidth: 16 | 32 | 64;
  readonly repeat: 'none' | 'repe' | 'repne';
}

export type Context<R extends readonly Role[]> = FormContext & { readonly [K in R[number]]: RoleTypes[K] };

/** The meaning of a mnemonic as a staged description (see emitter.ts). */
export interface Description<R extends readonly Role[] = readonly Role[]> {
  readonly kind: 'description';
  /** The manual's mnemonic, without size suffix; a trailing `cc` stands for the condition. */
  readonly name: string;
  readonly roles: R;
  readonly emit: (context: Context<R>) => void;
  /**
   * A string instruction: `emit` describes one element; the back end repeats it while the prefix and
   * (R/E)CX say so, restartable after each element (SDM Vol. 2B "REP/REPE/REPZ/REPNE/REPNZ").
   */
  readonly string?: { readonly stopsOnFlag: boolean };
}

/**
 * The meaning of a mnemonic as a procedure over the processor: system instructions and others that run rarely
 * or need much of the machine. Checks first, then changes: a fault must leave the state as it was.
 */
export interface Procedure {
  readonly kind: 'procedure';
  readonly name: string;
  readonly run: (cpu: Processor, instruction: Instruction) => void;
  /** Ends a run of decoded code: it may change RIP, the mode, or what is mapped. The default is true. */
  readonly endsBlock: boolean;
  /** Whether #DB for single-stepping follows depends on TF after it, not before: software interrupts, SYSCALL, SYSRET. */
  readonly trapsByNewFlags: boolean;
}

export type Semantics = Description | Procedure;

export const describe = <const R extends readonly Role[]>(
  name: string,
  roles: R,
  emit: (context: Context<R>) => void,
): Description<R> => ({ kind: 'description', name, roles, emit });

export const describeString = (
  name: string,
  emit: (context: Context<readonly []>) => void,
  string: { stopsOnFlag: boolean },
): Description<readonly []> => ({ kind: 'description', name, roles: [], emit, string });

export const procedure = (
  name: string,
  run: (cpu: Processor, instruction: Instruction) => void,
  options: { endsBlock?: boolean; trapsByNewFlags?: boolean } = {},
): Procedure => ({
  kind: 'procedure',
  name,
  run,
  endsBlock: options.endsBlock ?? true,
  trapsByNewFlags: options.trapsByNewFlags ?? false,
});

export type { Width };
