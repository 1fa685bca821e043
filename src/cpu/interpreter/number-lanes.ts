import { ARGUMENT_WORDS } from '../../x86/intrinsics/words.ts';
import { isPlain32, isPlain64, lastResult, NUMBER_OPERATIONS, UNKNOWN } from '../../x86/softfloat/numbers.ts';
import type { FloatLanes } from '../exact/float-lanes.ts';

const numbers = new Float64Array(4);
const halves = new Int32Array(numbers.buffer);
const singles = new Float32Array(numbers.buffer);
/** The results until all are known. */
const results = new Float64Array(2);
const resultWords = new Int32Array(results.buffer);
const resultSingles = new Float32Array(results.buffer);

/**
 * SSE arithmetic, rounding to nearest, on JavaScript numbers: a and b lie in the scratch of intrinsics, the result takes a's
 * place. The flags raised; or UNKNOWN, with nothing changed, where floatLanes must decide.
 */
export function numberLanes(words: Int32Array, { op, format, lanes }: FloatLanes): number {
  for (let i = 0; i < 4; i++) {
    resultWords[i] = halves[i] = words[i]!;
    halves[4 + i] = words[ARGUMENT_WORDS + i]!;
  }
  let flags = 0;
  const wide = format === 'f64';
  const isPlain = wide ? isPlain64 : isPlain32;
  const operation = NUMBER_OPERATIONS[format][op];
  for (let lane = 0; lane < lanes; lane++) {
    const a = wide ? numbers[lane]! : singles[lane]!;
    const b = wide ? numbers[lane + 2]! : singles[lane + 4]!;
    // The square root has one operand, b.
    if (!isPlain(b) || !(isPlain(a) || op === 'sqrt')) return UNKNOWN;
    const raised = operation(a, b);
    if (raised === UNKNOWN) return UNKNOWN;
    flags |= raised;
    if (wide) results[lane] = lastResult();
    else resultSingles[lane] = lastResult();
  }
  for (let i = 0; i < 4; i++) words[i] = resultWords[i]!;
  return flags;
}
