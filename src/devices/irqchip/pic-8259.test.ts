import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Bus } from '../../bus/bus.ts';
import { registerMapConformance } from '../../bus/register-map.cases.ts';
import { PIC_ELCR, PIC_MASTER, PIC_SLAVE, Pic8259 } from './pic-8259.ts';

function setUp() {
  const outputs: boolean[] = [];
  const pic = new Pic8259((asserted) => void outputs.push(asserted));
  const ports = new Bus('ports');
  for (const range of pic.portRanges()) ports.map(range);
  const out = (port: number, value: number) => ports.write(port, 1, value);
  const inb = (port: number) => ports.read(port, 1);
  return { pic, outputs, out, inb };
}

/** Initialized as Linux does: vectors 0x30 and 0x38, normal EOI, everything unmasked. */
function initialized(options: { icw1?: number; icw4?: number; slaveIcw4?: number } = {}) {
  const bench = setUp();
  for (const [port, base, icw3] of [
    [0x20, 0x30, 4],
    [0xa0, 0x38, 2],
  ] as const) {
    bench.out(port, options.icw1 ?? 0x11);
    bench.out(port + 1, base);
    bench.out(port + 1, icw3);
    bench.out(port + 1, (port === 0xa0 ? options.slaveIcw4 : undefined) ?? options.icw4 ?? 1);
  }
  return bench;
}

const pulse = (bench: ReturnType<typeof setUp>, irq: number) => {
  bench.pic.setIrq(irq, true);
  bench.pic.setIrq(irq, false);
};

/** Takes what is pending, without EOI. */
const take = (bench: ReturnType<typeof setUp>) => (bench.pic.output ? bench.pic.acknowledge() : -1);

describe('conformance', () => {
  registerMapConformance(PIC_MASTER, { create: () => setUp().pic });
  registerMapConformance(PIC_SLAVE, { create: () => setUp().pic });
  registerMapConformance(PIC_ELCR, { create: () => setUp().pic });
});

test('everything is masked at first', () => {
  const bench = setUp();
  for (let irq = 0; irq < 16; irq++) pulse(bench, irq);
  expect(bench.outputs).toEqual([]);
});

test.each([
  { irq: 0, vector: 0x30 },
  { irq: 7, vector: 0x37 },
  { irq: 8, vector: 0x38 },
  { irq: 15, vector: 0x3f },
])('IRQ $irq is vector $vector', ({ irq, vector }) => {
  const bench = initialized();
  pulse(bench, irq);
  expect(take(bench)).toBe(vector);
  expect(bench.pic.output).toBe(false);
});

test('IMR masks', () => {
  const bench = initialized();
  bench.out(0x21, 0x02);
  pulse(bench, 1);
  expect(bench.pic.output).toBe(false);
  expect(bench.inb(0x21)).toBe(0x02);
  bench.out(0x21, 0);
  expect(take(bench)).toBe(0x31);
});

describe('fully nested mode', () => {
  test('a higher input interrupts a lower one, not the other way round', () => {
    const bench = initialized();
    pulse(bench, 4);
    expect(take(bench)).toBe(0x34);
    pulse(bench, 5);
    pulse(bench, 4);
    expect(take(bench)).toBe(-1);
    pulse(bench, 1);
    expect(take(bench)).toBe(0x31);
    bench.out(0x20, 0x20);
    expect(take(bench)).toBe(-1);
    bench.out(0x20, 0x20);
    expect(take(bench)).toBe(0x34);
  });

  test('the slave is between IRQ 1 and IRQ 3', () => {
    const bench = initialized();
    for (const irq of [3, 8, 1]) pulse(bench, irq);
    const vectors = [take(bench)];
    bench.out(0x20, 0x20);
    vectors.push(take(bench));
    bench.out(0xa0, 0x20);
    bench.out(0x20, 0x20);
    vectors.push(take(bench));
    expect(vectors).toEqual([0x31, 0x38, 0x33]);
  });
});

describe('triggering', () => {
  test('an edge asks once', () => {
    const bench = initialized();
    bench.pic.setIrq(4, true);
    expect(take(bench)).toBe(0x34);
    bench.out(0x20, 0x20);
    expect(take(bench)).toBe(-1);
    bench.pic.setIrq(4, false);
    bench.pic.setIrq(4, true);
    expect(take(bench)).toBe(0x34);
  });

  test('a level asks as long as it is high', () => {
    const bench = initialized();
    bench.out(0x4d1, 0x08);
    bench.pic.setIrq(11, true);
    expect(take(bench)).toBe(0x3b);
    bench.out(0xa0, 0x20);
    bench.out(0x20, 0x20);
    expect(take(bench)).toBe(0x3b);
    bench.pic.setIrq(11, false);
    bench.out(0xa0, 0x20);
    bench.out(0x20, 0x20);
    expect(take(bench)).toBe(-1);
  });

  test('ELCR keeps the fixed inputs on edge', () => {
    const bench = setUp();
    bench.out(0x4d0, 0xff);
    bench.out(0x4d1, 0xff);
    expect([bench.inb(0x4d0), bench.inb(0x4d1)]).toEqual([0xf8, 0xde]);
  });

  test('LTIM makes all inputs level-triggered', () => {
    const bench = initialized({ icw1: 0x19 });
    bench.pic.setIrq(1, true);
    expect(bench.pic.output).toBe(true);
    bench.pic.setIrq(1, false);
    expect(bench.pic.output).toBe(false);
  });
});

test('a request that went away is spurious IRQ 7, without ISR', () => {
  const bench = initialized({ icw1: 0x19 });
  bench.pic.setIrq(1, true);
  bench.pic.setIrq(1, false);
  expect(bench.pic.acknowledge()).toBe(0x37);
  bench.out(0x20, 0x0b);
  expect(bench.inb(0x20)).toBe(0);
});

test('a request of the slave that went away is spurious IRQ 15, with ISR of the cascade', () => {
  const bench = initialized();
  bench.pic.state.master.irr |= 4;
  expect(bench.pic.acknowledge()).toBe(0x3f);
  bench.out(0x20, 0x0b);
  expect(bench.inb(0x20)).toBe(4);
});

describe('EOI', () => {
  test('specific ends the input it names', () => {
    const bench = initialized();
    pulse(bench, 4);
    take(bench);
    pulse(bench, 1);
    take(bench);
    bench.out(0x20, 0x64);
    bench.out(0x20, 0x0b);
    expect(bench.inb(0x20)).toBe(0x02);
  });

  test('automatic leaves nothing in service, and the slave keeps asking', () => {
    const bench = initialized({ icw4: 3 });
    pulse(bench, 8);
    pulse(bench, 9);
    pulse(bench, 5);
    expect([take(bench), take(bench), take(bench), take(bench)]).toEqual([0x38, 0x39, 0x35, -1]);
  });

  test('rotating makes the input the lowest', () => {
    const bench = initialized();
    pulse(bench, 3);
    take(bench);
    bench.out(0x20, 0xa0);
    pulse(bench, 3);
    pulse(bench, 4);
    expect(take(bench)).toBe(0x34);
  });

  test('rotating in automatic mode serves equals in turn', () => {
    const bench = initialized({ icw4: 3 });
    bench.out(0x20, 0x80);
    const order: number[] = [];
    for (let i = 0; i < 4; i++) {
      pulse(bench, 0);
      pulse(bench, 1);
      order.push(take(bench));
    }
    expect(order).toEqual([0x30, 0x31, 0x30, 0x31]);
  });
});

test('set priority names the lowest input', () => {
  const bench = initialized();
  bench.out(0x20, 0xc4);
  pulse(bench, 0);
  pulse(bench, 5);
  expect(take(bench)).toBe(0x35);
});

test('special mask mode lets lower inputs through a masked one in service', () => {
  const bench = initialized();
  pulse(bench, 4);
  take(bench);
  pulse(bench, 6);
  expect(take(bench)).toBe(-1);
  bench.out(0x21, 0x10);
  bench.out(0x20, 0x68);
  expect(take(bench)).toBe(0x36);
  bench.out(0x20, 0x48);
  expect(bench.pic.state.master.specialMask).toBe(false);
});

test('special fully nested mode lets the slave interrupt itself', () => {
  const bench = initialized({ icw4: 0x11, slaveIcw4: 1 });
  pulse(bench, 12);
  expect(take(bench)).toBe(0x3c);
  pulse(bench, 9);
  expect(take(bench)).toBe(0x39);
});

test('poll acknowledges and names the input', () => {
  const bench = initialized();
  pulse(bench, 6);
  bench.out(0x20, 0x0c);
  expect(bench.inb(0x20)).toBe(0x86);
  bench.out(0x20, 0x0c);
  expect(bench.inb(0x20)).toBe(0x00);
  expect(bench.inb(0x20)).toBe(0x00);
});

test('OCW3 selects IRR or ISR', () => {
  const bench = initialized();
  pulse(bench, 3);
  take(bench);
  pulse(bench, 5);
  bench.out(0x20, 0x0b);
  expect(bench.inb(0x20)).toBe(0x08);
  bench.out(0x20, 0x0a);
  expect(bench.inb(0x20)).toBe(0x20);
});

test('ICW1 without ICW4 and cascade takes one word', () => {
  const bench = setUp();
  bench.out(0x20, 0x12);
  bench.out(0x21, 0x47);
  bench.out(0x21, 0xaa);
  expect(bench.pic.state.master).toMatchObject({ base: 0x40, imr: 0xaa, expected: 0 });
});

test('an interrupt is never delivered twice for one edge, nor lost', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(15), { maxLength: 60 }), (irqs) => {
      const bench = initialized();
      const pending = new Set<number>();
      const drain = () => {
        for (let vector = take(bench); vector >= 0; vector = take(bench)) {
          const irq = vector - 0x30;
          expect(pending.delete(irq)).toBe(true);
          if (irq >= 8) bench.out(0xa0, 0x20);
          bench.out(0x20, 0x20);
        }
      };
      for (const irq of irqs) {
        if (irq === 2) {
          drain();
          continue;
        }
        pulse(bench, irq);
        pending.add(irq);
      }
      drain();
      expect(pending.size).toBe(0);
    }),
  );
});
