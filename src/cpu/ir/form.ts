import type { Width } from '../../x86/emitter.ts';
import type { Description } from '../../x86/semantics.ts';

/**
 * One operand of a form. Registers and immediates are reached through a pointer that the decoded record holds in a slot
 * (see record.ts), so one form serves all register numbers; `slot` is that pointer's byte offset in the record.
 */
export type FormOperand =
  | { readonly kind: 'register'; readonly slot: number; readonly width: Width }
  | { readonly kind: 'immediate'; readonly width: Width }
  | { readonly kind: 'memory'; readonly bits: number }
  | { readonly kind: 'relative' }
  | { readonly kind: 'xmm'; readonly slot: number; readonly bits: number }
  | { readonly kind: 'mmx'; readonly slot: number };

/**
 * All that generated code depends on: a description with its operand kinds and sizes. Instructions of one form share
 * one handler.
 */
export interface Form {
  readonly description: Description;
  readonly operands: readonly FormOperand[];
  readonly width: 16 | 32 | 64;
  readonly addressWidth: 16 | 32 | 64;
  /** Code size of the mode: 64 is 64-bit mode. */
  readonly codeSize: 16 | 32 | 64;
  readonly stackWidth: 16 | 32 | 64;
  readonly cc: number;
  readonly repeat: 'none' | 'repe' | 'repne';
  readonly unit: 'x87' | 'mmx' | 'sse' | undefined;
  readonly memory: FormMemory | undefined;
  /** Segments other than the memory operand's: flat (no checks) or not. */
  readonly flat: boolean;
}

export interface FormMemory {
  readonly indexed: boolean;
  /** 64-bit absolute address in the record's immediate. */
  readonly absolute: boolean;
  /** none: flat with base 0. base: flat, the base of the record's segment is added. checked: full segment checks. */
  readonly segment: 'none' | 'base' | 'checked';
}

export const ipWidth = (form: Form): 32 | 64 => (form.codeSize === 64 ? 64 : 32);
