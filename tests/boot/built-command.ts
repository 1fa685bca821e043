import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command as a user has it: compiled from the present sources and run as a process. */
export class BuiltCommand {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async build(): Promise<BuiltCommand> {
    const folder = await mkdtemp(join(tmpdir(), 'paravane-command-'));
    for (const name of ['bin', 'tools']) await cp(join(ROOT, name), join(folder, name), { recursive: true });
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    // As `npm run build`. Type errors are another check's business: the compiler writes its output all the same.
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    spawnSync(process.execPath, [compiler, '-p', join(ROOT, 'tsconfig.json'), '--outDir', join(folder, 'dist')]);
    const { status, stderr } = spawnSync(process.execPath, [join(folder, 'tools/build.mjs')], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`The build has failed: ${stderr}`);
    return new BuiltCommand(folder);
  }

  /** Runs it to its end with all of its input there at the start; `onStart` gets the process. */
  run(args: readonly string[], input = '', onStart: (child: ChildProcess) => void = () => {}): Promise<CommandResult> {
    const child = spawn(process.execPath, [join(this.folder, 'bin/paravane.js'), ...args]);
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text));
    }
    child.stdin.on('error', () => {}).end(input);
    onStart(child);
    return new Promise((resolve, reject) => {
      child.on('error', reject).on('close', (status) => resolve({ status, ...output }));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
