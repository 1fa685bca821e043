import type { OutputStream } from '../host/node/process-ports.ts';

/** A line that is drawn over and over, on a terminal only. Size in MB (10^6 bytes), as apt shows it. */
export class ProgressLine {
  readonly #stream: OutputStream;
  readonly #nowMs: () => number;
  #what: string | null = null;
  #startMs = 0;

  constructor(stream: OutputStream, nowMs: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#nowMs = nowMs;
  }

  show(progress: { what: string; doneBytes: number; totalBytes: number | null }): void {
    if (this.#stream.isTTY !== true) return;
    if (progress.what !== this.#what) {
      this.#what = progress.what;
      this.#startMs = this.#nowMs();
    }
    const elapsedS = (this.#nowMs() - this.#startMs) / 1000;
    const rate = elapsedS > 0 && progress.doneBytes > 0 ? `, ${megabytes(progress.doneBytes / elapsedS)} MB/s` : '';
    const total = progress.totalBytes === null ? '' : ` of ${megabytes(progress.totalBytes)}`;
    const text = `Fetching ${progress.what}: ${megabytes(progress.doneBytes)}${total} MB${rate}`;
    // A line that wraps could not be drawn over.
    this.#stream.write(`\r\x1b[K${text.slice(0, Math.max(20, (this.#stream.columns ?? 80) - 1))}`);
  }

  clear(): void {
    if (this.#what !== null) this.#stream.write('\r\x1b[K');
    this.#what = null;
  }
}

function megabytes(sizeBytes: number): string {
  return (sizeBytes / 1e6).toFixed(1);
}
