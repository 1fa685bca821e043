import { beforeEach, describe, expect, test } from 'vitest';
import { RFLAGS, STATE } from '../../src/x86/state.ts';
import { ENVIRONMENTS, finishEnvironment } from './environments.cases.ts';
import { RAM_BYTES } from './row-cases.cases.ts';
import { InterpreterTestCpu, PAGE } from './test-cpu.cases.ts';
import { RIGHTS, TestImage } from './test-image.cases.ts';

/** INVLPG and CR3 loads against what is cached of code: translations, jumps, decoded records. */

const CODE = 0x2000_0000;
const cpu = new InterpreterTestCpu(RAM_BYTES, { cold: false });
const image = new TestImage(RAM_BYTES);
const rights = RIGHTS.PRESENT | RIGHTS.WRITABLE | RIGHTS.ACCESSED_DIRTY;
const GLOBAL = 0x100;

/** MOV EAX, imm32; RET. */
const routine = (value: number): number[] => [0xb8, value, 0, 0, 0, 0xc3];

beforeEach(() => {
  image.words.fill(0);
  image.begin('long');
  image.view.setUint32(STATE.rflagsSystem, RFLAGS.FIXED, true);
  image.view.setBigUint64(STATE.gpr + 32, BigInt(CODE + PAGE - 64), true);
  ENVIRONMENTS.find(({ name }) => name === '64-bit supervisor')?.setUp(image, undefined as never);
  finishEnvironment(image);
  const gpa = image.map(BigInt(CODE / PAGE), rights);
  // MOV EAX, EDI; CALL RAX; HLT, at 0. INVLPG [RSI] at 16. MOV RAX, CR3; MOV CR3, RAX at 32.
  image.memory.bytes.set([0x89, 0xf8, 0xff, 0xd0, 0x90, 0x90], gpa);
  image.memory.bytes.set([0x0f, 0x01, 0x3e], gpa + 16);
  image.memory.bytes.set([0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8], gpa + 32);
});

function run(offset: number, instructions: number, registers: { rdi?: number; rsi?: number } = {}): bigint {
  const { processor, interpreter } = cpu;
  processor.setU64(STATE.rip, BigInt(CODE + offset));
  if (registers.rdi !== undefined) processor.setU64(STATE.gpr + 56, BigInt(registers.rdi));
  if (registers.rsi !== undefined) processor.setU64(STATE.gpr + 48, BigInt(registers.rsi));
  for (let left = instructions; left > 0; ) {
    processor.setU32(STATE.budget, left);
    interpreter.run(left);
    const rest = processor.u32(STATE.budget);
    if (rest === left) {
      interpreter.step();
      left--;
    } else left = rest;
  }
  return processor.u64(STATE.gpr);
}

const call = (linear: number): bigint => run(0, 5, { rdi: linear });
const invlpg = (linear: number): bigint => run(16, 1, { rsi: linear });
const loadCr3 = (): bigint => run(32, 2);

/** Points a page elsewhere, behind the CPU's back. */
function remap(page: bigint, gpa: number, bits = rights): void {
  cpu.memory.writeU32(image.leafOf(page), gpa | bits);
}

describe('Code in a page that INVLPG names', () => {
  test('is that of the new page', () => {
    const target = 0x4000_0000;
    const page = BigInt(target / PAGE);
    const first = image.map(page, rights);
    const second = image.allocate();
    image.memory.bytes.set(routine(1), first);
    image.memory.bytes.set(routine(2), second);
    image.load(cpu);
    expect(call(target)).toBe(1n);
    remap(page, second);
    invlpg(target + 5);
    expect(call(target)).toBe(2n);
  });

  // The three share no place in the jump cache, but the two targets do among the translations.
  test.each([0, GLOBAL])('though another page has taken its place in the cache (global %d)', (global) => {
    const target = 0x4000_1040;
    const other = 0x4040_1060;
    const page = BigInt(target >>> 12);
    const first = image.map(page, rights | global);
    const second = image.allocate();
    image.memory.bytes.set(routine(1), first + 0x40);
    image.memory.bytes.set(routine(2), second + 0x40);
    image.memory.bytes.set(routine(3), image.map(BigInt(other >>> 12), rights) + 0x60);
    image.load(cpu);
    expect([call(target), call(other)]).toEqual([1n, 3n]);
    if (global !== 0) loadCr3();
    remap(page, second, rights | global);
    invlpg(target);
    expect(call(target)).toBe(2n);
  });

  test('which is part of a large one, wherever in it', () => {
    const target = 0x4000_0000;
    const page = BigInt(target / PAGE);
    // Both regions of 2 MiB need a table; then the directory maps the first whole: gpa 0 is all of RAM.
    const second = image.map(page, rights);
    const table = image.leafOf(page) & ~(PAGE - 1);
    const directory = [...image.pages].find((gpa) => (image.memory.readU32(gpa) & ~(PAGE - 1)) === table) as number;
    const first = image.allocate();
    image.memory.bytes.set(routine(1), first);
    image.memory.bytes.set(routine(2), second);
    image.load(cpu);
    const small = cpu.memory.readU32(directory);
    cpu.memory.writeU32(directory, 0x80 | rights);
    // The same offset in the region: where the small mapping has its page.
    expect(call(target + first)).toBe(1n);
    cpu.memory.writeU32(directory, small);
    cpu.memory.writeU32(table + 8 * (first / PAGE), second | rights);
    invlpg(target + 0x10_0000);
    expect(call(target + first)).toBe(2n);
  });
});

test('a CR3 load drops code of pages that are not global', () => {
  const target = 0x4000_0000;
  const page = BigInt(target / PAGE);
  const first = image.map(page, rights);
  const second = image.allocate();
  image.memory.bytes.set(routine(1), first);
  image.memory.bytes.set(routine(2), second);
  image.load(cpu);
  expect(call(target)).toBe(1n);
  remap(page, second);
  loadCr3();
  expect(call(target)).toBe(2n);
});
