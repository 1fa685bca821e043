/** Instructions that differ in a few parameters: one row each, what they have in common is `make`. */
export function mnemonics<Name extends string, Row, Meaning>(
  rows: Readonly<Record<Name, Row>>,
  make: (name: Name, row: Row) => Meaning,
): Readonly<Record<Name, Meaning>> {
  const names = Object.keys(rows) as Name[];
  return Object.fromEntries(names.map((name) => [name, make(name, rows[name])])) as Record<Name, Meaning>;
}
