import { expect, test } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import { GuestMemory } from '../../memory/guest-memory.ts';
import { createNonePersonality } from '../none/none.ts';
import { createKvmPersonality } from './kvm.ts';

const BOOT_UNIX_NS = 1_700_000_000_123_456_789n;

function setUp() {
  const clock = new ManualClock();
  const memory = new GuestMemory(new ArrayBuffer(0x10000), 0, 0x10000);
  const personality = createKvmPersonality({
    memory,
    nowNs: () => clock.nowNs(),
    bootUnixNs: BOOT_UNIX_NS,
    readTsc: () => BigInt(clock.nowNs()) + 1000n,
  });
  return { clock, memory, personality };
}

test('CPUID names KVM and offers a stable kvmclock', () => {
  const { personality } = setUp();
  const leaf = personality.cpuidLeaf ?? expect.fail();
  const [max, ebx, ecx, edx] = leaf(0x4000_0000);
  const bytes = new Uint8Array(Uint32Array.of(ebx, ecx, edx).buffer);
  expect(String.fromCharCode(...bytes)).toBe('KVMKVMKVM\0\0\0');
  expect(max).toBe(0x4000_0001);
  expect(leaf(0x4000_0001)[0]).toBe(0x0100_000b);
  expect(leaf(0x4000_0002)).toEqual([0, 0, 0, 0]);
});

test.each([0x4b56_4d01, 0x12])('system time MSR %x fills the time info that the guest names', (msr) => {
  const { clock, memory, personality } = setUp();
  clock.advance(5_000_000);
  expect(personality.writeMsr(0, msr, 0x2001n)).toBe(true);
  expect(memory.readU32(0x2000)).toBe(2);
  expect(memory.readU64(0x2008)).toBe(5_001_000n);
  expect(memory.readU64(0x2010)).toBe(5_000_000n);
  // The guest's arithmetic: (((tsc - timestamp) << shift) * mul) >> 32, plus the system time.
  const mul = BigInt(memory.readU32(0x2018));
  const shift = BigInt(memory.readU8(0x201c));
  expect(((1_000_000n << shift) * mul) >> 32n).toBe(1_000_000n);
  expect(memory.readU8(0x201d)).toBe(1);
  expect(personality.readMsr(0, msr)).toBe(0x2001n);
  expect(personality.readMsr(1, msr)).toBe(0n);
});

test('system time MSR without the enable bit writes nothing', () => {
  const { memory, personality } = setUp();
  personality.writeMsr(0, 0x4b56_4d01, 0x2000n);
  expect(memory.readU32(0x2000)).toBe(0);
});

test('refresh moves the time info to now, with an even and larger version', () => {
  const { clock, memory, personality } = setUp();
  personality.writeMsr(0, 0x4b56_4d01, 0x2001n);
  clock.advance(7);
  personality.refresh();
  expect(memory.readU32(0x2000)).toBe(4);
  expect(memory.readU64(0x2010)).toBe(7n);
});

test('wall clock MSR gives the time at which system time was 0', () => {
  const { memory, personality } = setUp();
  personality.writeMsr(0, 0x4b56_4d00, 0x3000n);
  expect([memory.readU32(0x3000), memory.readU32(0x3004), memory.readU32(0x3008)]).toEqual([
    2, 1_700_000_000, 123_456_789,
  ]);
});

test('addresses outside RAM are harmless', () => {
  const { personality } = setUp();
  expect(personality.writeMsr(0, 0x4b56_4d01, 0xffff_ffff_ffff_fff1n)).toBe(true);
  expect(personality.writeMsr(0, 0x4b56_4d00, 0xfff0n + 0xen)).toBe(true);
});

test('hypercalls answer EPERM to user mode and ENOSYS to unknown numbers', () => {
  const { personality } = setUp();
  expect(personality.hypercall(0, 99n, [], 3)).toBe(-1n);
  expect(personality.hypercall(0, 99n, [], 0)).toBe(-1000n);
  expect(personality.hypercall(0, 1n, [], 0)).toBe(0n);
});

test('other MSRs are not the personality’s', () => {
  const { personality } = setUp();
  expect(personality.readMsr(0, 0x4b56_4d04)).toBeUndefined();
  expect(personality.writeMsr(0, 0x4b56_4d04, 1n)).toBeUndefined();
});

test('none has neither leaves, MSRs nor hypercalls', () => {
  const none = createNonePersonality();
  expect(none.cpuidLeaf).toBeUndefined();
  expect(none.writeMsr(0, 0x4b56_4d01, 1n)).toBeUndefined();
  expect(none.hypercall(0, 1n, [], 0)).toBeUndefined();
});
