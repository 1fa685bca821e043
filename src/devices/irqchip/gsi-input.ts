import type { IrqLine } from '../../bus/irq-line.ts';

/** One interrupt line with any number of sources: it is high while one of them is. */
export class GsiInput {
  readonly #set: (level: boolean) => void;
  #raised = 0;

  constructor(set: (level: boolean) => void) {
    this.#set = set;
  }

  source(): IrqLine {
    let level = false;
    const change = (to: boolean) => {
      if (level === to) return;
      level = to;
      this.#raised += to ? 1 : -1;
      if (this.#raised === (to ? 1 : 0)) this.#set(to);
    };
    return { raise: () => change(true), lower: () => change(false) };
  }
}
