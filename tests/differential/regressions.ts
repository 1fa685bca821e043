import type { CaseRow } from './case-row.ts';

/** Cases that a party once got wrong, as a mismatch prints them. */
export const REGRESSIONS: readonly (CaseRow & { readonly name: string })[] = [
  {
    name: 'LEA leaves the base of GS out',
    code: '65418d990e11eb3a',
    state: { 'GS.base': '3b05700b' },
  },
  {
    name: 'an address by RSP that is not canonical raises #SS',
    code: '485b',
    state: { RSP: '800000000000' },
  },
  {
    name: 'an access that ends beyond the canonical addresses raises #SS, not #PF',
    code: '675c',
    state: { RSP: '7ffffffffffc' },
  },
  {
    name: 'an access that ends beyond the canonical addresses raises #GP, not #PF',
    code: '4c693699ffffff',
    state: { RSI: '7ffffffffffc' },
  },
  { name: 'a store through CS raises #GP', code: '2e82ab92089b08ff', mode: 32, state: {} },
  { name: 'MOVS from a null FS raises #GP', code: '64a5', mode: 32, state: {} },
  {
    name: 'CMPS across 4 GiB raises #GP',
    code: 'f2a7',
    mode: 32,
    state: { RCX: '2', RSI: 'ffffffff', RDI: '10001118' },
  },
  {
    name: 'CMPXCHG16B checks for writing even if it does not exchange',
    code: 'f0480fc78b4be32503',
    state: { RDX: 'fdfdfdfdfdfdfdfd', RBX: '10da1cf5' },
  },
  { name: 'EMMS sets TOP to 0 and all tags to empty', code: '0f77', state: { FSW: '3300', FTW: 'ff' } },
  {
    name: 'PCMPESTRM without REX.W takes lengths from EAX and EDX',
    code: '66450f3a60dbff',
    state: { RDX: '8000000000000000' },
  },
  {
    name: 'FST to a bad address faults before an empty register is reported',
    code: 'd99464805dcf11',
    mode: 32,
    state: { FCW: '760' },
  },
  {
    name: 'FXRSTOR is aligned by its linear address',
    code: '64400fae0a',
    state: { 'FS.base': 'a4475ad' },
  },
  {
    name: 'SSE operands are checked for alignment before canonical form',
    code: 'f2440f7c24a4',
    state: { RSP: '7ffffffffffc' },
  },
  { name: 'ENTER copies frames that overlap', code: 'c83e0083', mode: 32, state: { RBP: '18000800' } },
  { name: 'XSETBV with 66 is #UD', code: '660f01d1', state: {} },
];
