import { integerIntrinsics } from './integer.ts';
import type { IntrinsicTable } from './intrinsic.ts';

/** Every intrinsic by the name that descriptions use. */
export const intrinsics: IntrinsicTable = { ...integerIntrinsics };
