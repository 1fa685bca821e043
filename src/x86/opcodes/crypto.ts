import {
  AESIMC,
  AESKEYGENASSIST,
  aesRounds,
  PCLMULQDQ,
  SHA1RNDS4,
  SHA256RNDS2,
  shaSteps,
} from '../semantics/simd-crypto.ts';
import type { Packed } from '../semantics/simd-integer.ts';
import { byPrefix, type Entry, type OpcodeMap, op, type RowOptions } from './row.ts';

/**
 * AES-NI, PCLMULQDQ and the SHA extensions (SDM Vol. 2D App. A, Tables ).
 * Columns: meaning, operands (letters in row.ts), options.
 */

const aes: RowOptions = { unit: 'sse', feature: 'aes' };
const pclmulqdq: RowOptions = { unit: 'sse', feature: 'pclmulqdq' };
const sha: RowOptions = { unit: 'sse', feature: 'sha' };

const aesForm = (meaning: Packed): Entry => byPrefix({ p66: op(meaning, ['Vdq', 'Wdq'], aes) });
const shaForm = (meaning: Packed): Entry => byPrefix({ none: op(meaning, ['Vdq', 'Wdq'], sha) });

export const map0f38: OpcodeMap = {
  0xc8: shaForm(shaSteps.SHA1NEXTE),
  0xc9: shaForm(shaSteps.SHA1MSG1),
  0xca: shaForm(shaSteps.SHA1MSG2),
  0xcb: shaForm(SHA256RNDS2),
  0xcc: shaForm(shaSteps.SHA256MSG1),
  0xcd: shaForm(shaSteps.SHA256MSG2),
  0xdb: aesForm(AESIMC),
  0xdc: aesForm(aesRounds.AESENC),
  0xdd: aesForm(aesRounds.AESENCLAST),
  0xde: aesForm(aesRounds.AESDEC),
  0xdf: aesForm(aesRounds.AESDECLAST),
};

export const map0f3a: OpcodeMap = {
  0x44: byPrefix({ p66: op(PCLMULQDQ, ['Vdq', 'Wdq', 'Ib'], pclmulqdq) }),
  0xcc: byPrefix({ none: op(SHA1RNDS4, ['Vdq', 'Wdq', 'Ib'], sha) }),
  0xdf: byPrefix({ p66: op(AESKEYGENASSIST, ['Vdq', 'Wdq', 'Ib'], aes) }),
};
