/** Where the image is loaded: 1 MiB, the least a multiboot loader takes. */
const LOAD_GPA = 0x10_0000;
const HEADER_BYTES = 32;
const MAGIC = 0x1badb002;
/** Bit 16: the header has addresses. Multiboot 0.6.96 §3.1.2. */
const FLAGS = 1 << 16;

/** A multiboot kernel of a few instructions, entered in 32-bit protected mode: a guest for tests that starts at once. */
export function tinyGuest(...parts: readonly (readonly number[])[]): Uint8Array {
  const code = parts.flat();
  const image = new Uint8Array(HEADER_BYTES + code.length);
  const view = new DataView(image.buffer);
  const entryGpa = LOAD_GPA + HEADER_BYTES;
  const endGpa = LOAD_GPA + image.length;
  [MAGIC, FLAGS, -(MAGIC + FLAGS), LOAD_GPA, LOAD_GPA, endGpa, endGpa, entryGpa].forEach((field, index) => {
    view.setUint32(index * 4, field, true);
  });
  image.set(code, HEADER_BYTES);
  return image;
}

const COM1 = 0x3f8;

/** mov dx, port; mov al, value; out dx, al */
export function outb(port: number, value: number): number[] {
  return [0x66, 0xba, port & 0xff, port >> 8, 0xb0, value, 0xee];
}

export function print(text: string): number[] {
  return [...text].flatMap((character) => outb(COM1, character.charCodeAt(0)));
}

/** Ends the machine through isa-debug-exit. */
export function exitWith(value: number): number[] {
  return [...outb(0xf4, value), 0xf4];
}

/** jmp to itself */
export const SPIN = [0xeb, 0xfe];

/** lidt [0x300000], where memory is zero: a table without entries; then int3. */
export const TRIPLE_FAULT = [0x0f, 0x01, 0x1d, 0x00, 0x00, 0x30, 0x00, 0xcc];

/** Raises RTS and sends back what it receives, up to and with a `q`. */
export const ECHO_UNTIL_Q = [
  ...outb(COM1 + 4, 0x03),
  ...[0x66, 0xba, 0xfd, 0x03], // wait: mov dx, LSR
  ...[0xec, 0xa8, 0x01, 0x74, 0xf7], // in al, dx; test al, 1; jz wait
  ...[0x66, 0xba, 0xf8, 0x03, 0xec, 0xee], // mov dx, COM1; in al, dx; out dx, al
  ...[0x3c, 0x71, 0x75, 0xed], // cmp al, 'q'; jne wait
];
