/** Linux kernel/panic.c: the first line of a panic, and the last one, after which the kernel spins for good. */
const PANIC = 'Kernel panic - not syncing: ';
const PANIC_END = '---[ end Kernel panic - not syncing: ';
const LONGEST_LINE = 512;
/** So long after its last words nothing but spinning in the kernel: it is dead, and nobody printed an old log. */
const SILENCE_NS = 2e9;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** What a slice of guest code showed. */
export interface SliceSigns {
  readonly nowNs: number;
  /** The processor idles. */
  readonly halted: boolean;
  readonly cpl: number;
}

/** Reads the console for a Linux kernel that gives up. A guest can print anything, so words alone prove nothing. */
export class PanicWatch {
  /** What the kernel said, if it said that it panics. */
  message: string | undefined;
  #line = '';
  #deadSinceNs: number | undefined;
  #lastWords = false;

  output(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte === NEWLINE) this.#endLine();
      else if (byte !== CARRIAGE_RETURN && this.#line.length < LONGEST_LINE) this.#line += String.fromCharCode(byte);
    }
  }

  /** Whether slices have to be shown to `isDead`. */
  get isArmed(): boolean {
    return this.#lastWords;
  }

  isDead({ nowNs, halted, cpl }: SliceSigns): boolean {
    if (halted || cpl !== 0) this.#lastWords = false;
    if (!this.#lastWords) return false;
    this.#deadSinceNs ??= nowNs;
    return nowNs - this.#deadSinceNs >= SILENCE_NS;
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = '';
    this.#deadSinceNs = undefined;
    this.#lastWords = line.includes(PANIC_END);
    const start = line.indexOf(PANIC);
    if (start >= 0 && !this.#lastWords) this.message = line.slice(start + PANIC.length);
  }
}
