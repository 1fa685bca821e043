/** Prints rows under their headings, numbers to the right. */
export function printTable(title: string, headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  const lines = ['', title, line(headings), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
  process.stdout.write(`${lines.join('\n')}\n`);
}

export const fixed = (value: number | undefined, digits = 2): string =>
  value === undefined || Number.isNaN(value) ? '-' : value.toFixed(digits);

/** Host CPU time, ours to the peer's. Nothing where the peer was too fast to be seen at work. */
export const ratio = (ours: number, peer: number | undefined): string =>
  peer === undefined || peer === 0 ? '-' : `${(ours / peer).toFixed(2)}x`;
