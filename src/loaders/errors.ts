import { VmmError } from '../base/errors.ts';

/** What a loader can find wrong with what the user gave it. Each is the user's to fix, so exit status 2. */
export type LoadErrorCode =
  | 'VMM_KERNEL_EMPTY'
  | 'VMM_KERNEL_FORMAT'
  | 'VMM_KERNEL_TRUNCATED'
  | 'VMM_KERNEL_CORRUPT'
  | 'VMM_KERNEL_CPU'
  | 'VMM_KERNEL_RANGE'
  | 'VMM_INITRD_EMPTY'
  | 'VMM_INITRD_RANGE'
  | 'VMM_COMMAND_LINE_LENGTH'
  | 'VMM_MODULE_COUNT'
  | 'VMM_MEMORY_TOO_SMALL';

export function loadError(code: LoadErrorCode, message: string, cause?: unknown): VmmError {
  return new VmmError(code, message, { kind: 'usage', cause });
}

export function mebibytes(sizeBytes: number): string {
  return `${Math.ceil(sizeBytes / 0x10_0000)} MiB`;
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
