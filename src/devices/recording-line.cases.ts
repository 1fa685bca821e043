import type { IrqLine } from '../bus/irq-line.ts';

/** A wire that remembers: its level, and how often it rose. */
export class RecordingLine implements IrqLine {
  level = false;
  edges = 0;

  raise(): void {
    if (!this.level) this.edges++;
    this.level = true;
  }

  lower(): void {
    this.level = false;
  }
}
