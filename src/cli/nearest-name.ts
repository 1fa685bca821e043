/** The name that a mistyped word most likely meant; null when none is near. */
export function nearestName(word: string, names: readonly string[]): string | null {
  let nearest: string | null = null;
  let leastEdits = Math.min(word.length, Math.max(2, Math.floor(word.length / 3)) + 1);
  for (const name of names) {
    const edits = editDistance(word, name);
    if (edits >= leastEdits) continue;
    leastEdits = edits;
    nearest = name;
  }
  return nearest;
}

/** Levenshtein distance, a row of the matrix at a time. */
export function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const substitution = (previous[column - 1] as number) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] as number) + 1, (current[column - 1] as number) + 1));
    }
    previous = current;
  }
  return previous[to.length] as number;
}
