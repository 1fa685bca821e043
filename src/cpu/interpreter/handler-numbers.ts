import type { HotForm } from './hot-forms.ts';

/** Handler numbers after the hot forms: the jump that ends a run of records, the end of a single step, run()'s begin, then cold slots. */
export const goOnHandler = (hot: readonly HotForm[]): number => hot.length;
export const stopHandler = (hot: readonly HotForm[]): number => hot.length + 1;
export const enterHandler = (hot: readonly HotForm[]): number => hot.length + 2;
export const firstCold = (hot: readonly HotForm[]): number => hot.length + 3;
