/** Modules with run() in base64, by code size. */
export type PrebuiltRun = Readonly<Record<32 | 64, string>>;

/**
 * What `runModule` would generate for the first processor and the usual hot forms, which takes a tenth of a second.
 * Sources have none; the build (tools/build.mjs) generates it with the code it has just compiled, and writes it over
 * this file's output.
 */
export const PREBUILT_RUN: PrebuiltRun | undefined = undefined;
