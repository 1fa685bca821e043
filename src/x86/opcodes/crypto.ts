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
  200: shaForm(shaSteps.SHA1NEXTE),
  201: shaForm(shaSteps.SHA1MSG1),
  202: shaForm(shaSteps.SHA1MSG2),
  203: shaForm(SHA256RNDS2),
  204: shaForm(shaSteps.SHA256MSG1),
  205: shaForm(shaSteps.SHA256MSG2),
  219: aesForm(AESIMC),
  220: aesForm(aesRounds.AESENC),
  221: aesForm(aesRounds.AESENCLAST),
  222: aesForm(aesRounds.AESDEC),
  223: aesForm(aesRounds.AESDECLAST),
};

export const map0f3a: OpcodeMap = {
  68: byPrefix({ p66: op(PCLMULQDQ, ['Vdq', 'Wdq', 'Ib'], pclmulqdq) }),
  204: byPrefix({ none: op(SHA1RNDS4, ['Vdq', 'Wdq', 'Ib'], sha) }),
  223: byPrefix({ p66: op(AESKEYGENASSIST, ['Vdq', 'Wdq', 'Ib'], aes) }),
};
