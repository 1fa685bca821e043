import { expect, test } from 'vitest';
import { intrinsics } from './table.ts';

/** MXCSR with all exceptions masked, and its rounding modes. */
const MASKED = 0x1f80;
const UPWARD = MASKED | 0x4000;
const DAZ = MASKED | 0x40;

const [IE, DE, PE] = [1, 2, 0x20];

const bits32 = (value: number): bigint => BigInt(new Uint32Array(new Float32Array([value]).buffer)[0]!);
const bits64 = (value: number): bigint => new BigUint64Array(new Float64Array([value]).buffer)[0]!;
const singles = (...values: number[]): bigint => values.reduceRight((v, value) => (v << 32n) | bits32(value), 0n);
const doubles = (...values: number[]): bigint => values.reduceRight((v, value) => (v << 64n) | bits64(value), 0n);
const dwords = (...values: number[]): bigint =>
  values.reduceRight((v, value) => (v << 32n) | BigInt.asUintN(32, BigInt(value)), 0n);

const SNAN = 0x7f80_0001n;
const QNAN = 0x7fc0_0000n;
const DENORMAL = 1n;
const ONES = 0xffff_ffffn;

test.each<[string, bigint[], number, bigint, number]>([
  ['CMPPS', [singles(1, 2, 3, 4), singles(2, 2, 2, 2), 1n], MASKED, dwords(-1, 0, 0, 0), 0],
  ['CMPSS', [QNAN, bits32(1), 0n], MASKED, 0n, 0],
  ['CMPSS', [QNAN, bits32(1), 1n], MASKED, 0n, IE],
  ['CMPSS', [QNAN, bits32(1), 4n], MASKED, ONES, 0],
  ['CMPSS', [SNAN, bits32(1), 3n], MASKED, ONES, IE],
  ['CMPSS', [DENORMAL, 0n, 0n], MASKED, 0n, DE],
  ['CMPSS', [DENORMAL, 0n, 0n], DAZ, ONES, 0],
  ['COMISS', [bits32(1), bits32(2)], MASKED, 0x01n, 0],
  ['COMISS', [bits32(0), bits32(-0)], MASKED, 0x40n, 0],
  ['COMISS', [QNAN, bits32(2)], MASKED, 0x45n, IE],
  ['UCOMISS', [QNAN, bits32(2)], MASKED, 0x45n, 0],
  ['UCOMISD', [bits64(3), bits64(2)], MASKED, 0n, 0],
  ['ADDSUBPS', [singles(1, 1, 1, 1), singles(2, 2, 3, 3)], MASKED, singles(-1, 3, -2, 4), 0],
  ['ROUNDPS', [singles(0.5, 1.5, -0.5, 2.5), 0n], MASKED, singles(0, 2, -0, 2), PE],
  ['ROUNDSD', [bits64(0.25), 4n], UPWARD, bits64(1), PE],
  ['ROUNDSD', [bits64(0.25), 0b1001n], MASKED, 0n, 0],
  ['DPPS', [singles(1, 2, 3, 4), singles(5, 6, 7, 8), 0xf1n], MASKED, singles(70, 0, 0, 0), 0],
  ['DPPS', [singles(1, 2, 3, 4), singles(5, 6, 7, 8), 0x3an], MASKED, singles(0, 17, 0, 17), 0],
  ['DPPD', [doubles(1, 2), doubles(3, 4), 0x33n], MASKED, doubles(11, 11), 0],
  ['CVTPS2PD', [singles(1.5, -2, 9, 9)], MASKED, doubles(1.5, -2), 0],
  ['CVTPD2PS', [doubles(1.5, 0.1)], MASKED, singles(1.5, Math.fround(0.1)), PE],
  ['CVTDQ2PS', [dwords(1, -2, 3, 16777217)], MASKED, singles(1, -2, 3, 16777216), PE],
  ['CVTPI2PS', [dwords(1, -2, 3, 16777217)], MASKED, singles(1, -2), 0],
  ['CVTPS2DQ', [singles(1.5, 2.5, -1.5, 3e9)], MASKED, dwords(2, 2, -2, -0x80000000), IE | PE],
  ['CVTTPD2DQ', [doubles(-1.75, 7)], MASKED, dwords(-1, 7), PE],
  ['CVTSI2SD', [0xffff_ffff_ffff_ffffn], MASKED, bits64(-1), 0],
  ['CVTTSD2SI.64', [bits64(2 ** 62)], MASKED, 1n << 62n, 0],
  ['CVTTSD2SI.32', [bits64(2 ** 31)], MASKED, 1n << 31n, IE],
  ['CVTSS2SI.32', [bits32(-1.5)], UPWARD, 0xffff_ffffn, PE],
])('%s in case %#', (name, args, mxcsr, result, flags) => {
  const intrinsic = intrinsics[name];
  if (intrinsic?.kind !== 'float') throw new Error(`${name} does not obey MXCSR`);
  expect(intrinsic.evaluate(args, mxcsr)).toEqual({ result, flags });
});

test.each([
  ['RCPPS', 0x0000_0001n, 0x7f80_0000n],
  ['RCPPS', 0x8000_0000n, 0xff80_0000n],
  ['RCPPS', 0x7f00_0000n, 0n],
  ['RCPPS', 0x7f80_0001n, 0x7fc0_0001n],
  ['RSQRTPS', 0xbf80_0000n, 0xffc0_0000n],
  ['RSQRTPS', 0x8000_0000n, 0xff80_0000n],
  ['RSQRTPS', 0x7f80_0000n, 0n],
  ['RSQRTPS', 0x4080_0000n, 0x3f00_0000n],
])('%s of the bits %i', (name, argument, result) => {
  const intrinsic = intrinsics[name];
  if (intrinsic?.kind !== 'pure') throw new Error(`${name} obeys MXCSR`);
  expect(BigInt.asUintN(32, intrinsic.evaluate([argument]))).toBe(result);
});
