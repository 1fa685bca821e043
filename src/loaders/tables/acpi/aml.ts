/**
 * An assembler for the ACPI Machine Language: each function returns the bytes of one construct.
 * ACPI 6.5 §20.2 "AML Grammar Definition"; resources by §6.4 "Resource Data Types for ACPI".
 */
export type Aml = readonly number[];

const OP = {
  zero: 0x00,
  one: 0x01,
  name: 0x08,
  byte: 0x0a,
  word: 0x0b,
  dword: 0x0c,
  string: 0x0d,
  scope: 0x10,
  buffer: 0x11,
  package: 0x12,
  dualName: 0x2e,
  multiName: 0x2f,
  extended: 0x5b,
  rootCharacter: 0x5c,
} as const;
const EXTENDED_DEVICE = 0x82;

export function integer(value: number): Aml {
  if (value === 0) return [OP.zero];
  if (value === 1) return [OP.one];
  if (value <= 0xff) return [OP.byte, value];
  if (value <= 0xffff) return [OP.word, ...littleEndian(value, 2)];
  return [OP.dword, ...littleEndian(value, 4)];
}

export function string(text: string): Aml {
  return [OP.string, ...ascii(text), 0];
}

/** `_HID` values like `PNP0501`: three letters of five bits, four hexadecimal digits, big-endian. ACPI 6.5 §19.3.4. */
export function eisaId(id: string): Aml {
  const letters = [0, 1, 2].map((i) => (id.charCodeAt(i) - 0x40) & 0x1f);
  const packed = (letters[0] << 26) | (letters[1] << 21) | (letters[2] << 16) | Number.parseInt(id.slice(3), 16);
  return [OP.dword, packed >>> 24, (packed >>> 16) & 0xff, (packed >>> 8) & 0xff, packed & 0xff];
}

export function name(path: string, value: Aml): Aml {
  return [OP.name, ...namePath(path), ...value];
}

export function amlPackage(...elements: readonly Aml[]): Aml {
  return [OP.package, ...withLength([elements.length, ...elements.flat()])];
}

export function buffer(bytes: Aml): Aml {
  return [OP.buffer, ...withLength([...integer(bytes.length), ...bytes])];
}

export function scope(path: string, ...terms: readonly Aml[]): Aml {
  return [OP.scope, ...withLength([...namePath(path), ...terms.flat()])];
}

export function device(path: string, ...terms: readonly Aml[]): Aml {
  return [OP.extended, EXTENDED_DEVICE, ...withLength([...namePath(path), ...terms.flat()])];
}

/** The value of a `_CRS`: resource descriptors and the end tag, whose checksum 0 counts as good. */
export function resourceTemplate(...descriptors: readonly Aml[]): Aml {
  return buffer([...descriptors.flat(), 0x79, 0]);
}

/** §6.4.2.5 I/O Port Descriptor: 16-bit decode, fixed place. */
export function ioPorts(port: number, countBytes: number): Aml {
  return [0x47, 1, ...littleEndian(port, 2), ...littleEndian(port, 2), 1, countBytes];
}

/** §6.4.2.1 IRQ Descriptor without flags: edge-triggered, active high, exclusive. */
export function irq(number: number): Aml {
  return [0x22, ...littleEndian(1 << number, 2)];
}

/** §20.2.2 Name Objects Encoding: `\_SB.COM1` and the like; segments are padded with underscores. */
function namePath(path: string): Aml {
  const isRooted = path.startsWith('\\');
  const segments = path
    .replace('\\', '')
    .split('.')
    .map((segment) => ascii(segment.padEnd(4, '_')));
  const prefix = segments.length === 1 ? [] : segments.length === 2 ? [OP.dualName] : [OP.multiName, segments.length];
  return [...(isRooted ? [OP.rootCharacter] : []), ...prefix, ...segments.flat()];
}

/** §20.2.4 Package Length Encoding: the length counts its own bytes. */
function withLength(content: Aml): Aml {
  if (content.length + 1 < 0x40) return [content.length + 1, ...content];
  for (let extraBytes = 1; extraBytes <= 3; extraBytes++) {
    const total = content.length + 1 + extraBytes;
    // [7:6] number of bytes that follow  [3:0] lowest four bits
    if (total < 1 << (4 + 8 * extraBytes)) {
      return [(extraBytes << 6) | (total & 15), ...littleEndian(total >>> 4, extraBytes), ...content];
    }
  }
  throw new RangeError(`An AML package of ${content.length} bytes is too long`);
}

function littleEndian(value: number, countBytes: number): number[] {
  return Array.from({ length: countBytes }, (_, i) => (value >>> (8 * i)) & 0xff);
}

function ascii(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}
