import { expect, test } from 'vitest';
import { decode } from '../../src/x86/decoder.ts';
import { opcodeMaps } from '../../src/x86/opcodes/maps.ts';
import type { Feature } from '../../src/x86/opcodes/row.ts';
import { MODE } from '../../src/x86/processor-mode.ts';
import type { Encoded } from './encode.ts';
import { allEncodings } from './encodings.ts';
import { CaseGenerator } from './generate.ts';
import { CaseBatch, type CaseRecord } from './native/case.ts';
import { Prng } from './prng.ts';

const encodings = allEncodings(opcodeMaps());
const ALL_FEATURES: ReadonlySet<Feature> = new Set(encodings.flatMap(({ row }) => row.options.feature ?? []));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Where the decoded instruction's memory operand is. */
function linearOf(record: CaseRecord, encoded: Encoded, instruction: ReturnType<typeof decode>): bigint {
  if (instruction.row === undefined) throw new Error('not decoded');
  const { base, index, scale, displacement, displacementHigh, ripRelative, segment, addressSize } = instruction;
  const part = (register: number): bigint => (register < 0 ? 0n : (record.gpr[register] ?? 0n));
  let offset = part(base) + (part(index) << BigInt(scale));
  offset += BigInt(displacement >>> 0) + (BigInt(displacementHigh | 0) << 32n);
  if (ripRelative) offset += record.rip + BigInt(instruction.length);
  offset = BigInt.asUintN(addressSize, offset);
  if (encoded.mode === 64 && segment === 4) offset += record.fsBase;
  if (encoded.mode === 64 && segment === 5) offset += record.gsBase;
  return BigInt.asUintN(encoded.mode, offset);
}

test('encodeRandom is what the decoder reads back: row, length, sizes and address', () => {
  const prng = new Prng(1);
  const generator = new CaseGenerator(prng);
  const record = CaseBatch.allocate(1).records[0]!;
  for (const encoding of encodings) {
    for (let i = 0; i < 40; i++) {
      const encoded = generator.generate(encoding, record, { tweak: false });
      if (encoded.length > 15) continue;
      const mode = MODE.FLAT | MODE.FLAT_FS | MODE.FLAT_GS | MODE.PROTECTED;
      const codeSize = encoded.mode === 64 ? MODE.CODE_64 : MODE.CODE_32 | MODE.STACK_32;
      const instruction = decode(record.code, 0, record.code.length, mode | codeSize, ALL_FEATURES);
      const name = `${encoding.mnemonic} ${encoding.map} ${encoding.opcode.toString(16)} ${hex(record.code)}`;
      const mayBeMissing = encoded.lock || encoding.row.operands.some((code) => /^(Sw|Cy|Dy)$/.test(code));
      if (mayBeMissing && instruction.row === undefined) continue; // LOCK not allowed, or no such register
      if (instruction.row === undefined) {
        expect.soft(`${name}: ${instruction.kind}`).toBe('decoded');
        break;
      }
      expect.soft([name, instruction.row, instruction.length]).toEqual([name, encoding.row, encoded.length]);
      if (instruction.addressSize !== 16 && encoded.memory !== undefined) {
        const linear = linearOf(record, encoded, instruction);
        expect.soft(`${name}: ${linear.toString(16)}`).toBe(`${name}: ${encoded.memory.linear.toString(16)}`);
      }
    }
  }
}, 120_000);
