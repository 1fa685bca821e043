import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { VmmError } from '../../base/errors.ts';
import { errorText } from './files.ts';

export interface ToolOptions {
  readonly cwd?: string;
  readonly environment?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

export interface ToolResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where a program is on PATH; null when it is not there. */
export function findTool(name: string, environment: NodeJS.ProcessEnv = process.env): string | null {
  for (const folder of (environment.PATH ?? '').split(delimiter)) {
    if (folder === '') continue;
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** Runs a program to its end and collects what it says. A status other than 0 is for the caller to judge. */
export async function runTool(
  command: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const { child, exited } = startTool(command, args, options);
  const [stdout, stderr, status] = await Promise.all([readText(child.stdout), readText(child.stderr), exited]);
  options.signal?.throwIfAborted();
  return { status, stdout, stderr };
}

/** Starts a program whose output is read while it runs. `exited` resolves with its status, 128 + n for a signal. */
export function startTool(command: string, args: readonly string[], options: ToolOptions = {}) {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Messages are parsed: they must not depend on the user's language.
    env: { ...(options.environment ?? process.env), LC_ALL: 'C', LANGUAGE: 'C' },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const exited = new Promise<number>((resolve, reject) => {
    child.on('error', (cause) => {
      if (options.signal?.aborted) reject(options.signal.reason);
      else reject(new VmmError('VMM_TOOL', `Cannot run '${command}': ${errorText(cause)}`, { cause }));
    });
    child.on('close', (status) => resolve(status ?? 128));
  });
  return { child, exited };
}

async function readText(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
