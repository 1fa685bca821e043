import { readFileSync } from 'node:fs';

/**
 * What the files in fixtures/ unpack to. They were packed from it the way Linux packs a kernel (scripts/Makefile.lib):
 *   xz --check=crc32 --x86 --lzma2=dict=1MiB    lzma -9    bzip2 -9    lzop -9    lz4 -l -9    zstd -22 --ultra
 * It has what the formats treat differently: branches to equal targets, near and far repeats, long runs, and noise.
 */
export function sampleBytes(): Uint8Array {
  let seed = 1;
  const random = (limit: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 16) % limit;
  };
  const bytes: number[] = [];
  const words = ['mov', 'call', 'jmp', 'push', 'pop', 'ret', 'kernel', 'panic', 'initramfs'];
  while (bytes.length < 3000) bytes.push(...[...words[random(words.length)]].map((c) => c.charCodeAt(0)), 0x20);
  // CALL and JMP with relative operands, some right behind another, some with a far displacement
  for (let i = 0; i < 600; i++) {
    const relative = 0x2000 + random(8) * 0x100 - bytes.length;
    bytes.push(0xe8 | random(2), relative, relative >> 8, relative >> 16, relative >> 24);
    if (random(4) === 0) bytes.push(0xe8, 0xe9);
    if (random(5) === 0) bytes.push(0x90, 0xff, 0x00, random(256));
  }
  for (let i = 0; i < 600; i++) bytes.push(random(256));
  bytes.push(...new Array<number>(20_000).fill(0));
  bytes.push(...bytes.slice(100, 2000)); // more than 16 KiB back
  for (let i = 0; i < 40; i++) {
    const start = random(bytes.length - 300);
    bytes.push(...bytes.slice(start, start + 3 + random(280)), random(256));
  }
  bytes.push(...bytes.slice(7000, 9000));
  return Uint8Array.from(bytes);
}

export const PACKED_SAMPLES = ['xz', 'lzma', 'bz2', 'lzo', 'lz4', 'zst'] as const;
export type PackedSample = (typeof PACKED_SAMPLES)[number];

export function packedSample(format: PackedSample): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`fixtures/sample.${format}`, import.meta.url)));
}
