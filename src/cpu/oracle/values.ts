import type { Address, Bool, Int, Vec, Width } from '../../x86/emitter.ts';

/** The emitter's opaque values as the oracle has them. Integers and vectors are unsigned. */

interface OracleInt extends Int {
  readonly value: bigint;
}
interface OracleBool extends Bool {
  readonly value: boolean;
}
interface OracleVec extends Vec {
  readonly value: bigint;
}
interface OracleAddress extends Address {
  readonly segment: number;
  readonly offset: bigint;
}

// The emitter's values are always these; this is the one place that says so.
export const unsignedOf = (a: Int): bigint => (a as OracleInt).value;
export const signedOf = (a: Int): bigint => BigInt.asIntN(a.width, (a as OracleInt).value);
export const truthOf = (a: Bool): boolean => (a as OracleBool).value;
export const bitsOf = (a: Vec): bigint => (a as OracleVec).value;
export const placeOf = (a: Address): { segment: number; offset: bigint } => a as OracleAddress;

export function toInt(width: Width, value: bigint): Int {
  const result: OracleInt = { kind: 'int', width, value: BigInt.asUintN(width, value) };
  return result;
}

export function toBool(value: boolean): Bool {
  const result: OracleBool = { kind: 'bool', value };
  return result;
}

export function toVec(value: bigint): Vec {
  const result: OracleVec = { kind: 'vec', value: BigInt.asUintN(128, value) };
  return result;
}

export function toAddress(segment: number, offset: bigint): Address {
  const result: OracleAddress = { kind: 'address', segment, offset };
  return result;
}
