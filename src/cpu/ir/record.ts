/**
 * A decoded instruction as generated code reads it: 32 bytes in linear memory, one after the other for a run of
 * instructions in one page. Offsets in bytes.
 */
export const RECORD = {
  /** u16: handler number: below HOT_LIMIT a case of run()'s br_table, above it a slot of the cold table. */
  handler: 0,
  /** u16: [11:0] offset of the instruction in its page  [15:12] its length. */
  place: 2,
  /** u32: linear-memory address of the first register operand (or of `immediate`); a direct branch's target record, or 0. */
  first: 4,
  /** u32: of the second. */
  second: 8,
  /** i32: displacement of the memory operand; of a direct branch: target minus the page's start. */
  displacement: 12,
  /** u16: state offset of the base register (or `zero`, or `ripBase`). */
  base: 16,
  /** u16: state offset of the index register (or `zero`, or a segment's base). */
  index: 18,
  /** u8: SEG number of the memory operand. */
  segment: 20,
  /** u8: 0-3. */
  scale: 21,
  /** u16: instructions from here to the end of this run, this one included. */
  remaining: 22,
  /** i64: immediate; a direct branch's displacement; a third register's address. */
  immediate: 24,
  SIZE_BYTES: 32,
} as const;

/** What a cold handler answers. */
export const STATUS = {
  /** Go on with the next record. */
  NEXT: 0,
  /** STATE.rip was set: find the record there. */
  BRANCH: 1,
  /** Leave run(): a fault is in the state, or the instruction asked to stop before it completed. RIP stays. */
  FAULT: 2,
  /** Run the same record again (string instructions). */
  AGAIN: 3,
  /** The instruction completed and STATE.rip is set; leave run(). */
  STOP: 4,
} as const;
