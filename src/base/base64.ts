const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Bytes of a base64 text, RFC 4648 §4. The core has no `atob`. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const values = new Uint8Array(128);
  for (let i = 0; i < ALPHABET.length; i++) values[ALPHABET.charCodeAt(i)] = i;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let bits = 0;
  for (let i = 0, to = 0; to < bytes.length; i++) {
    bits = (bits << 6) | (values[text.charCodeAt(i)] as number);
    // Every four characters give bytes after the second, third and fourth.
    if ((i & 3) !== 0) bytes[to++] = bits >> (6 - 2 * (i & 3));
  }
  return bytes;
}
