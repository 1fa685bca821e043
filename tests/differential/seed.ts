/** Seed of all random cases: the same on every run, unless DIFFERENTIAL_SEED says otherwise. */
export const seed = Number(process.env.DIFFERENTIAL_SEED ?? 1) >>> 0;

/** DIFFERENTIAL_FACTOR multiplies the number of cases. */
export const factor = Number(process.env.DIFFERENTIAL_FACTOR ?? 1);
