import { afterAll, describe, expect, test } from 'vitest';
import { decode } from '../../src/x86/decoder.ts';
import { opcodeMaps } from '../../src/x86/opcodes/maps.ts';
import type { Feature } from '../../src/x86/opcodes/row.ts';
import { MODE } from '../../src/x86/processor-mode.ts';
import { allEncodings } from './encodings.ts';
import { CaseBatch, type CaseRecord, resetCase } from './native/case.ts';
import { hostHas } from './native/host-features.ts';
import { CODE_LINEAR, CS_32, CS_64, UNMAPPED_LINEAR } from './native/layout.ts';
import { BATCH_MAX_CASES, openNativeHost } from './native/runner.ts';
import { SIGALRM } from './native/runner-program.ts';
import { Prng } from './prng.ts';
import { HOST_ONLY, LENGTH_DIFFERS, NOT_JUDGED, UNSAFE } from './sweep-exceptions.ts';

/**
 * Every opcode with many prefixes and ModR/M bytes: does the host raise #UD exactly where the decoder finds no
 * instruction, and are completed instructions as long as the decoder says? All bytes after ModR/M and SIB are CC, so
 * the host stops right after the instruction, wherever that is.
 */

const host = await openNativeHost();
const START = CODE_LINEAR + 0x800;
const MAPS: readonly (readonly number[])[] = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];
const PREFIXES: readonly (readonly number[])[] = [
  [],
  [0x66],
  [0xf3],
  [0xf2],
  [0x66, 0xf3],
  [0xf2, 0x66],
  [0xf3, 0xf2],
  [0xf0],
  [0x67],
  [0x64],
];
const REX: readonly number[] = [0x40, 0x48, 0x45];
const EXCLUDED = [...UNSAFE, ...NOT_JUDGED];
const MODRMS_PER_OPCODE = 17;

interface Sweep {
  readonly opcode: readonly number[];
  readonly code: readonly number[];
  readonly mode: 32 | 64;
}

function* sweeps(): Generator<Sweep> {
  const prng = new Prng(1);
  for (const mode of [64, 32] as const) {
    for (const lead of MAPS) {
      for (let opcode = 0; opcode < 256; opcode++) {
        if (lead.length === 0 && (opcode === 0x0f || isPrefix(opcode, mode))) continue;
        if (lead.length === 1 && (opcode === 0x38 || opcode === 0x3a)) continue;
        const plain = PREFIXES.map((prefixes) => [...prefixes]);
        const rexed = mode === 64 ? plain.slice(0, 4).flatMap((prefixes) => REX.map((rex) => [...prefixes, rex])) : [];
        for (const prefixes of [...plain, ...rexed]) {
          if (!hasModrm(lead, opcode)) {
            const code = [...prefixes, ...lead, opcode];
            if (!EXCLUDED.some((excludes) => excludes({ lead, opcode, modrm: 0, mode, prefixes })))
              yield { opcode: [...lead, opcode], code, mode };
            continue;
          }
          for (let i = 0; i < MODRMS_PER_OPCODE; i++) {
            // Every reg field in memory and register form, then what comes.
            const modrm = i < 8 ? i << 3 : i < 16 ? 0xc0 | ((i << 3) & 0x38) | prng.below(8) : prng.below(256);
            const hasSib = modrm < 0xc0 && (modrm & 7) === 4 && !(mode === 32 && prefixes.includes(0x67));
            const code = [...prefixes, ...lead, opcode, modrm, ...(hasSib ? [prng.below(256)] : [])];
            if (!EXCLUDED.some((excludes) => excludes({ lead, opcode, modrm, mode, prefixes })))
              yield { opcode: [...lead, opcode], code, mode };
          }
        }
      }
    }
  }
}

/** SDM Vol. 2D Tables: opcodes without ModR/M, so that no byte of the sweep runs as an instruction of its own. */
const NO_MODRM: readonly (readonly (readonly [from: number, to: number])[])[] = [
  [
    [0x40, 0x61],
    [0x64, 0x68],
    [0x6a, 0x6a],
    [0x6c, 0x7f],
    [0x90, 0xbf],
    [0xc2, 0xc3],
    [0xc8, 0xcf],
    [0xd4, 0xd7],
    [0xe0, 0xf5],
    [0xf8, 0xfd],
  ],
  [
    [0x04, 0x0c],
    [0x0e, 0x0e],
    [0x30, 0x37],
    [0x77, 0x77],
    [0x80, 0x8f],
    [0xa0, 0xa2],
    [0xa8, 0xaa],
    [0xc8, 0xcf],
  ],
];

function hasModrm(lead: readonly number[], opcode: number): boolean {
  if (lead.length === 0 && opcode < 0x40) return (opcode & 7) < 4;
  return !(NO_MODRM[lead.length] ?? []).some(([from, to]) => opcode >= from && opcode <= to) || lead.length > 1;
}

function isPrefix(byte: number, mode: 32 | 64): boolean {
  if ([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3].includes(byte)) return true;
  return mode === 64 && byte >= 0x40 && byte < 0x50;
}

/** Registers point to nothing: whatever reads or writes memory faults, after it has been decoded. */
function prepare(record: CaseRecord, { code, mode }: Sweep): void {
  resetCase(record);
  for (let i = 0; i < 16; i++) if (i !== 4) record.gpr[i] = BigInt(UNMAPPED_LINEAR + 0x1000 * i);
  record.cs = mode === 64 ? CS_64 : CS_32;
  record.rip = BigInt(START);
  record.code = [...code, ...new Array<number>(16).fill(0xcc)].slice(0, 16);
}

const FLAT = MODE.FLAT | MODE.FLAT_FS | MODE.FLAT_GS | MODE.PROTECTED | MODE.STACK_32;
const features: ReadonlySet<Feature> = new Set(
  allEncodings(opcodeMaps()).flatMap(({ row }) => {
    const { feature } = row.options;
    return feature !== undefined && hostHas(feature) ? [feature] : [];
  }),
);

describe.skipIf(host.kind === 'unavailable')('decoder', () => {
  test('finds an instruction exactly where the host CPU does, of the same length', async () => {
    if (host.kind === 'unavailable') return;
    const all = [...sweeps()].filter(({ mode }) => mode === 64 || host.compat);
    const wrong = new Map<string, string>();
    for (let from = 0; from < all.length; from += BATCH_MAX_CASES) {
      const part = all.slice(from, from + BATCH_MAX_CASES);
      const batch = CaseBatch.allocate(part.length);
      for (const [i, sweep] of part.entries()) prepare(batch.records[i]!, sweep);
      const results = (await host.runner.run(batch)).records;
      for (const [i, sweep] of part.entries()) {
        const message = judge(sweep, results[i]!);
        if (message === undefined) continue;
        const kind = `${message}, ${sweep.mode}-bit, opcode ${Buffer.from(sweep.opcode).toString('hex')}`;
        if (!wrong.has(kind)) wrong.set(kind, Buffer.from(sweep.code).toString('hex'));
      }
    }
    console.log(`differential decoding: ${all.length} encodings, ${wrong.size} mismatches`);
    expect([...wrong].map(([kind, code]) => `${kind} (${code})`)).toEqual([]);
  }, 120_000);
});

function judge(sweep: Sweep, result: CaseRecord): string | undefined {
  const bytes = Uint8Array.from([...sweep.code, ...new Array<number>(16).fill(0xcc)]);
  const mode = FLAT | (sweep.mode === 64 ? MODE.CODE_64 : MODE.CODE_32);
  if (result.signal === SIGALRM) return 'hangs';
  const decoded = decode(bytes, 0, bytes.length, mode, features);
  const valid = decoded.row !== undefined && !/^UD[012]$/.test(decoded.row.semantics.name);
  const hostValid = result.vector !== 6 || Number(result.rip) !== START;
  if (valid !== hostValid) {
    if (hostValid && HOST_ONLY.some((exception) => exception(bytes, sweep.mode))) return undefined;
    return hostValid ? `host runs it (vector ${result.vector})` : `host #UD, decoder ${decoded.row?.semantics.name}`;
  }
  if (decoded.row === undefined || !valid || result.vector !== 3) return undefined;
  const hostLength = Number(result.rip) - 1 - START;
  const branched = hostLength < 1 || hostLength > 15 || LENGTH_DIFFERS(sweep.code, sweep.mode);
  return branched || hostLength === decoded.length
    ? undefined
    : `length: host ${hostLength}, decoder ${decoded.length}`;
}

afterAll(() => {
  if (host.kind === 'available') host.runner.dispose();
});
