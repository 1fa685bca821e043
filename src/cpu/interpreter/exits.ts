/** What run() returns. */
export const EXIT = {
  /** The budget does not reach the end of the next run of records; STATE.budget is what is left. */
  BUDGET: 0,
  /** A fault is in the state; RIP is at its instruction. */
  FAULT: 1,
  /** An instruction asked to stop after it completed (HLT, a mode change, a pending event). */
  STOP: 2,
} as const;

/** Answer of slowRecord and lookup: run the record again, nothing was counted. */
export const RETRY = 5;
