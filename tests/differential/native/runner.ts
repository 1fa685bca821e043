import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaseBatch } from './case.ts';
import { hostFlags } from './host-flags.ts';
import { RECORD_BYTES } from './layout.ts';
import { BATCH_MAX_BYTES, HEADER_BYTES, HEADER_FSGSBASE, nativeRunnerElf, SIGALRM } from './runner-program.ts';

/** The most cases that one run of the runner takes. */
export const BATCH_MAX_CASES = Math.floor((BATCH_MAX_BYTES - HEADER_BYTES) / RECORD_BYTES) - 1;

/** Ended by a signal that no case should cause: the batch as a whole has no results. */
export class RunnerCrash extends Error {
  readonly signal: NodeJS.Signals | null;

  constructor(status: number | null, signal: NodeJS.Signals | null) {
    super(`The native runner ended with ${signal ?? `status ${status}`}`);
    this.signal = signal;
  }
}

export type NativeHost =
  | { readonly kind: 'available'; readonly runner: NativeRunner; readonly compat: boolean }
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Runs batches of cases on the host CPU, each batch in a fresh process. */
export class NativeRunner {
  readonly #directory: string;
  readonly #path: string;

  constructor() {
    this.#directory = mkdtempSync(join(tmpdir(), 'native-runner-'));
    this.#path = join(this.#directory, 'runner');
    writeFileSync(this.#path, nativeRunnerElf(), { mode: 0o700 });
  }

  dispose(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /**
   * The results, in the order of the cases. The runner's timer ends a case now and then that did nothing wrong; these
   * are run again. A case that hangs has SIGALRM in the end too.
   */
  async run(batch: CaseBatch): Promise<CaseBatch> {
    const results = await this.#runOnce(batch);
    const timedOut = [...results.records.keys()].filter((i) => results.records[i]!.signal === SIGALRM);
    if (timedOut.length === 0) return results;
    const again = CaseBatch.allocate(timedOut.length);
    for (const [i, index] of timedOut.entries()) again.records[i]!.bytes.set(batch.records[index]!.bytes);
    const retried = await this.#runOnce(again);
    for (const [i, index] of timedOut.entries()) results.records[index]!.bytes.set(retried.records[i]!.bytes);
    return results;
  }

  async #runOnce(batch: CaseBatch): Promise<CaseBatch> {
    if (batch.records.length > BATCH_MAX_CASES) throw new RangeError(`A batch is at most ${BATCH_MAX_CASES} cases`);
    const results = new Uint8Array(batch.bytes.length);
    const child = spawn(this.#path, [], { stdio: ['pipe', 'pipe', 'inherit'], env: {} });
    let filled = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      results.set(chunk, filled);
      filled += chunk.length;
    });
    child.stdin.on('error', () => {}); // the exit status says it better than EPIPE
    const header = new Uint8Array(HEADER_BYTES);
    header[0] = hostFlags().has('fsgsbase') ? HEADER_FSGSBASE : 0;
    child.stdin.write(header);
    child.stdin.end(batch.bytes);
    const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (...exit) => resolve(exit));
    });
    if (status !== 0 || filled !== results.length) throw new RunnerCrash(status, signal);
    return new CaseBatch(results);
  }
}

/** A runner for this host, proved with one case, or why there is none. */
export async function openNativeHost(): Promise<NativeHost> {
  if (process.env.DIFFERENTIAL_HOST === 'none') return { kind: 'unavailable', reason: 'DIFFERENTIAL_HOST=none' };
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { kind: 'unavailable', reason: `the host is ${process.platform} on ${process.arch}, not linux on x64` };
  }
  const runner = new NativeRunner();
  try {
    const batch = CaseBatch.allocate(1);
    batch.records[0]!.code = [0x48, 0xff, 0xc0]; // inc rax
    const result = (await runner.run(batch)).records[0]!;
    if (result.vector !== 3 || result.gpr[0] !== 1n) throw new Error('INC RAX gave a wrong result');
    return { kind: 'available', runner, compat: await runsCompatibilityMode(runner) };
  } catch (cause) {
    runner.dispose();
    return { kind: 'unavailable', reason: `the native runner does not work here: ${String(cause)}` };
  }
}

async function runsCompatibilityMode(runner: NativeRunner): Promise<boolean> {
  const batch = CaseBatch.allocate(1);
  const record = batch.records[0]!;
  record.cs = 0x23;
  record.code = [0x40]; // inc eax; in 64-bit mode a REX prefix of INT3
  try {
    return (await runner.run(batch)).records[0]!.gpr[0] === 1n;
  } catch {
    return false;
  }
}
