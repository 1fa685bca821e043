import { STATE } from './state.ts';

/** State components of the XSAVE feature set (SDM Vol. 1 ch. 13 "Managing State Using the XSAVE Feature Set"). */

export const XSTATE = { X87: 1 << 0, SSE: 1 << 1, AVX: 1 << 2, PKRU: 1 << 9 } as const;

export const LEGACY_BYTES = 512;
export const HEADER_BYTES = 64;
export const EXTENDED_BYTES = LEGACY_BYTES + HEADER_BYTES;
/** Of a standard area with all components: what one access may need. */
export const AREA_BYTES_MAX = 1024;

/** Components beyond the legacy region. Offsets of the standard format are those of AMD's processors, which pack them. */
export interface ExtendedComponent {
  readonly index: number;
  readonly bytes: number;
  readonly standardOffset: number;
}
export const EXTENDED_COMPONENTS: readonly ExtendedComponent[] = [
  { index: 2, bytes: 256, standardOffset: 576 },
  { index: 9, bytes: 8, standardOffset: 832 },
];

/** Bytes of the area for a mask of components. */
export function areaBytes(mask: number, compacted: boolean): number {
  return EXTENDED_COMPONENTS.reduce((end, { index, bytes, standardOffset }) => {
    if ((mask & (1 << index)) === 0) return end;
    return compacted ? end + bytes : standardOffset + bytes;
  }, EXTENDED_BYTES);
}

/** Where a component lies in an area of the given format. */
export function componentOffset(component: ExtendedComponent, mask: number, compacted: boolean): number {
  if (!compacted) return component.standardOffset;
  const before = EXTENDED_COMPONENTS.filter(({ index }) => index < component.index && (mask & (1 << index)) !== 0);
  return before.reduce((offset, { bytes }) => offset + bytes, EXTENDED_BYTES);
}

const XMM = STATE.xmm >> 2;
/** Words of one YMM register in the state. */
export const YMM_WORDS = 8;

/** x87 state as FNINIT and zero registers leave it: FCW, FSW, FTW, FOP and pointers, then the registers. */
function isX87Initial(words: Int32Array): boolean {
  if (words[STATE.fcw >> 2] !== 0x37f || words[STATE.fsw >> 2] !== 0 || words[STATE.ftw >> 2] !== 0xffff) return false;
  for (let word = STATE.fop >> 2; word <= STATE.fds >> 2; word++) if (words[word] !== 0) return false;
  for (let word = STATE.x87 >> 2; word < (STATE.x87 >> 2) + 32; word++) if (words[word] !== 0) return false;
  return true;
}

/** Any of the four words of each YMM register's half is set. */
function anyVectorHalf(words: Int32Array, half: 0 | 4): boolean {
  for (let word = XMM + half; word < XMM + 16 * YMM_WORDS; word += YMM_WORDS) {
    if (((words[word] as number) | (words[word + 1] as number)) !== 0) return true;
    if (((words[word + 2] as number) | (words[word + 3] as number)) !== 0) return true;
  }
  return false;
}

/** XINUSE: components that are not in their initial configuration (SDM Vol. 1 §13.6). */
export function componentsInUse(words: Int32Array): number {
  return (
    (isX87Initial(words) ? 0 : XSTATE.X87) |
    (anyVectorHalf(words, 0) ? XSTATE.SSE : 0) |
    (anyVectorHalf(words, 4) ? XSTATE.AVX : 0) |
    (words[STATE.pkru >> 2] === 0 ? 0 : XSTATE.PKRU)
  );
}
