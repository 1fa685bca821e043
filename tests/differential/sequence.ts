import { type Encoded, encodeRandom } from './encode.ts';
import type { Encoding } from './encodings.ts';
import type { CaseGenerator } from './generate.ts';
import type { CaseRecord } from './native/case.ts';
import { CODE_BYTES, CS_32, CS_64, WINDOWS } from './native/layout.ts';
import type { Prng } from './prng.ts';

/**
 * Mnemonics that may be in a sequence: what they leave undefined (AF of the logical ones) nothing later in it reads.
 * The SIMD ones take turns with the others in what is compiled hot and cold.
 */
const MNEMONICS: ReadonlySet<string> = new Set(
  (
    'ADD OR ADC SBB AND SUB XOR CMP TEST INC DEC NEG NOT MOV MOVZX MOVSX MOVSXD LEA XCHG XADD CMPXCHG BSWAP SETcc ' +
    'CMOVcc Jcc CBW CWD CLC STC CMC CLD STD PUSH POP SAHF ADCX ADOX MOVBE POPCNT SHLX SARX SHRX RORX PDEP PEXT MULX ' +
    'CRC32 NOP ROL ROR RCL RCR SHL SHR SAR MOVAPS MOVDQU MOVD PADDD PXOR PMOVMSKB PSHUFB PAND'
  ).split(' '),
);

/** Shifts by one bit only: other counts leave OF undefined. */
const SHIFTS: ReadonlySet<string> = new Set(['ROL', 'ROR', 'RCL', 'RCR', 'SHL', 'SHR', 'SAR']);

export function mayBeInSequence({ mnemonic, map, opcode, row }: Encoding): boolean {
  if (row.options.system === true || !MNEMONICS.has(mnemonic)) return false;
  if (row.options.unit === 'mmx') return false;
  return !SHIFTS.has(mnemonic) || (map === 'primary' && (opcode === 0xd0 || opcode === 0xd1));
}

const UD2 = [0x0f, 0x0b];
const LOOP_BYTES = 16;
const COUNTER = WINDOWS.edge;

interface Piece {
  readonly bytes: number[];
  readonly encoded: Encoded;
}

/**
 * A few instructions, with forward branches among them, perhaps in a loop that counts in memory, then UD2. Their
 * memory operands are at fixed addresses, so that no register needs a value.
 */
export class SequenceGenerator {
  readonly #prng: Prng;
  readonly #generator: CaseGenerator;
  readonly #encodings: Readonly<Record<32 | 64, readonly (readonly Encoding[])[]>>;

  constructor(prng: Prng, generator: CaseGenerator, encodings: readonly Encoding[]) {
    this.#prng = prng;
    this.#generator = generator;
    this.#encodings = { 32: byMnemonic(encodings, 32), 64: byMnemonic(encodings, 64) };
  }

  generate(record: CaseRecord, mode: 32 | 64): void {
    const prng = this.#prng;
    this.#generator.prepare(record);
    const start = Number(record.rip);
    const looped = prng.chance(0.4);
    const room = CODE_BYTES - UD2.length - (looped ? LOOP_BYTES : 0);
    const count = prng.between(2, 12);
    const pieces: Piece[] = [];
    let length = 0;
    for (let i = 0; i < count; i++) {
      const piece = this.#piece(record, start + length, mode);
      if (length + piece.bytes.length > room) break;
      pieces.push(piece);
      length += piece.bytes.length;
    }
    linkBranches(prng, pieces);
    const code = pieces.flatMap((piece) => piece.bytes);
    if (looped) {
      record.view.setUint32(COUNTER.offset, prng.between(1, 4), true);
      code.push(...countDown(mode, code.length));
    }
    record.rip = BigInt(start);
    record.code = [...code, ...UD2];
    record.cs = mode === 64 ? CS_64 : CS_32;
    if (mode === 32)
      for (let i = 0; i < 16; i++) record.gpr[i] = BigInt.asUintN(32, i < 8 ? (record.gpr[i] ?? 0n) : 0n);
  }

  #piece(record: CaseRecord, rip: number, mode: 32 | 64): Piece {
    const prng = this.#prng;
    record.rip = BigInt(rip);
    const encoding = prng.pick(prng.pick(this.#encodings[mode]));
    const encoded = encodeRandom(prng, encoding, record, { hostile: false, mode, absolute: true });
    return { bytes: [...record.code], encoded };
  }
}

function byMnemonic(encodings: readonly Encoding[], mode: 32 | 64): readonly (readonly Encoding[])[] {
  const groups = new Map<string, Encoding[]>();
  for (const encoding of encodings) {
    if (!encoding.modes.includes(mode)) continue;
    groups.set(encoding.mnemonic, [...(groups.get(encoding.mnemonic) ?? []), encoding]);
  }
  // Branches and comparisons more often: what lies between them is what lazy flags and fusion are about.
  const often = ['Jcc', 'CMP', 'TEST', 'DEC', 'SUB', 'ADC', 'SETcc', 'CMOVcc'].flatMap((name) => {
    const group = groups.get(name);
    return group === undefined ? [] : [group, group];
  });
  return [...groups.values(), ...often];
}

/** Points every Jcc at a later instruction's start, or the end. */
function linkBranches(prng: Prng, pieces: readonly Piece[]): void {
  for (const [i, { bytes, encoded }] of pieces.entries()) {
    if (encoded.encoding.mnemonic !== 'Jcc') continue;
    const skipped = pieces.slice(i + 1, prng.between(i + 1, pieces.length));
    const displacement = skipped.reduce((sum, piece) => sum + piece.bytes.length, 0);
    // rel8, rel16 or rel32 at the end of the bytes; of a 16-bit one RIP would lose its upper half
    const isByte = encoded.encoding.row.operands.includes('Jb');
    const fieldBytes = isByte ? 1 : encoded.operandSize === 16 ? 2 : 4;
    for (let at = 0; at < fieldBytes; at++) bytes[bytes.length - fieldBytes + at] = at === 0 ? displacement : 0;
  }
}

/** sub dword [counter], 1; jnz to the start. */
function countDown(mode: 32 | 64, length: number): readonly number[] {
  const linear = COUNTER.linear;
  const address = [linear & 255, (linear >> 8) & 255, (linear >> 16) & 255, linear >>> 24];
  const sub = mode === 64 ? [0x83, 0x2c, 0x25, ...address, 1] : [0x83, 0x2d, ...address, 1];
  const back = -(length + sub.length + 6);
  return [...sub, 0x0f, 0x85, back & 255, (back >> 8) & 255, (back >> 16) & 255, (back >> 24) & 255];
}
