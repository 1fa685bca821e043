import fc from 'fast-check';
import { expect, it, describe as suite, test } from 'vitest';
import { type DecodeResult, Decoder } from './decoder.ts';
import { type AreaMaps, mergeAreas } from './opcodes/maps.ts';
import { byMod, byMode, byPrefix, byRex, type Feature, group, op, type RowOptions, rows } from './opcodes/row.ts';
import { MODE } from './processor-mode.ts';
import { describe, procedure } from './semantics.ts';
import { SEG } from './state.ts';

const none = (): void => {};
const binary = (name: string) => describe(name, ['dst', 'src'], none);
const unary = (name: string) => describe(name, ['dst'], none);
const system = (name: string) => procedure(name, none);
const vector = (name: string) => describe(name, ['vdst', 'vsrc'], none);
const mov = binary('MOV');
const lock: RowOptions = { lock: true };

/** Few rows with every kind of operand and choice. */
const area: AreaMaps = {
  primary: {
    0x00: op(binary('ADD'), ['Eb', 'Gb'], lock),
    0x01: op(binary('ADD'), ['Ev', 'Gv'], lock),
    0x07: op(system('POP'), ['ES'], { i64: true }),
    ...rows(0x50, 0x57, op(unary('PUSH'), ['Zv'], { d64: true })),
    0x62: op(system('BOUND'), ['Gv', 'Ma'], { i64: true }),
    0x63: byMode(op(binary('MOVSXD'), ['Gv', 'Ed']), op(binary('ARPL'), ['Ew', 'Gw'], { protectedOnly: true })),
    0x68: op(describe('PUSH', ['src'], none), ['Iz'], { d64: true }),
    0x69: op(describe('IMUL', ['dst', 'src', 'src2'], none), ['Gv', 'Ev', 'Iz']),
    0x6a: op(describe('PUSH', ['src'], none), ['Ibs'], { d64: true }),
    0x81: group({ 0: op(binary('ADD'), ['Ev', 'Iz'], lock), 7: op(binary('CMP'), ['Ev', 'Iz']) }),
    0x88: op(mov, ['Eb', 'Gb']),
    0x8b: op(mov, ['Gv', 'Ev']),
    0x8d: op(system('LEA'), ['Gv', 'M']),
    0x8e: op(system('MOV'), ['Sw', 'Ew']),
    0x90: byRex('B', {
      clear: byPrefix({ none: op(system('NOP'), []), f3: op(system('PAUSE'), []) }),
      set: op(system('XCHG'), ['Zv', 'rAX']),
    }),
    0x9a: op(system('CALL'), ['Ap'], { i64: true }),
    0xa1: op(mov, ['rAX', 'Ov']),
    0xa4: op(describe('MOVS', [], none), [], { repeat: true }),
    ...rows(0xb0, 0xb7, op(mov, ['Zb', 'Ib'])),
    ...rows(0xb8, 0xbf, op(mov, ['Zv', 'Iv'])),
    0xc8: op(system('ENTER'), ['Iw', 'Ib'], { d64: true }),
    0xc4: op(system('LES'), ['Gv', 'Mp'], { i64: true }),
    0xd1: group({ 4: op(binary('SHL'), ['Ev', '1']) }),
    0xd8: group({ 0: byMod({ memory: op(system('FADD'), ['Md']), register: op(system('FADD'), ['ST0', 'STi']) }) }),
    0xe8: op(system('CALL'), ['Jz'], { f64: true }),
    0xeb: op(system('JMP'), ['Jb'], { f64: true }),
  },
  map0f: {
    0x01: group({ 2: byMod({ memory: op(system('LGDT'), ['Ms']), byRm: { 0: op(system('XGETBV'), []) } }) }),
    0x05: op(system('SYSCALL'), [], { o64: true }),
    0x10: byPrefix({
      none: op(vector('MOVUPS'), ['Vdq', 'Wdq'], { feature: 'sse' }),
      f3: op(vector('MOVSS'), ['Vd', 'Wd'], { feature: 'sse' }),
    }),
    0x20: op(system('MOV'), ['Ry', 'Cy']),
    0x6e: byPrefix({ none: op(system('MOVD'), ['Pq', 'Ey']), p66: op(system('MOVD'), ['Vdq', 'Ey']) }),
    0xbd: byPrefix({
      none: op(binary('BSR'), ['Gv', 'Ev']),
      f3: op(binary('LZCNT'), ['Gv', 'Ev'], { feature: 'abm', without: op(binary('BSR'), ['Gv', 'Ev']) }),
    }),
    0xd7: op(system('PMOVMSKB'), ['Gd', 'Nq']),
    ...rows(0xc8, 0xcf, op(unary('BSWAP'), ['Zv'])),
  },
  map0f38: { 0xf0: byPrefix({ none: op(binary('MOVBE'), ['Gv', 'Mv']), f2: op(binary('CRC32'), ['Gy', 'Eb']) }) },
  vex0f38: { 0xf2: byPrefix({ none: op(describe('ANDN', ['dst', 'src', 'src2'], none), ['Gy', 'By', 'Ey']) }) },
};

const decoder = new Decoder(mergeAreas([area]));
const features = new Set<Feature>(['sse', 'abm']);
const M16 = MODE.CODE_16;
const M32 = MODE.CODE_32 | MODE.PROTECTED;
const M64 = MODE.CODE_64 | MODE.PROTECTED;

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.split(' ').map((byte) => Number.parseInt(byte, 16)));

function decode(hex: string, mode = M64, offered: ReadonlySet<Feature> = features): DecodeResult {
  const bytes = bytesOf(hex);
  return decoder.decode(bytes, 0, bytes.length, mode, offered);
}

const gpr = (index: number, width: number) => ({ kind: 'gpr', index, high: false, width });
const memory = (bits: number) => ({ kind: 'memory', bits });
const xmm = (index: number, bits: number) => ({ kind: 'xmm', index, bits });
const immediate = (width: number, value: bigint) => ({ kind: 'immediate', width, value });

suite('decode finds the memory operand', () => {
  const at = (base: number, index = -1, scale = 0, displacement = 0) => ({ base, index, scale, displacement });
  test.each([
    ['16-bit [bx+si]', '8b 00', M16, { ...at(3, 6), segment: SEG.DS, addressSize: 16 }],
    ['16-bit [bp+di+disp8]', '8b 43 fe', M16, { ...at(5, 7, 0, -2), segment: SEG.SS }],
    ['16-bit [disp16]', '8b 06 34 12', M16, { ...at(-1, -1, 0, 0x1234), segment: SEG.DS }],
    ['16-bit [bp+disp16]', '8b 86 00 80', M16, { ...at(5, -1, 0, -0x8000), segment: SEG.SS }],
    ['16-bit [di], overridden', '26 8b 05', M16, { ...at(7), segment: SEG.ES, segmentOverridden: true }],
    ['67 in 16-bit code', '67 8b 04 24', M16, { ...at(4), segment: SEG.SS, addressSize: 32 }],
    ['67 in 32-bit code', '67 8b 00', M32, { ...at(3, 6), addressSize: 16 }],
    ['32-bit [disp32]', '8b 05 78 56 34 12', M32, { ...at(-1, -1, 0, 0x12345678), ripRelative: false }],
    ['RIP-relative', '8b 05 fc ff ff ff', M64, { ...at(-1, -1, 0, -4), ripRelative: true, displacementHigh: -1 }],
    ['64-bit absolute disp32', '8b 04 25 00 00 00 80', M64, { ...at(-1, -1, 0, -0x80000000), ripRelative: false }],
    ['[rsp+rax*8]', '8b 04 c4', M64, { ...at(4, 0, 3), segment: SEG.SS }],
    ['[rsp], no index', '8b 04 24', M64, { ...at(4), segment: SEG.SS }],
    ['[r12], no index', '41 8b 04 24', M64, { ...at(12), segment: SEG.DS }],
    ['[rax+r12*2]', '42 8b 04 60', M64, { ...at(0, 12, 1) }],
    ['[r13+disp8]', '41 8b 45 00', M64, { ...at(13), segment: SEG.DS }],
    ['[rbx*4+disp32] without base', '41 8b 04 9d 01 00 00 00', M64, { ...at(-1, 3, 2, 1), ripRelative: false }],
    ['64-bit mode ignores ES', '26 8b 00', M64, { ...at(0), segment: SEG.DS, segmentOverridden: false }],
    ['64-bit mode honours GS', '65 2e 8b 00', M64, { ...at(0), segment: SEG.GS, segmentOverridden: true }],
    ['moffs64', 'a1 11 22 33 44 55 66 77 88', M64, { displacement: 0x44332211, displacementHigh: 0x88776655 | 0 }],
    ['moffs32 by 67', '67 a1 11 22 33 44', M64, { displacement: 0x44332211, addressSize: 32 }],
    ['moffs16', 'a1 ff ff', M16, { displacement: 0xffff, operands: [gpr(0, 16), memory(16)] }],
  ])('%s', (_, hex, mode, expected) => {
    expect(decode(hex, mode)).toMatchObject({ ...expected, length: bytesOf(hex).length });
  });
});

suite('decode finds operands', () => {
  test.each([
    ['high bytes without REX', '88 e1', M64, [gpr(1, 8), { kind: 'gpr', index: 0, high: true, width: 8 }]],
    ['low bytes with REX', '40 88 e1', M64, [gpr(1, 8), gpr(4, 8)]],
    ['REX.R and REX.B', '4d 8b c1', M64, [gpr(8, 64), gpr(9, 64)]],
    ['REX before another prefix is void', '48 66 8b c1', M64, [gpr(0, 16), gpr(1, 16)]],
    ['REX.W over 66', '66 48 8b c1', M64, [gpr(0, 64), gpr(1, 64)]],
    ['register of the opcode', '41 57', M64, [gpr(15, 64)]],
    ['d64 with 66', '66 50', M64, [gpr(0, 16)]],
    ['d64 outside 64-bit mode', '50', M32, [gpr(0, 32)]],
    ['Iz sign-extended', '48 81 c0 ff ff ff ff', M64, [gpr(0, 64), immediate(64, 0xffff_ffff_ffff_ffffn)]],
    ['Iz of 16 bits', '66 81 c0 34 12', M64, [gpr(0, 16), immediate(16, 0x1234n)]],
    ['Iv of 64 bits', '48 b8 08 07 06 05 04 03 02 81', M64, [gpr(0, 64), immediate(64, 0x8102030405060708n)]],
    ['Ib', 'b4 ff', M64, [{ kind: 'gpr', index: 0, high: true, width: 8 }, immediate(8, 0xffn)]],
    ['Ibs', '6a fe', M32, [immediate(32, 0xffff_fffen)]],
    ['constant 1', 'd1 e0', M32, [gpr(0, 32), immediate(8, 1n)]],
    ['Jz, 66 ignored by f64', '66 e8 fe ff ff ff', M64, [{ kind: 'relative', displacement: -2 }]],
    ['Jz of 16 bits', 'e8 fe ff', M16, [{ kind: 'relative', displacement: -2 }]],
    ['far pointer', '9a 78 56 34 12 cd ab', M32, [{ kind: 'far', selector: 0xabcd, offset: 0x12345678 }]],
    ['Mp by operand size', 'c4 00', M32, [gpr(0, 32), memory(48)]],
    ['Ms of 64-bit mode', '0f 01 10', M64, [memory(80)]],
    ['no access', '48 8d 00', M64, [gpr(0, 64), memory(0)]],
    ['segment register', '8e d8', M32, [{ kind: 'segment', index: 3 }, gpr(0, 16)]],
    ['CR8', '44 0f 20 c0', M64, [gpr(0, 64), { kind: 'control', index: 8 }]],
    ['control register whatever mod is', '0f 20 18', M32, [gpr(0, 32), { kind: 'control', index: 3 }]],
    [
      'x87 stack',
      'd8 c3',
      M32,
      [
        { kind: 'st', index: 0 },
        { kind: 'st', index: 3 },
      ],
    ],
    ['XMM', 'f3 44 0f 10 c1', M64, [xmm(8, 32), xmm(1, 32)]],
    ['XMM and memory', '0f 10 08', M64, [xmm(1, 128), memory(128)]],
    ['MMX ignores REX', '4d 0f 6e c1', M64, [{ kind: 'mmx', index: 0 }, gpr(9, 64)]],
    ['mandatory 66 with REX.W', '66 48 0f 6e c1', M64, [xmm(0, 128), gpr(1, 64)]],
    ['VEX in 64-bit mode', 'c4 c2 78 f2 d9', M64, [gpr(3, 32), gpr(0, 32), gpr(9, 32)]],
    ['VEX.W', 'c4 42 80 f2 d9', M64, [gpr(11, 64), gpr(15, 64), gpr(9, 64)]],
    ['VEX in 32-bit mode', 'c4 e2 f8 f2 d9', M32, [gpr(3, 32), gpr(0, 32), gpr(1, 32)]],
  ])('%s', (_, hex, mode, operands) => {
    expect(decode(hex, mode)).toMatchObject({ operands, length: bytesOf(hex).length });
  });

  it('two immediates', () => {
    expect(decode('c8 34 12 05')).toMatchObject({
      immediate2: 5,
      operands: [immediate(16, 0x1234n), immediate(8, 5n)],
    });
  });
});

suite('decode chooses the row', () => {
  test.each([
    ['by REX.B', '41 90', M64, 'XCHG'],
    ['by prefix', 'f3 90', M64, 'PAUSE'],
    ['ignoring prefixes of one-byte opcodes', 'f2 66 90', M64, 'NOP'],
    ['by mode 64', '63 c0', M64, 'MOVSXD'],
    ['by mode 32', '63 c0', M32, 'ARPL'],
    ['by ModR/M.mod', '0f 01 d0', M64, 'XGETBV'],
    ['F3 over 66', '66 f3 0f 10 c0', M64, 'MOVSS'],
    ['F2 over 66', '66 f2 0f 38 f0 c0', M64, 'CRC32'],
    ['66 as size where a form is sized', '66 0f bd c0', M64, 'BSR'],
    ['F2 ignored where a form is sized', 'f2 0f bd c0', M64, 'BSR'],
    ['F3 as LZCNT', 'f3 0f bd c0', M64, 'LZCNT'],
  ])('%s', (_, hex, mode, name) => {
    expect(decode(hex, mode).row?.semantics.name).toBe(name);
  });

  it('without the feature', () => {
    const old = new Set<Feature>();
    expect(decode('f3 0f bd c0', M64, old).row?.semantics.name).toBe('BSR');
    expect(decode('0f 10 c0', M64, old)).toMatchObject({ kind: 'invalid' });
  });

  test.each([
    ['f3 a4', 'repe'],
    ['f2 a4', 'repne'],
    ['f2 f3 a4', 'repe'],
    ['f3 90', 'none'],
    ['f3 0f 10 c0', 'none'],
  ])('with the repeat prefix of %s', (hex, repeat) => {
    expect(decode(hex)).toMatchObject({ repeat });
  });
});

test.each([
  ['no row', '0f ff', M64],
  ['LOCK with a register', 'f0 01 c0', M64],
  ['LOCK on a source', 'f0 8b 00', M64],
  ['LOCK not allowed', 'f0 81 38 00 00 00 00', M64],
  ['M with a register', '8d c0', M64],
  ['N with memory', '0f d7 00', M64],
  ['i64', '07', M64],
  ['o64', '0f 05', M32],
  ['protectedOnly in real mode', '63 c0', M16],
  ['CR1', '0f 20 c8', M64],
  ['segment register 6', '8e f0', M32],
  ['66 where prefixes select', '66 0f 10 c0', M64],
  ['VEX after REX', '40 c4 c2 78 f2 d9', M64],
  ['VEX in real mode', 'c4 e2 78 f2 d9', M16],
  ['VEX.L', 'c4 c2 7c f2 d9', M64],
  ['VEX.0F', 'c5 f8 10 c0', M64],
])('decode rejects: %s', (_, hex, mode) => {
  expect(decode(hex, mode)).toMatchObject({ kind: 'invalid' });
});

suite('decode at the end of bytes', () => {
  const instructions = [
    '8b 84 88 00 00 00 80',
    '66 f3 0f 10 05 00 00 00 00',
    '48 b8 01 02 03 04 05 06 07 08',
    'c4 c2 78 f2 d9',
  ];
  test.each(instructions)('asks for more at every cut of %s', (hex) => {
    const bytes = bytesOf(hex);
    for (let end = 0; end < bytes.length; end++) {
      expect(decoder.decode(bytes, 0, end, M64, features)).toMatchObject({ kind: 'more' });
    }
    expect(decoder.decode(bytes, 0, bytes.length, M64, features)).toMatchObject({ length: bytes.length });
  });

  test.each([
    [14, 1, 'instruction'],
    [15, 1, 'too-long'],
    [14, 0, 'more'],
    [15, 0, 'too-long'],
  ])('%i prefixes and %i opcode bytes: %s', (prefixes, opcodes, expected) => {
    const bytes = new Uint8Array(prefixes + opcodes).fill(0x66, 0, prefixes).fill(0x90, prefixes);
    const result = decoder.decode(bytes, 0, bytes.length, M64, features);
    expect(result.row === undefined ? result.kind : 'instruction').toBe(expected);
  });

  it('never reads past it, whatever the bytes are', () => {
    const modes = fc.constantFrom(M16, M32, M64);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 20 }), modes, (bytes, mode) => {
        const padded = (value: number) => Uint8Array.from([...bytes, ...new Array<number>(16).fill(value)]);
        const result = decoder.decode(padded(0), 0, bytes.length, mode, features);
        expect(decoder.decode(padded(0xff), 0, bytes.length, mode, features)).toEqual(result);
        if (result.row !== undefined) expect(result.length).toBeLessThanOrEqual(Math.min(15, bytes.length));
      }),
      { numRuns: 2000 },
    );
  });
});
