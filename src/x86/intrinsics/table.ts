import { aesIntrinsics } from './aes.ts';
import { integerIntrinsics } from './integer.ts';
import type { IntrinsicTable } from './intrinsic.ts';
import { pclmulqdqIntrinsics } from './pclmulqdq.ts';
import { pcmpstrIntrinsics } from './pcmpstr.ts';
import { shaIntrinsics } from './sha.ts';
import { simdConversionIntrinsics } from './simd-conversion.ts';
import { simdFloatIntrinsics } from './simd-float.ts';
import { vectorIntrinsics } from './vector.ts';

/** Every intrinsic by the name that descriptions use. */
export const intrinsics: IntrinsicTable = {
  ...integerIntrinsics,
  ...vectorIntrinsics,
  ...simdFloatIntrinsics,
  ...simdConversionIntrinsics,
  ...pcmpstrIntrinsics,
  ...aesIntrinsics,
  ...pclmulqdqIntrinsics,
  ...shaIntrinsics,
};
