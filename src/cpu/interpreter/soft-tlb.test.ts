import { expect, test } from 'vitest';
import { TLB } from './layout.ts';
import { SoftTlb } from './soft-tlb.ts';

const LARGE = 0x20_0000;
const HUGE = 0x4000_0000;

function createTlb(): SoftTlb {
  return new SoftTlb(new ArrayBuffer(TLB.OFFSET + TLB.CONTEXTS * TLB.CONTEXT_BYTES), 0);
}

const PAGE_4K = { context: 0, write: false, host: 0x1000, global: false, pageBytes: 4096 };

test.each([
  { name: 'a page drops itself alone', pageBytes: 4096, flushed: 0x4020_1000, kept: [0x4020_0000, 0x4020_2000] },
  { name: 'a page of 2 MiB drops all its parts', pageBytes: LARGE, flushed: 0x4020_5000, kept: [0x4040_0000] },
  { name: 'a page of 1 GiB drops all its parts', pageBytes: HUGE, flushed: 0x7fff_f000, kept: [0x0020_1000] },
])('flushPage of $name', ({ pageBytes, flushed, kept }) => {
  const tlb = createTlb();
  tlb.fill(0x4020_1000, 5, { ...PAGE_4K, context: 2, write: true, pageBytes });
  for (const low of kept) tlb.fill(low, 5, { ...PAGE_4K, pageBytes: pageBytes === HUGE ? LARGE : pageBytes });
  tlb.fill(0x4021_3000, 6, { ...PAGE_4K, pageBytes });
  tlb.flushPage(flushed, 5);
  expect(tlb.has(0x4020_1000, 5, 2, true)).toBe(false);
  for (const low of kept) expect(tlb.has(low, 5, 0, false)).toBe(true);
  expect(tlb.has(0x4021_3000, 6, 0, false)).toBe(true);
});

test('flushPage of a page whose entries were overwritten leaves none of it', () => {
  const tlb = createTlb();
  for (let round = 0; round < 3 * TLB.ENTRIES; round++) {
    tlb.fill(0x20_0000 + (round % 512) * 4096, 0, { ...PAGE_4K, pageBytes: LARGE });
    tlb.fill(0x60_0000 + (round % 512) * 4096, 0, { ...PAGE_4K, write: true, pageBytes: LARGE });
  }
  tlb.flushPage(0x20_0000, 0);
  for (let page = 0; page < 512; page++) {
    expect(tlb.has(0x20_0000 + page * 4096, 0, 0, false)).toBe(false);
    expect(tlb.has(0x60_0000 + page * 4096, 0, 0, true)).toBe(true);
  }
});

test('flush keeps global entries unless all go', () => {
  const tlb = createTlb();
  tlb.fill(0x1000, 0, PAGE_4K);
  tlb.fill(0x20_2000, 0, { ...PAGE_4K, global: true, pageBytes: LARGE });
  tlb.flush('non-global');
  expect([tlb.has(0x1000, 0, 0, false), tlb.has(0x20_2000, 0, 0, false)]).toEqual([false, true]);
  tlb.flush('all');
  expect(tlb.has(0x20_2000, 0, 0, false)).toBe(false);
});
