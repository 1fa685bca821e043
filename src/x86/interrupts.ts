import type { InterruptEvent } from './interrupt-event.ts';
import { deliverLegacy } from './interrupts-legacy.ts';
import { deliverInLongMode } from './interrupts-long.ts';
import { inLongMode } from './mode.ts';
import { GuestFault, type Processor } from './processor.ts';
import { STATE, VECTOR } from './state.ts';

/** Delivery of exceptions and interrupts through the IDT, with the double-fault rules. */

const RIP = STATE.rip >> 2;

/** Classes of SDM Vol. 3A Table 7-4 "Interrupt and Exception Classes". */
const CONTRIBUTORY: ReadonlySet<number> = new Set([VECTOR.DE, VECTOR.TS, VECTOR.NP, VECTOR.SS, VECTOR.GP]);

/** Exceptions that leave RIP after the instruction (SDM Vol. 3A Table 7-1): no RF in the pushed flags. #DB says itself. */
const NO_RESUME_FLAG: ReadonlySet<number> = new Set([
  VECTOR.DB,
  VECTOR.NMI,
  VECTOR.BP,
  VECTOR.OF,
  VECTOR.DF,
  VECTOR.MC,
]);

/** One delivery, without the consequences of a fault in it: throws GuestFault, with nothing changed. */
export function deliverOnce(cpu: Processor, event: InterruptEvent): void {
  if (inLongMode(cpu.words)) deliverInLongMode(cpu, event);
  else deliverLegacy(cpu, event);
}

/**
 * Raises an exception at STATE.rip (of the faulting instruction, or the next for a trap). For #PF, CR2 is set before;
 * for #DB, DR6. False: triple fault, the CPU shuts down.
 */
export function deliverException(cpu: Processor, vector: number, errorCode?: number): boolean {
  return deliver(cpu, {
    vector,
    kind: 'exception',
    errorCode,
    returnLow: cpu.words[RIP] as number,
    returnHigh: cpu.words[RIP + 1] as number,
    resumeFlag: !NO_RESUME_FLAG.has(vector),
  });
}

/** The exception that runProcedure() or generated code left in STATE.faultVector. */
export function deliverPendingFault(cpu: Processor): boolean {
  const { words } = cpu;
  const hasError = words[STATE.faultHasError >> 2] !== 0;
  const errorCode = hasError ? (words[STATE.faultError >> 2] as number) : undefined;
  return deliverException(cpu, words[STATE.faultVector >> 2] as number, errorCode);
}

/**
 * An interrupt request or NMI between instructions. `midString` says that it interrupts an unfinished string
 * instruction. The engine has checked IF, shadow and blocking. False: triple fault.
 */
export function deliverInterrupt(
  cpu: Processor,
  vector: number,
  source: 'external' | 'nmi',
  midString = false,
): boolean {
  const { words } = cpu;
  if (source === 'nmi') words[STATE.nmiBlocked >> 2] = 1;
  return deliver(cpu, {
    vector,
    kind: 'external',
    errorCode: undefined,
    returnLow: words[RIP] as number,
    returnHigh: words[RIP + 1] as number,
    resumeFlag: midString,
  });
}

function deliver(cpu: Processor, first: InterruptEvent): boolean {
  let event = first;
  // Each round either ends or raises the severity: benign, then contributory or #PF, then #DF. Benign faults of
  // deliveries (#AC, #DB) do not occur there, so this ends.
  for (let round = 0; round < 4; round++) {
    const fault = attempt(cpu, event);
    if (fault === undefined) return true;
    if (event.kind === 'exception' && event.vector === VECTOR.DF) return false;
    const vector = isDoubleFault(event, fault.vector) ? VECTOR.DF : fault.vector;
    const doubleFault = vector === VECTOR.DF;
    const own = fault.hasErrorCode ? fault.errorCode : undefined;
    event = {
      vector,
      kind: 'exception',
      errorCode: doubleFault ? 0 : own,
      // That of the new task, if the fault came after a task switch.
      returnLow: cpu.words[RIP] as number,
      returnHigh: cpu.words[RIP + 1] as number,
      resumeFlag: !doubleFault,
    };
  }
  return false;
}

function attempt(cpu: Processor, event: InterruptEvent): GuestFault | undefined {
  try {
    deliverOnce(cpu, event);
    return undefined;
  } catch (error) {
    if (error instanceof GuestFault) return error;
    throw error;
  }
}

/** SDM Vol. 3A Table 7-5 "Conditions for Generating a Double Fault". */
export function isDoubleFault(first: InterruptEvent, secondVector: number): boolean {
  if (first.kind !== 'exception') return false;
  const secondContributory = CONTRIBUTORY.has(secondVector);
  if (CONTRIBUTORY.has(first.vector)) return secondContributory;
  if (first.vector === VECTOR.PF) return secondContributory || secondVector === VECTOR.PF;
  return false;
}
