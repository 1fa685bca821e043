import { dataViewOf } from './decompress/codec.ts';
import { hex, loadError, mebibytes } from './errors.ts';
import { HDRS_MAGIC, LOADED_HIGH, SETUP_HEADER } from './linux-boot-params.ts';
import { unpackedSizeBytes } from './unpack.ts';

// Linux Documentation/arch/x86/boot.rst "The Real-Mode Kernel Header".
const SECTOR_BYTES = 512;
const XLF_KERNEL_64 = 1 << 0;
export const DEFAULT_LOAD_GPA = 0x10_0000;
/** Kernels pack to a third or a fifth; a length far beyond that is damage, not a reason to ask for more memory. */
const PLAUSIBLE_UNPACK = { ratio: 64, slackBytes: 0x100_0000 } as const;

export interface BzImage {
  readonly version: number;
  readonly is64Bit: boolean;
  readonly setupHeader: Uint8Array;
  /** The decompressor and its payload. */
  readonly protectedModeCode: Uint8Array;
  readonly payload: Uint8Array;
  readonly commandLineLimitBytes: number;
  readonly initrdEndGpa: number;
  readonly preferredGpa: number;
}

export function isBzImage(kernel: Uint8Array): boolean {
  return kernel.length >= 0x206 && dataViewOf(kernel).getUint32(SETUP_HEADER.magic, true) === HDRS_MAGIC;
}

/** Reads the setup header; setup code and payload lie within `kernel`. */
export function parseBzImage(kernel: Uint8Array, name: string): BzImage {
  const view = dataViewOf(kernel);
  const truncated = (what: string) =>
    loadError('VMM_KERNEL_TRUNCATED', `Kernel ${name} is truncated: ${what} is not complete`);
  const headerEnd = SETUP_HEADER.magic + kernel[SETUP_HEADER.endOffset];
  const setupBytes = ((kernel[SETUP_HEADER.setupSectors] || 4) + 1) * SECTOR_BYTES;
  if (kernel.length < Math.max(headerEnd, setupBytes)) throw truncated('the setup code');
  const version = view.getUint16(SETUP_HEADER.version, true);
  if (version < 0x0200 || (kernel[SETUP_HEADER.loadFlags] & LOADED_HIGH) === 0) {
    throw loadError(
      'VMM_KERNEL_FORMAT',
      `Kernel ${name} speaks boot protocol ${hex(version)} and loads low; a bzImage of 2.00 or later is needed`,
    );
  }
  // Fields that a shorter header does not have read as 0.
  const field = (offset: number): number => (offset + 4 <= headerEnd ? view.getUint32(offset, true) : 0);
  const protectedModeCode = kernel.subarray(setupBytes);
  const payloadOffset = field(SETUP_HEADER.payloadOffset);
  const payloadLength = field(SETUP_HEADER.payloadLength);
  if (payloadOffset + payloadLength > protectedModeCode.length) throw truncated('the payload');
  return {
    version,
    is64Bit: version >= 0x020c && (view.getUint16(SETUP_HEADER.extendedLoadFlags, true) & XLF_KERNEL_64) !== 0,
    setupHeader: kernel.subarray(SETUP_HEADER.start, headerEnd),
    protectedModeCode,
    payload: protectedModeCode.subarray(payloadOffset, payloadOffset + payloadLength),
    commandLineLimitBytes: field(SETUP_HEADER.commandLineSize) || 255,
    initrdEndGpa: (field(SETUP_HEADER.initrdAddressMax) || 0x37ff_ffff) + 1,
    preferredGpa: field(SETUP_HEADER.preferredAddress) || DEFAULT_LOAD_GPA,
  };
}

/** The length that the payload says it unpacks to. */
export function checkedUnpackedSize({ payload }: BzImage, name: string): number {
  const sizeBytes = unpackedSizeBytes(payload);
  const { ratio, slackBytes } = PLAUSIBLE_UNPACK;
  if (sizeBytes > 0 && sizeBytes <= payload.length * ratio + slackBytes) return sizeBytes;
  throw loadError(
    'VMM_KERNEL_CORRUPT',
    `Kernel ${name} is damaged: ${mebibytes(payload.length)} of payload cannot hold ${mebibytes(sizeBytes)}`,
  );
}
