import { expect, test } from 'vitest';
import { PanicWatch } from './panic-watch.ts';

const PANIC = '[    0.63] Kernel panic - not syncing: Attempted to kill init!\r\n';
const LAST_WORDS = '[    0.64] ---[ end Kernel panic - not syncing: Attempted to kill init! ]---\r\n';
const SECOND_NS = 1e9;

const spinning = (nowNs: number) => ({ nowNs, halted: false, cpl: 0 });

function watch(...lines: string[]) {
  const panic = new PanicWatch();
  for (const line of lines) panic.output(Buffer.from(line));
  return panic;
}

test('PanicWatch keeps what the kernel said', () => {
  expect(watch('Booting\r\n', PANIC).message).toBe('Attempted to kill init!');
  expect(watch('Booting\r\n').message).toBeUndefined();
});

test('PanicWatch reads a message in pieces', () => {
  expect(watch(...PANIC).message).toBe('Attempted to kill init!');
});

test('PanicWatch takes a kernel for dead that spins after its last words', () => {
  const panic = watch(PANIC, LAST_WORDS);
  expect(panic.isArmed).toBe(true);
  expect([0, SECOND_NS, 2 * SECOND_NS].map((nowNs) => panic.isDead(spinning(nowNs)))).toEqual([false, false, true]);
});

test.each([
  ['runs user code', { halted: false, cpl: 3 }],
  ['idles', { halted: true, cpl: 0 }],
])('PanicWatch lets a guest live that %s after printing such words', (_what, sign) => {
  const panic = watch(PANIC, LAST_WORDS);
  panic.isDead({ nowNs: 0, ...sign });
  expect(panic.isDead(spinning(3 * SECOND_NS))).toBe(false);
  expect(panic.isArmed).toBe(false);
});

test('PanicWatch lets a guest live that prints more', () => {
  const panic = watch(PANIC, LAST_WORDS);
  panic.isDead(spinning(0));
  panic.output(Buffer.from('# \r\n'));
  expect(panic.isDead(spinning(3 * SECOND_NS))).toBe(false);
});

test('PanicWatch bounds the line that it holds', () => {
  const panic = watch('x'.repeat(100_000), '\n', PANIC);
  expect(panic.message).toBe('Attempted to kill init!');
});
