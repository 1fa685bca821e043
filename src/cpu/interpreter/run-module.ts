import { fromBase64 } from '../../base/base64.ts';
import { type HotForm, type HotForms, hotForms } from './hot-forms.ts';
import { enterRecord } from './layout.ts';
import { PREBUILT_RUN, type PrebuiltRun } from './prebuilt-run.ts';
import { buildRunModule } from './run-function.ts';

interface RunModuleOptions {
  /** Linear-memory address of the vCPU's tables. */
  readonly base: number;
  readonly codeSize: 32 | 64;
}

/** Slots of the table of cold handlers. */
export const COLD_SLOTS = 8192;

/** The module with run(): as the build left it, or generated now. */
export function runModule(
  hot: readonly HotForm[],
  { base, codeSize }: RunModuleOptions,
  prebuilt: PrebuiltRun | undefined,
): Uint8Array<ArrayBuffer> {
  if (prebuilt !== undefined && base === 0) return fromBase64(prebuilt[codeSize]);
  return buildRunModule(hot, {
    enterRecord: enterRecord(base, codeSize),
    base,
    codeSize,
    coldSlots: COLD_SLOTS,
  }).bytes;
}

/** The build's modules serve interpreters with the usual hot forms. */
export const prebuiltFor = (forms: HotForms | undefined): PrebuiltRun | undefined =>
  forms === undefined ? PREBUILT_RUN : undefined;

/** For the build: what `runModule` gives for the first processor. */
export const generateRun = (codeSize: 32 | 64): Uint8Array<ArrayBuffer> =>
  runModule(hotForms(codeSize), { base: 0, codeSize }, undefined);
