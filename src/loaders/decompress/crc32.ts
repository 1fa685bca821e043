/** CRC-32 of IEEE 802.3 (reflected polynomial 0xEDB88320), four bytes a step. */
const TABLES = makeTables(); // i32[4 * 256]: TABLES[k << 8 | b] is byte b followed by k zero bytes

function makeTables(): Int32Array {
  const tables = new Int32Array(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0);
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const previous = tables[i - 256];
    tables[i] = (previous >>> 8) ^ tables[previous & 0xff];
  }
  return tables;
}

export function crc32(bytes: Uint8Array): number {
  let crc = -1;
  let i = 0;
  for (const end = bytes.length - 3; i < end; i += 4) {
    crc ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    crc =
      TABLES[768 | (crc & 0xff)] ^
      TABLES[512 | ((crc >>> 8) & 0xff)] ^
      TABLES[256 | ((crc >>> 16) & 0xff)] ^
      TABLES[crc >>> 24];
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ TABLES[(crc ^ bytes[i]) & 0xff];
  return ~crc >>> 0;
}
