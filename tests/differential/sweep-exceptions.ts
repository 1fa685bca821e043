/** One encoding of the sweep. */
interface Swept {
  /** Escape bytes. */
  readonly lead: readonly number[];
  readonly opcode: number;
  readonly modrm: number;
  readonly mode: 32 | 64;
  readonly prefixes: readonly number[];
}

const in0f = ({ lead }: Swept): boolean => lead.length === 1;

/** Not run: they enter the kernel, or change what the runner itself stands on. */
export const UNSAFE: readonly ((swept: Swept) => boolean)[] = [
  (swept) => in0f(swept) && [0x05, 0x34].includes(swept.opcode), // SYSCALL, SYSENTER
  // VMMCALL, WRPKRU, CLZERO, RDPRU, MONITORX, MWAITX, XSETBV, SWAPGS, …
  (swept) => in0f(swept) && swept.opcode === 0x01 && swept.modrm >= 0xc0,
];

/** Not judged: what decodes there says nothing, or is the host's own. */
export const NOT_JUDGED: readonly ((swept: Swept) => boolean)[] = [
  (swept) => swept.lead.length === 0 && swept.opcode === 0x8e && ((swept.modrm >> 3) & 7) === 1, // MOV CS: decoded, raises #UD
  (swept) => swept.lead.length === 0 && swept.opcode === 0xcc, // INT3 itself
  (swept) => in0f(swept) && (swept.opcode === 0x20 || swept.opcode === 0x22) && swept.prefixes.includes(0xf0), // AMD: CR8
  (swept) => in0f(swept) && swept.opcode === 0x00 && swept.prefixes.includes(0xf0), // AMD takes LOCK VERW
];

const LEGACY_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];

function afterPrefixes(bytes: Uint8Array, mode: 32 | 64): Uint8Array {
  let at = 0;
  while (LEGACY_PREFIXES.includes(bytes[at] ?? 0)) at++;
  if (mode === 64 && (bytes[at]! & 0xf0) === 0x40) at++;
  return bytes.subarray(at);
}

const opcode0f =
  (...opcodes: number[]) =>
  (bytes: Uint8Array, mode: 32 | 64): boolean => {
    const rest = afterPrefixes(bytes, mode);
    return rest[0] === 0x0f && opcodes.includes(rest[1] ?? 0);
  };

/** Extensions that a host may have and our tables do not. */
export const HOST_ONLY: readonly ((bytes: Uint8Array, mode: 32 | 64) => boolean)[] = [
  (bytes, mode) => [0xc4, 0xc5, 0x62].includes(afterPrefixes(bytes, mode)[0] ?? 0), // VEX, EVEX
  (bytes, mode) => afterPrefixes(bytes, mode)[0] === 0x8f, // XOP
  opcode0f(0x78, 0x79, 0x2b), // SSE4A: EXTRQ, INSERTQ, MOVNTSS, MOVNTSD
];

/** AMD's processors honour 66 on near branches in 64-bit mode, Intel's ignore it (SDM Vol. 2A "Jcc", APM Vol. 3 "Jcc"). */
export const LENGTH_DIFFERS = (code: readonly number[], mode: 32 | 64): boolean => {
  const [first = 0, second = 0] = afterPrefixes(Uint8Array.from(code), mode);
  const branch = first === 0xe8 || first === 0xe9 || (first === 0x0f && (second & 0xf0) === 0x80);
  return mode === 64 && branch && code.includes(0x66);
};
