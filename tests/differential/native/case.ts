import { CODE_BYTES, CODE_LINEAR, CS_64, RECORD, RECORD_BYTES, WINDOWS, type Window } from './layout.ts';

/**
 * One case or, after a run, its result: the complete user-visible state as the runner's record holds it.
 * A view: reading and writing go straight to the batch.
 */
export class CaseRecord {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** RAX RCX RDX RBX RSP RBP RSI RDI R8..R15. */
  readonly gpr: BigUint64Array;

  constructor(buffer: ArrayBuffer, byteOffset: number) {
    this.bytes = new Uint8Array(buffer, byteOffset, RECORD_BYTES);
    this.view = new DataView(buffer, byteOffset, RECORD_BYTES);
    this.gpr = new BigUint64Array(buffer, byteOffset + RECORD.gpr, 16);
  }

  get rip(): bigint {
    return this.view.getBigUint64(RECORD.rip, true);
  }

  set rip(linear: bigint) {
    this.view.setBigUint64(RECORD.rip, linear, true);
  }

  get rflags(): number {
    return this.view.getUint32(RECORD.rflags, true);
  }

  set rflags(value: number) {
    this.view.setUint32(RECORD.rflags, value, true);
  }

  get fsBase(): bigint {
    return this.view.getBigUint64(RECORD.fsBase, true);
  }

  set fsBase(linear: bigint) {
    this.view.setBigUint64(RECORD.fsBase, linear, true);
  }

  get gsBase(): bigint {
    return this.view.getBigUint64(RECORD.gsBase, true);
  }

  set gsBase(linear: bigint) {
    this.view.setBigUint64(RECORD.gsBase, linear, true);
  }

  /** CS_64 or CS_32. */
  get cs(): number {
    return this.view.getUint16(RECORD.cs, true);
  }

  set cs(selector: number) {
    this.view.setUint16(RECORD.cs, selector, true);
  }

  /** Of a case: the bytes at RIP; INT3 follows them. */
  get code(): Uint8Array {
    return this.bytes.subarray(RECORD.code, RECORD.code + this.view.getUint16(RECORD.codeLength, true));
  }

  set code(code: ArrayLike<number>) {
    if (code.length > CODE_BYTES) throw new RangeError(`Code is ${code.length} bytes; the most is ${CODE_BYTES}`);
    this.view.setUint16(RECORD.codeLength, code.length, true);
    this.bytes.set(code, RECORD.code);
  }

  /** FCW, FSW, FTW, …, ST0..7, XMM0..15, as FXSAVE64 stores them. */
  get fxsave(): Uint8Array {
    return this.bytes.subarray(RECORD.fxsave, RECORD.fxsave + 512);
  }

  get mxcsr(): number {
    return this.view.getUint32(RECORD.fxsave + 24, true);
  }

  set mxcsr(value: number) {
    this.view.setUint32(RECORD.fxsave + 24, value, true);
  }

  window(window: Window): Uint8Array {
    return this.bytes.subarray(window.offset, window.offset + window.sizeBytes);
  }

  // Results only

  /** Exception vector that ended the case: 3 (INT3 after it) when it ran through. */
  get vector(): number {
    return this.view.getUint32(RECORD.vector, true);
  }

  get errorCode(): number {
    return this.view.getUint32(RECORD.errorCode, true);
  }

  get cr2(): bigint {
    return this.view.getBigUint64(RECORD.cr2, true);
  }

  get signal(): number {
    return this.view.getUint16(RECORD.signal, true);
  }

  /** A byte outside of all windows was written: the record does not show all that happened. */
  get stray(): boolean {
    return this.view.getUint16(RECORD.stray, true) !== 0;
  }
}

/** A run of records in one buffer, as they go to the runner and come back. */
export class CaseBatch {
  readonly bytes: Uint8Array;
  readonly records: readonly CaseRecord[];

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
    this.records = Array.from(
      { length: bytes.length / RECORD_BYTES },
      (_, index) => new CaseRecord(bytes.buffer, bytes.byteOffset + index * RECORD_BYTES),
    );
  }

  static allocate(count: number): CaseBatch {
    const batch = new CaseBatch(new Uint8Array(count * RECORD_BYTES));
    for (const record of batch.records) resetCase(record);
    return batch;
  }
}

/** State after FNINIT and a null start: all zero but RIP in the code page, RSP in the stack window, exceptions masked. */
export function resetCase(record: CaseRecord): void {
  record.bytes.fill(0);
  record.cs = CS_64;
  record.rip = BigInt(CODE_LINEAR + 0x800);
  record.gpr[4] = BigInt(WINDOWS.stack.linear + WINDOWS.stack.sizeBytes / 2);
  record.rflags = 0x202;
  record.view.setUint16(RECORD.fxsave, 0x37f, true); // FCW
  record.mxcsr = 0x1f80;
}
