import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readRflags, writeRflags } from '../../x86/rflags.ts';
import { RFLAGS, STATUS_FLAGS } from '../../x86/state.ts';
import { FlatMachine } from './flat-machine.cases.ts';

/** Lazy flags and fused branches against the flags' definitions (SDM Vol. 1 §3.4.3.1 and App. B). */

const machine = new FlatMachine(64);
const CODE = 0x1000;
const EDGES = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const value = fc.oneof(fc.constantFrom(...EDGES), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));

type Width = 8 | 32 | 64;
type Operation = 'add' | 'or' | 'adc' | 'sbb' | 'and' | 'sub' | 'xor' | 'cmp' | 'test' | 'inc' | 'dec' | 'neg';
const OPCODES: Readonly<Record<Operation, readonly [number, number?]>> = {
  add: [0x01],
  or: [0x09],
  adc: [0x11],
  sbb: [0x19],
  and: [0x21],
  sub: [0x29],
  xor: [0x31],
  cmp: [0x39],
  test: [0x85],
  inc: [0xff, 0],
  dec: [0xff, 1],
  neg: [0xf7, 3],
};
const OPERATIONS = Object.keys(OPCODES) as Operation[];

/** With RAX (or AL, EAX) and RCX. */
function encode(operation: Operation, width: Width): number[] {
  const [opcode, extension] = OPCODES[operation];
  const rex = width === 64 ? [0x48] : [];
  return [...rex, width === 8 ? opcode - 1 : opcode, extension === undefined ? 0xc8 : 0xc0 | (extension << 3)];
}

interface Case {
  readonly operation: Operation;
  readonly width: Width;
  readonly a: bigint;
  readonly b: bigint;
  readonly before: number;
}

/** CF, PF, ZF, SF, OF and, where it is defined, AF. */
function definition({ operation, width, a, b, before }: Case): number {
  const cut = (n: bigint): bigint => BigInt.asUintN(width, n);
  const signed = (n: bigint): bigint => BigInt.asIntN(width, n);
  const carry = BigInt(before & RFLAGS.CF);
  const [x, y] =
    operation === 'neg' ? [0n, cut(a)] : [cut(a), operation === 'inc' || operation === 'dec' ? 1n : cut(b)];
  const logic = { and: x & y, test: x & y, or: x | y, xor: x ^ y }[operation as 'and'];
  const sums = { add: 0n, inc: 0n, adc: carry }[operation as 'add'];
  const sign = sums === undefined ? -1n : 1n;
  const extra = sums ?? (operation === 'sbb' ? carry : 0n);
  const exact = logic ?? x + sign * (y + extra);
  const result = cut(exact);
  let flags = result === 0n ? RFLAGS.ZF : 0;
  if (signed(result) < 0n) flags |= RFLAGS.SF;
  if ((result & 0xffn).toString(2).replaceAll('0', '').length % 2 === 0) flags |= RFLAGS.PF;
  if (logic !== undefined) return flags;
  const keeps = operation === 'inc' || operation === 'dec';
  if (keeps ? carry === 1n : exact < 0n || exact >> BigInt(width) !== 0n) flags |= RFLAGS.CF;
  const nibble = (x & 15n) + sign * ((y & 15n) + extra);
  if (nibble < 0n || nibble > 15n) flags |= RFLAGS.AF;
  const wide = signed(x) + sign * (signed(y) + extra);
  if (wide !== signed(wide)) flags |= RFLAGS.OF;
  return flags;
}

function holds(condition: number, flags: number): boolean {
  const is = (flag: number): boolean => (flags & flag) !== 0;
  const less = is(RFLAGS.SF) !== is(RFLAGS.OF);
  const positive = [
    is(RFLAGS.OF),
    is(RFLAGS.CF),
    is(RFLAGS.ZF),
    is(RFLAGS.CF) || is(RFLAGS.ZF),
    is(RFLAGS.SF),
    is(RFLAGS.PF),
    less,
    less || is(RFLAGS.ZF),
  ][condition >> 1] as boolean;
  return positive !== ((condition & 1) === 1);
}

const cases: fc.Arbitrary<Case> = fc.record({
  operation: fc.constantFrom(...OPERATIONS),
  width: fc.constantFrom<Width>(8, 32, 64),
  a: value,
  b: value,
  before: fc.nat(STATUS_FLAGS).map((flags) => flags & STATUS_FLAGS),
});

function prepare({ a, b, before }: Case): void {
  machine.setGpr(0, a);
  machine.setGpr(1, b);
  writeRflags(machine.interpreter.words, before | RFLAGS.FIXED);
  machine.rip = CODE;
}

/** The branch's target is 0x40 bytes on, in the same page. */
const branch = (condition: number): number[] => [0x0f, 0x80 | condition, 0x40, 0, 0, 0];

describe('Flags', () => {
  const undefinedAfter = (operation: Operation): number =>
    ['and', 'or', 'xor', 'test'].includes(operation) ? RFLAGS.AF : 0;

  test('of an operation are as defined', () => {
    fc.assert(
      fc.property(cases, (each) => {
        machine.load(CODE, encode(each.operation, each.width));
        prepare(each);
        machine.run(1);
        const mask = STATUS_FLAGS & ~undefinedAfter(each.operation);
        expect(readRflags(machine.interpreter.words) & mask).toBe(definition(each) & mask);
      }),
      { numRuns: 600 },
    );
  });

  test.each([
    ['right after', []],
    ['after a move in between', [0x48, 0x89, 0xd3]],
  ])('decide every branch %s the operation', (_, between) => {
    fc.assert(
      fc.property(cases, fc.nat(15), (each, condition) => {
        // Each way ends in a jump to itself: with budget to spare, so that records run as a whole.
        const code = [...encode(each.operation, each.width), ...between, ...branch(condition)];
        machine.load(CODE, [...code, 0xeb, 0xfe, ...new Array<number>(0x3e).fill(0x90), 0xeb, 0xfe]);
        prepare(each);
        machine.run(200);
        const taken = holds(condition, definition(each));
        expect(machine.rip).toBe(CODE + code.length + (taken ? 0x40 : 0));
      }),
      { numRuns: 600 },
    );
  });

  test('of any value come back from the lazy form', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), (bits) => {
        const flags = bits & STATUS_FLAGS;
        writeRflags(machine.interpreter.words, flags | RFLAGS.FIXED);
        expect(readRflags(machine.interpreter.words) & STATUS_FLAGS).toBe(flags);
      }),
    );
  });
});
