/**
 * Undoes the x86 branch filter in place: CALL and JMP (E8, E9) operands were made absolute so that
 * equal targets look equal; make them relative again. The rules are those of XZ Embedded (0BSD), xz_dec_bcj.c.
 * xz-file-format §5.3.2 "Branch/Call/Jump Filters".
 */
export function undoBcjX86(bytes: Uint8Array): void {
  const end = bytes.length - 4;
  let previousPosition = -1;
  let mask = 0; // bit n set: the opcode-like byte n + 1 bytes before was left as it is
  for (let i = 0; i < end; i++) {
    if ((bytes[i] & 0xfe) !== 0xe8) continue;
    const gap = i - previousPosition;
    previousPosition = i;
    mask = gap > 3 ? 0 : (mask << (gap - 1)) & 7;
    if (isSignByte(bytes[i + 4]) && (mask === 0 || isConvertible(bytes, i, mask))) {
      makeRelative(bytes, i, mask);
      i += 4;
    } else {
      mask = (mask << 1) | 1;
    }
  }
}

const MASK_TO_ALLOWED = [true, true, true, false, true, false, false, false];
const MASK_TO_BIT_NUMBER = [0, 1, 2, 2, 3, 3, 3, 3];

/** The top byte of a 32-bit displacement within ±16 MiB. */
function isSignByte(byte: number): boolean {
  return byte === 0x00 || byte === 0xff;
}

function isConvertible(bytes: Uint8Array, opcodePosition: number, mask: number): boolean {
  return MASK_TO_ALLOWED[mask] && !isSignByte(bytes[opcodePosition + 4 - MASK_TO_BIT_NUMBER[mask]]);
}

function makeRelative(bytes: Uint8Array, opcodePosition: number, mask: number): void {
  const i = opcodePosition;
  let source = bytes[i + 1] | (bytes[i + 2] << 8) | (bytes[i + 3] << 16) | (bytes[i + 4] << 24);
  let relative: number;
  for (;;) {
    relative = (source - (i + 5)) | 0;
    if (mask === 0) break;
    const bit = MASK_TO_BIT_NUMBER[mask] * 8;
    if (!isSignByte((relative >>> (24 - bit)) & 0xff)) break;
    source = relative ^ ((1 << (32 - bit)) - 1);
  }
  bytes[i + 1] = relative;
  bytes[i + 2] = relative >> 8;
  bytes[i + 3] = relative >> 16;
  bytes[i + 4] = relative & 0x100_0000 ? 0xff : 0;
}
