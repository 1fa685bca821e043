// What the compiler leaves to do (npm run build): the software CPU's main module, generated ahead, and the program in
// few files, since loading hundreds costs a start a quarter of a second.
import { rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { generateRun } from '../dist/cpu/interpreter/run-module.js';

const dist = (path) => fileURLToPath(new URL(`../dist/${path}`, import.meta.url));
const base64 = (codeSize) => Buffer.from(generateRun(codeSize)).toString('base64');

await writeFile(
  dist('cpu/interpreter/prebuilt-run.js'),
  `export const PREBUILT_RUN = { 32: '${base64(32)}', 64: '${base64(64)}' };\n`,
);

// Files are named after their contents: old ones would stay.
await rm(dist('bundle'), { recursive: true, force: true });
await build({
  entryPoints: { paravane: dist('cli/main.js') },
  outdir: dist('bundle'),
  bundle: true,
  // What a command does not need is in files that it does not load.
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
});
