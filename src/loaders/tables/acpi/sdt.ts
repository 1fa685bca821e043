import { ByteWriter } from '../byte-writer.ts';

export const OEM_ID = 'PARAVN';
export const SDT_HEADER_BYTES = 36;
const CHECKSUM_OFFSET = 9;

/** ACPI 6.5 §5.2.6 "System Description Table Header", around a body. */
export function systemDescriptionTable(signature: string, revision: number, body: Uint8Array): Uint8Array {
  const table = new ByteWriter()
    .ascii(signature, 4)
    .u32(SDT_HEADER_BYTES + body.length)
    .u8(revision)
    .u8(0) // checksum
    .ascii(OEM_ID, 6)
    .ascii('PARAVANE', 8)
    .u32(1) // OEM revision
    .ascii('PRVN', 4) // creator
    .u32(1)
    .bytes(body)
    .finish();
  table[CHECKSUM_OFFSET] = checksum(table);
  return table;
}

/** The byte that makes all bytes sum to zero, where it itself is still zero. */
export function checksum(bytes: Uint8Array): number {
  return -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
}
