import { describe, expect, test } from 'vitest';
import type { Feature } from '../../x86/opcodes/row.ts';
import { CR0, STATE, VECTOR } from '../../x86/state.ts';
import { OracleMachine, type Registers } from './machine.cases.ts';

interface Case {
  /** Assembly, for the reader. */
  readonly text: string;
  readonly code: string;
  readonly mode?: 32;
  readonly flags?: string;
  readonly before?: Registers;
  /** Only what changes. */
  readonly after?: Registers;
  /** Defined flags set afterwards; as before if absent. */
  readonly gives?: string;
  /** RIP relative to the instruction; its length if absent. */
  readonly rip?: bigint;
  readonly fault?: number;
  /** u64 by gpa, before and after. */
  readonly memory?: Readonly<Record<number, readonly [bigint, bigint]>>;
}

const FEATURES: readonly Feature[] = [
  '486',
  'cmov',
  'cx8',
  'cx16',
  'popcnt',
  'abm',
  'bmi1',
  'bmi2',
  'adx',
  'movbe',
  'sse4_2',
  'sse',
  'sse2',
  'mmx',
  'lahf_lm',
  'rdrand',
  'nopl',
];

const FAULTING = 0xffff_8000_0000_0000n;
const ONES = 0xffff_ffff_ffff_ffffn;

function check({ code, mode, flags = '', before = {}, after = {}, gives, rip, fault, memory = {} }: Case): void {
  const machine = new OracleMachine({ codeSize: mode ?? 64, features: FEATURES });
  machine.set(before);
  machine.setFlags(flags);
  for (const [gpa, [value]] of Object.entries(memory)) machine.memory.writeU64(Number(gpa), value);
  expect(machine.run(code)).toBe(fault);
  const wanted = Object.entries(after);
  expect(machine.changes({ ...before })).toEqual(Object.fromEntries(wanted));
  expect([...machine.flags()].sort()).toEqual([...(gives ?? flags)].sort());
  expect(machine.rip).toBe(rip ?? (fault === undefined ? BigInt(code.length / 2) : 0n));
  for (const [gpa, [, value]] of Object.entries(memory)) expect(machine.memory.readU64(Number(gpa))).toBe(value);
}

const cases = (name: string, rows: readonly Case[]): void => {
  describe(name, () => {
    test.each(rows.map((row) => [row.text, row] as const))('%s', (_, row) => check(row));
  });
};

cases('arithmetic', [
  { text: 'ADD AL, 1 overflows from 7F', code: '0401', before: { RAX: 0x7fn }, after: { RAX: 0x80n }, gives: 'OSA' },
  { text: 'ADD AL, 1 carries from FF', code: '0401', before: { RAX: 0x12ffn }, after: { RAX: 0x1200n }, gives: 'CZAP' },
  {
    text: 'ADD EAX, ECX zero-extends',
    code: '01c8',
    before: { RAX: ONES, RCX: 1n },
    after: { RAX: 0n },
    gives: 'CZAP',
  },
  {
    text: 'ADD AX, CX keeps the rest',
    code: '6601c8',
    before: { RAX: 0x1_2345_ffffn, RCX: 2n },
    after: { RAX: 0x1_2345_0001n },
    gives: 'CA',
  },
  { text: 'ADD AH, CL', code: '00cc', before: { RAX: 0xff12n, RCX: 1n }, after: { RAX: 0x12n }, gives: 'CZAP' },
  {
    text: 'ADC RAX, RCX with carry',
    code: '4811c8',
    flags: 'C',
    before: { RAX: 1n, RCX: ONES },
    after: {},
    gives: 'CA',
  },
  {
    text: 'SBB EAX, EAX spreads CF',
    code: '19c0',
    flags: 'C',
    before: { RAX: 5n },
    after: { RAX: 0xffff_ffffn },
    gives: 'CSAP',
  },
  { text: 'SUB AL, 1 borrows', code: '2c01', before: { RAX: 0n }, after: { RAX: 0xffn }, gives: 'CSAP' },
  { text: 'CMP of the least number with 1', code: '3c01', before: { RAX: 0x80n }, gives: 'OA' },
  { text: 'INC keeps CF', code: 'fec0', flags: 'C', before: { RAX: 0xffn }, after: { RAX: 0n }, gives: 'CZAP' },
  { text: 'DEC keeps CF', code: 'fec8', before: { RAX: 0x80n }, after: { RAX: 0x7fn }, gives: 'OA' },
  { text: 'NEG of the least number', code: 'f6d8', before: { RAX: 0x80n }, after: {}, gives: 'CSO' },
  { text: 'NEG of 0 clears CF', code: 'f7d8', flags: 'C', gives: 'ZP' },
  { text: 'MUL CL', code: 'f6e1', before: { RAX: 0x80n, RCX: 2n }, after: { RAX: 0x100n }, gives: 'CO' },
  {
    text: 'MUL RCX',
    code: '48f7e1',
    before: { RAX: ONES, RCX: ONES },
    after: { RAX: 1n, RDX: ONES - 1n },
    gives: 'CO',
  },
  { text: 'IMUL CL fits', code: 'f6e9', before: { RAX: 0xffn, RCX: 5n }, after: { RAX: 0xfffbn }, gives: '' },
  {
    text: 'IMUL RAX, RCX of small factors',
    code: '480fafc1',
    before: { RAX: ONES, RCX: 7n },
    after: { RAX: ONES - 6n },
    gives: '',
  },
  {
    text: 'IMUL RAX, RCX overflows',
    code: '480fafc1',
    before: { RAX: 1n << 62n, RCX: 2n },
    after: { RAX: 1n << 63n },
    gives: 'CO',
  },
  { text: 'IMUL EAX, ECX, -3', code: '6bc1fd', before: { RCX: 5n }, after: { RAX: 0xffff_fff1n }, gives: '' },
  { text: 'DIV CL', code: 'f6f1', before: { RAX: 0x1fn, RCX: 4n }, after: { RAX: 0x307n } },
  { text: 'DIV CL by 0', code: 'f6f1', before: { RAX: 5n }, fault: VECTOR.DE },
  { text: 'DIV CL whose quotient is too large', code: 'f6f1', before: { RAX: 0x200n, RCX: 2n }, fault: VECTOR.DE },
  {
    text: 'DIV RCX with a high half',
    code: '48f7f1',
    before: { RDX: 1n, RCX: 3n },
    after: { RAX: 0x5555_5555_5555_5555n },
  },
  {
    text: 'IDIV ECX truncates',
    code: 'f7f9',
    before: { RAX: 0xffff_fff9n, RDX: 0xffff_ffffn, RCX: 2n },
    after: { RAX: 0xffff_fffdn },
  },
  {
    text: 'IDIV RCX of the least number by -1',
    code: '48f7f9',
    before: { RAX: 1n << 63n, RDX: ONES, RCX: ONES },
    fault: VECTOR.DE,
  },
  {
    text: 'IDIV RCX with a high half',
    code: '48f7f9',
    before: { RAX: 0n, RDX: ONES, RCX: 4n },
    after: { RAX: 0xc000_0000_0000_0000n, RDX: 0n },
  },
  {
    text: 'ADOX uses OF alone',
    code: 'f30f38f6c1',
    flags: 'OC',
    before: { RAX: 0xffff_ffffn },
    after: { RAX: 0n },
    gives: 'OC',
  },
  {
    text: 'ADCX uses CF alone',
    code: '660f38f6c1',
    flags: 'O',
    before: { RAX: 3n, RCX: 4n },
    after: { RAX: 7n },
    gives: 'O',
  },
]);

cases('logic, shifts and bits', [
  {
    text: 'AND clears CF and OF',
    code: '21c8',
    flags: 'CO',
    before: { RAX: 0x8000_0003n, RCX: 0x8000_0001n },
    after: { RAX: 0x8000_0001n },
    gives: 'S',
  },
  { text: 'XOR EAX, EAX', code: '31c0', flags: 'CS', before: { RAX: ONES }, after: { RAX: 0n }, gives: 'ZP' },
  { text: 'NOT changes no flag', code: '48f7d0', flags: 'CZ', before: { RAX: 0n }, after: { RAX: ONES } },
  { text: 'SHL EAX, 1', code: 'd1e0', before: { RAX: 0xc000_0000n }, after: { RAX: 0x8000_0000n }, gives: 'CSP' },
  { text: 'SHL EAX by 32 is by 0', code: 'c1e020', flags: 'COZ', before: { RAX: 0x1_0000_0005n }, after: { RAX: 5n } },
  { text: 'SHR AL by 4', code: 'c0e804', before: { RAX: 0x98n }, after: { RAX: 0x09n }, gives: 'CP' },
  { text: 'SAR AL by 31 keeps the sign', code: 'c0f81f', before: { RAX: 0x80n }, after: { RAX: 0xffn }, gives: 'CSP' },
  {
    text: 'ROL AL by 8 sets CF from bit 0',
    code: 'c0c008',
    flags: 'Z',
    before: { RAX: 0x81n },
    after: {},
    gives: 'ZC',
  },
  { text: 'ROR AX, 1', code: '66d1c8', before: { RAX: 1n }, after: { RAX: 0x8000n }, gives: 'CO' },
  { text: 'RCL AL by 9 is the identity', code: 'c0d009', flags: 'C', before: { RAX: 0x5an }, after: {}, gives: 'C' },
  { text: 'RCR RAX by 2', code: '48c1d802', flags: 'C', before: { RAX: 2n }, after: { RAX: 1n << 62n }, gives: 'C' },
  {
    text: 'SHLD EAX, ECX, 8',
    code: '0fa4c808',
    before: { RAX: 0x1234_5678n, RCX: 0xabcd_ef01n },
    after: { RAX: 0x3456_78abn },
    gives: '',
  },
  {
    text: 'SHRD RAX, RCX, 4',
    code: '480facc804',
    before: { RAX: 0x18n, RCX: 0xfn },
    after: { RAX: 0xf000_0000_0000_0001n },
    gives: 'CS',
  },
  {
    text: 'BT [0x2000], RCX reaches beyond the operand',
    code: '480fa30c2500200000',
    before: { RCX: 64n },
    memory: { 0x2008: [1n, 1n] },
    gives: 'C',
  },
  {
    text: 'BTS [0x2008], RCX with a negative index',
    code: '480fab0c2508200000',
    before: { RCX: ONES },
    memory: { 0x2000: [0n, 1n << 63n] },
    gives: '',
  },
  {
    text: 'BTR EAX, 33 takes the index modulo 32',
    code: '0fbaf021',
    before: { RAX: 3n },
    after: { RAX: 1n },
    gives: 'C',
  },
  { text: 'BSF of 0 keeps the destination', code: '0fbcc1', before: { RAX: ONES }, gives: 'Z' },
  { text: 'BSR', code: '480fbdc1', before: { RCX: 1n << 40n }, after: { RAX: 40n }, gives: '' },
  { text: 'LZCNT of 0', code: 'f30fbdc1', after: { RAX: 32n }, gives: 'C' },
  { text: 'TZCNT of 1 gives ZF', code: 'f30fbcc1', before: { RAX: 9n, RCX: 1n }, after: { RAX: 0n }, gives: 'Z' },
  { text: 'POPCNT', code: 'f3480fb8c1', flags: 'CO', before: { RCX: ONES }, after: { RAX: 64n }, gives: '' },
  {
    text: 'CRC32 of the byte 31',
    code: 'f20f38f0c1',
    before: { RAX: 0xffff_ffffn, RCX: 0x31n },
    after: { RAX: 0x6f0a_661cn },
  },
  { text: 'BLSR', code: 'c4e2f8f3c9', before: { RCX: 0b1100n }, after: { RAX: 0b1000n }, gives: '' },
  { text: 'BEXTR', code: 'c4e2f0f7c1', before: { RCX: 0x0804n }, after: { RAX: 0x80n }, gives: '' },
  { text: 'PDEP', code: 'c4e2f3f5c2', before: { RCX: 0b101n, RDX: 0b110100n }, after: { RAX: 0b100100n }, gives: '' },
  {
    text: 'MULX with one destination keeps the high half',
    code: 'c4e2fbf6c1',
    before: { RDX: ONES, RCX: 2n },
    after: { RAX: 1n },
  },
]);

cases('data transfer', [
  { text: 'MOVZX EAX, CH', code: '0fb6c5', before: { RAX: ONES, RCX: 0x1234n }, after: { RAX: 0x12n } },
  { text: 'MOVSXD RAX, ECX', code: '4863c1', before: { RCX: 0x8000_0000n }, after: { RAX: 0xffff_ffff_8000_0000n } },
  { text: 'MOV RAX, imm64', code: '48b8efcdab8967452301', after: { RAX: 0x0123_4567_89ab_cdefn } },
  {
    text: 'MOV EAX, [moffs]',
    code: 'a10020000000000000',
    memory: { 0x2000: [0x1_0000_0007n, 0x1_0000_0007n] },
    after: { RAX: 7n },
  },
  {
    text: 'CMOVNZ that does not move zero-extends',
    code: '0f45c1',
    flags: 'Z',
    before: { RAX: ONES, RCX: 1n },
    after: { RAX: 0xffff_ffffn },
  },
  { text: 'LEA with 32-bit addresses', code: '678d440801', before: { RAX: 0xffff_ffffn, RCX: 1n }, after: { RAX: 1n } },
  { text: 'XCHG R8, RAX (REX.B with 90)', code: '4990', before: { RAX: 5n }, after: { RAX: 0n } },
  { text: 'NOP keeps the upper half of RAX', code: '90', before: { RAX: ONES } },
  { text: 'XADD RAX, RAX doubles', code: '480fc1c0', before: { RAX: 3n }, after: { RAX: 6n }, gives: 'P' },
  {
    text: 'CMPXCHG that fails loads EAX',
    code: '0fb10c2500200000',
    before: { RAX: ONES, RCX: 9n },
    memory: { 0x2000: [4n, 4n] },
    after: { RAX: 4n },
    gives: 'S',
  },
  {
    text: 'CMPXCHG that succeeds',
    code: '0fb10c2500200000',
    before: { RAX: 4n, RCX: 9n },
    memory: { 0x2000: [4n, 9n] },
    gives: 'ZP',
  },
  {
    text: 'CMPXCHG8B',
    code: '0fc70c2500200000',
    before: { RAX: 1n, RDX: 2n, RBX: 3n, RCX: 4n },
    memory: { 0x2000: [0x2_0000_0001n, 0x4_0000_0003n] },
    gives: 'Z',
  },
  {
    text: 'CMPXCHG16B',
    code: '480fc70c2500200000',
    before: { RAX: 1n },
    memory: { 0x2000: [7n, 7n], 0x2008: [8n, 8n] },
    after: { RAX: 7n, RDX: 8n },
    gives: '',
  },
  { text: 'CMPXCHG16B off its alignment', code: '480fc70c2508200000', fault: VECTOR.GP },
  { text: 'BSWAP EAX', code: '0fc8', before: { RAX: 0xff_1234_5678n }, after: { RAX: 0x7856_3412n } },
  { text: 'CDQE', code: '4898', before: { RAX: 0x8000_0000n }, after: { RAX: 0xffff_ffff_8000_0000n } },
  { text: 'CDQ', code: '99', before: { RAX: 0x8000_0000n }, after: { RDX: 0xffff_ffffn } },
  {
    text: 'XLAT',
    code: 'd7',
    before: { RBX: 0x2000n, RAX: 2n },
    memory: { 0x2000: [0x55_0000n, 0x55_0000n] },
    after: { RAX: 0x55n },
  },
  {
    text: 'MOVBE',
    code: '0f38f0042500200000',
    memory: { 0x2000: [0x1234_5678n, 0x1234_5678n] },
    after: { RAX: 0x7856_3412n },
  },
  { text: 'RDRAND', code: '480fc7f0', after: { RAX: 0x0123_4567_89ab_cdefn }, gives: 'C' },
]);

cases('stack and control transfer', [
  {
    text: 'PUSH RSP stores the old value',
    code: '54',
    before: { RSP: 0x3000n },
    after: { RSP: 0x2ff8n },
    memory: { 0x2ff8: [0n, 0x3000n] },
  },
  {
    text: 'POP RSP loads from the stack',
    code: '5c',
    before: { RSP: 0x3000n },
    after: { RSP: 0x77n },
    memory: { 0x3000: [0x77n, 0x77n] },
  },
  {
    text: 'POP [RSP] addresses with the new RSP',
    code: '8f0424',
    before: { RSP: 0x3000n },
    after: { RSP: 0x3008n },
    memory: { 0x3000: [5n, 5n], 0x3008: [0n, 5n] },
  },
  {
    text: 'PUSH of a bad stack changes nothing',
    code: '50',
    before: { RSP: 0x8000_0000_0000_0000n },
    fault: VECTOR.SS,
  },
  {
    text: 'LEAVE',
    code: 'c9',
    before: { RBP: 0x3000n, RSP: 0x100n },
    after: { RBP: 9n, RSP: 0x3008n },
    memory: { 0x3000: [9n, 9n] },
  },
  {
    text: 'ENTER 16, 0',
    code: 'c8100000',
    before: { RBP: 7n, RSP: 0x3000n },
    after: { RBP: 0x2ff8n, RSP: 0x2fe8n },
    memory: { 0x2ff8: [0n, 7n] },
  },
  {
    text: 'PUSHA skips no register',
    code: '60',
    mode: 32,
    before: { RSP: 0x3000n, RAX: 1n, RDI: 8n },
    after: { RSP: 0x2fe0n },
    memory: { 0x2fe0: [0n, 8n], 0x2fe8: [0n, 0x3000_0000_0000n] },
  },
  {
    text: 'CALL rel32',
    code: 'e810000000',
    before: { RSP: 0x3000n },
    after: { RSP: 0x2ff8n },
    memory: { 0x2ff8: [0n, 0x1005n] },
    rip: 0x15n,
  },
  {
    text: 'CALL RAX to a non-canonical target pushes nothing',
    code: 'ffd0',
    before: { RAX: 1n << 60n, RSP: 0x3000n },
    memory: { 0x2ff8: [3n, 3n] },
    fault: VECTOR.GP,
  },
  {
    text: 'RET 8',
    code: 'c20800',
    before: { RSP: 0x3000n },
    after: { RSP: 0x3010n },
    memory: { 0x3000: [0x1100n, 0x1100n] },
    rip: 0x100n,
  },
  { text: 'JMP with 16-bit operands cuts the target', code: '66e90080', mode: 32, rip: 0x8004n },
  { text: 'JNZ taken', code: '75f0', rip: -14n },
  { text: 'JNZ not taken', code: '75f0', flags: 'Z' },
  { text: 'JLE by SF and OF', code: '7e10', flags: 'S', rip: 0x12n },
  { text: 'JECXZ looks at ECX', code: '67e310', before: { RCX: 0x1_0000_0000n }, rip: 0x13n },
  { text: 'LOOPE ends on ZF clear', code: 'e110', before: { RCX: 5n }, after: { RCX: 4n } },
  { text: 'LOOP wraps', code: 'e2fe', after: { RCX: ONES }, rip: 0n },
  { text: 'SETB', code: '0f92c0', flags: 'C', before: { RAX: 0x700n }, after: { RAX: 0x701n } },
  { text: 'UD2', code: '0f0b', fault: VECTOR.UD },
]);

cases('strings', [
  {
    text: 'MOVSQ forward',
    code: '48a5',
    before: { RSI: 0x2000n, RDI: 0x3000n },
    after: { RSI: 0x2008n, RDI: 0x3008n },
    memory: { 0x2000: [6n, 6n], 0x3000: [0n, 6n] },
  },
  {
    text: 'STOSW backward',
    code: '66ab',
    flags: 'D',
    before: { RAX: 0x1234n, RDI: 0x3000n },
    after: { RDI: 0x2ffen },
    memory: { 0x3000: [0n, 0x1234n] },
  },
  {
    text: 'REP STOSB does one element and stays',
    code: 'f3aa',
    before: { RCX: 3n, RDI: 0x3000n, RAX: 1n },
    after: { RCX: 2n, RDI: 0x3001n },
    rip: 0n,
  },
  {
    text: 'REP STOSB ends with the last element',
    code: 'f3aa',
    before: { RCX: 1n, RDI: 0x3000n },
    after: { RCX: 0n, RDI: 0x3001n },
  },
  { text: 'REP STOSB of no element', code: 'f3aa', before: { RDI: FAULTING } },
  {
    text: 'REPE CMPSB ends on a difference',
    code: 'f3a6',
    before: { RCX: 9n, RSI: 0x2000n, RDI: 0x3000n },
    after: { RCX: 8n, RSI: 0x2001n, RDI: 0x3001n },
    memory: { 0x2000: [2n, 2n], 0x3000: [1n, 1n] },
    gives: '',
  },
  {
    text: 'REPNE SCASB goes on',
    code: 'f2ae',
    before: { RAX: 1n, RCX: 9n, RDI: 0x3000n },
    after: { RCX: 8n, RDI: 0x3001n },
    gives: '',
    rip: 0n,
  },
  {
    text: 'LODSB with an address-size prefix',
    code: '67ac',
    before: { RSI: 0x1_0000_2000n },
    after: { RSI: 0x2001n, RAX: 5n },
    memory: { 0x2000: [5n, 5n] },
  },
]);

cases('decimal and flags', [
  { text: 'DAA of 79 + 35', code: '27', mode: 32, before: { RAX: 0xaen }, after: { RAX: 0x14n }, gives: 'CAP' },
  {
    text: 'DAS of 35 - 47',
    code: '2f',
    mode: 32,
    flags: 'CA',
    before: { RAX: 0xeen },
    after: { RAX: 0x88n },
    gives: 'CASP',
  },
  { text: 'AAA', code: '37', mode: 32, before: { RAX: 0x0fn }, after: { RAX: 0x105n }, gives: 'CA' },
  { text: 'AAS', code: '3f', mode: 32, before: { RAX: 0x02ffn }, after: { RAX: 0x109n }, gives: 'CA' },
  { text: 'AAM 10', code: 'd40a', mode: 32, before: { RAX: 63n }, after: { RAX: 0x603n }, gives: 'P' },
  { text: 'AAM 0', code: 'd400', mode: 32, fault: VECTOR.DE },
  { text: 'AAD 10', code: 'd50a', mode: 32, before: { RAX: 0x0603n }, after: { RAX: 63n }, gives: 'P' },
  { text: 'SALC', code: 'd6', mode: 32, flags: 'C', after: { RAX: 0xffn } },
  { text: 'LAHF', code: '9f', flags: 'CZ', after: { RAX: 0x4300n } },
  { text: 'SAHF keeps OF', code: '9e', flags: 'O', before: { RAX: 0xd500n }, gives: 'OCPAZS' },
  { text: 'CMC', code: 'f5', flags: 'CZ', gives: 'Z' },
  { text: 'STD', code: 'fd', gives: 'D' },
]);

test('execute raises #NM for MMX forms with CR0.TS and keeps the x87 tags', () => {
  const machine = new OracleMachine({ codeSize: 64, features: FEATURES });
  machine.cpu.setU32(STATE.cr0, CR0.PE | CR0.TS);
  machine.cpu.setU32(STATE.ftw, 0xffff);
  expect(machine.run('0feff8')).toBe(VECTOR.NM); // PXOR MM7, MM0
  expect(machine.cpu.u32(STATE.ftw)).toBe(0xffff);
});

test('execute makes all x87 registers valid for an MMX form', () => {
  const machine = new OracleMachine({ codeSize: 64, features: FEATURES });
  machine.cpu.setU32(STATE.ftw, 0xffff);
  machine.cpu.setU32(STATE.fsw, 3 << 11);
  expect(machine.run('0feff8')).toBeUndefined();
  expect([machine.cpu.u32(STATE.ftw), machine.cpu.u32(STATE.fsw)]).toEqual([0, 0]);
  expect(machine.cpu.u32(STATE.x87 + 7 * 16 + 8)).toBe(0xffff);
});

test('execute names the flags that a shift by more than 1 leaves undefined', () => {
  const machine = new OracleMachine({ codeSize: 64, features: FEATURES });
  machine.set({ RAX: 1n });
  machine.run('c1e002');
  expect(machine.oracle.undefinedFlags).toBe(0x810); // OF AF
  machine.run('c1e001');
  expect(machine.oracle.undefinedFlags).toBe(0x10);
  machine.run('c1e000');
  expect(machine.oracle.undefinedFlags).toBe(0);
});
