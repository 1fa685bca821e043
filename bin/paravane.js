#!/usr/bin/env node
let program;
try {
  program = await import('../dist/bundle/paravane.js');
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  process.stderr.write(`paravane: This checkout is not built (npm ci, or npm run build): ${error.message}\n`);
  process.exit(125);
}
process.exit(await program.main(process.argv.slice(2)));
