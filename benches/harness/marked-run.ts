import { spawn } from 'node:child_process';
import { cpuTimeNs, peakRssBytes } from './measure.ts';

/** What a program between its markers cost. */
export interface Segment {
  readonly name: string;
  readonly cpuNs: number;
  readonly wallNs: number;
  /** What the guest printed at the end: proof that two monitors did the same. */
  readonly result: string;
  /** Guest instructions, where the monitor counts them. */
  readonly instructions: number | undefined;
}

export interface MarkedRun {
  readonly segments: readonly Segment[];
  /** From the start of the process to the line that ended the run. */
  readonly total: Moment;
  readonly peakRssBytes: number;
}

interface Options {
  readonly command: readonly string[];
  /** The run is over when a line begins with it; then the monitor is ended. */
  readonly stopAt: string;
  readonly timeoutMs: number;
}

export interface Moment {
  readonly cpuNs: number;
  readonly wallNs: number;
}

/**
 * Runs a monitor whose guest prints `@name` before and `.result` after what is to be measured. A line of digits
 * after `#` is the monitor's count of instructions so far, and belongs to the marker before it.
 */
export function runMarked({ command, stopAt, timeoutMs }: Options): Promise<MarkedRun> {
  const [program = '', ...args] = command;
  const startNs = Number(process.hrtime.bigint());
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const pid = child.pid ?? 0;
  const now = (): Moment => ({
    cpuNs: cpuTimeNs(pid) ?? Number.NaN,
    wallNs: Number(process.hrtime.bigint()) - startNs,
  });
  const markers: { text: string; at: Moment; instructions?: number }[] = [];
  let untilMarker: Moment | undefined;
  let peakBytes = 0;
  let pending = '';
  let errors = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    const at = now();
    peakBytes = Math.max(peakBytes, peakRssBytes(pid) ?? 0);
    const lines = (pending + text).split(/\r?\n/);
    pending = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('@') || line.startsWith('.')) markers.push({ text: line, at });
      const marker = markers.at(-1);
      if (line.startsWith('#') && marker !== undefined) marker.instructions = Number(line.slice(1));
      if (line.startsWith('!')) errors += `${line}\n`;
      if (untilMarker !== undefined || !line.startsWith(stopAt)) continue;
      untilMarker = at;
      child.kill('SIGKILL');
    }
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      if (untilMarker === undefined || errors.includes('!')) {
        reject(new Error(`${command.join(' ')} ended with ${status} before its time: ${errors}`));
      } else resolve({ segments: segmentsOf(markers), total: untilMarker, peakRssBytes: peakBytes });
    });
  });
}

function segmentsOf(markers: readonly { text: string; at: Moment; instructions?: number }[]): Segment[] {
  const segments: Segment[] = [];
  for (let i = 0; i + 1 < markers.length; i += 2) {
    const [begin, end] = markers.slice(i, i + 2) as [(typeof markers)[0], (typeof markers)[0]];
    segments.push({
      name: begin.text.slice(1),
      cpuNs: end.at.cpuNs - begin.at.cpuNs,
      wallNs: end.at.wallNs - begin.at.wallNs,
      result: end.text.slice(1),
      instructions:
        begin.instructions === undefined || end.instructions === undefined
          ? undefined
          : end.instructions - begin.instructions,
    });
  }
  return segments;
}
