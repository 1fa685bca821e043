const EHDR_BYTES = 64;
const PHDR_BYTES = 56;

const PT_LOAD = 1;
const PT_GNU_STACK = 0x6474e551;
const PF_X = 1;
const PF_W = 2;
const PF_R = 4;

/**
 * A static ELF64 executable of one read-and-execute segment: ELF header, two program headers, the program.
 * Layouts: System V gABI 4.1, "ELF Header" and "Program Header"; e_machine 62 is EM_X86_64.
 */
export function writeElf(program: Uint8Array, options: { base: bigint; entry: number }): Uint8Array {
  const headerBytes = programOffset();
  const file = new Uint8Array(headerBytes + program.length);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // magic, ELFCLASS64, little endian, version 1
  view.setUint16(16, 2, true); // e_type: ET_EXEC
  view.setUint16(18, 62, true); // e_machine
  view.setUint32(20, 1, true); // e_version
  view.setBigUint64(24, options.base + BigInt(headerBytes + options.entry), true); // e_entry
  view.setBigUint64(32, BigInt(EHDR_BYTES), true); // e_phoff
  view.setUint16(52, EHDR_BYTES, true); // e_ehsize
  view.setUint16(54, PHDR_BYTES, true); // e_phentsize
  view.setUint16(56, 2, true); // e_phnum
  const segments = [
    { type: PT_LOAD, flags: PF_R | PF_X, linear: options.base, sizeBytes: file.length },
    { type: PT_GNU_STACK, flags: PF_R | PF_W, linear: 0n, sizeBytes: 0 }, // no executable stack
  ];
  for (const [index, segment] of segments.entries()) {
    const at = EHDR_BYTES + index * PHDR_BYTES;
    view.setUint32(at, segment.type, true);
    view.setUint32(at + 4, segment.flags, true);
    view.setBigUint64(at + 16, segment.linear, true); // p_vaddr
    view.setBigUint64(at + 24, segment.linear, true); // p_paddr
    view.setBigUint64(at + 32, BigInt(segment.sizeBytes), true); // p_filesz
    view.setBigUint64(at + 40, BigInt(segment.sizeBytes), true); // p_memsz
    view.setBigUint64(at + 48, 4096n, true); // p_align
  }
  file.set(program, headerBytes);
  return file;
}

/** Where the program starts in the file, and so from `base` in memory. */
export function programOffset(): number {
  return EHDR_BYTES + 2 * PHDR_BYTES;
}
