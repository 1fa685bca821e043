import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { registerMapConformance } from '../../bus/register-map.cases.ts';
import { RecordingLine } from '../recording-line.cases.ts';
import { SERIAL_16550, Serial16550 } from './serial-16550.ts';

function setUp() {
  const sent: number[] = [];
  const irq = new RecordingLine();
  const spaces = { count: 0 };
  const uart = new Serial16550({ tx: (byte) => void sent.push(byte), irq, onReceiveSpace: () => void spaces.count++ });
  const target = SERIAL_16550.target(uart);
  const out = (offset: number, value: number) => target.write(offset, 1, value);
  const inb = (offset: number) => target.read(offset, 1);
  return { uart, sent, irq, spaces, out, inb };
}

const bytes = (...values: number[]) => Uint8Array.from(values);
const OUT2 = 0x08;

describe('conformance', () => {
  const reachDlab = (uart: Serial16550) => void (uart.state.lcr = 0x80);
  registerMapConformance(SERIAL_16550, {
    create: () => setUp().uart,
    reach: { DLL: reachDlab, DLM: reachDlab },
  });
});

test('THR sends the byte and keeps the transmitter empty', () => {
  const { sent, out, inb } = setUp();
  out(0, 0x41);
  out(0, 0x42);
  expect(sent).toEqual([0x41, 0x42]);
  expect(inb(5)).toBe(0x60);
});

test('THR with DLAB set is the divisor', () => {
  const { sent, uart, out, inb } = setUp();
  out(3, 0x83);
  out(0, 0x0c);
  out(1, 0x01);
  expect(uart.state.divisor).toBe(0x010c);
  expect(inb(0)).toBe(0x0c);
  expect(sent).toEqual([]);
});

test('LSR clears DR when the FIFO empties', () => {
  const { uart, out, inb } = setUp();
  out(2, 0x01);
  expect(uart.receive(bytes(1, 2))).toBe(2);
  expect(inb(5)).toBe(0x61);
  expect([inb(0), inb(0)]).toEqual([1, 2]);
  expect(inb(5)).toBe(0x60);
  expect(inb(0)).toBe(0);
});

describe('THRE interrupt', () => {
  test('is raised by enabling it while the transmitter is empty', () => {
    const { irq, out, inb } = setUp();
    out(4, OUT2);
    out(1, 0x02);
    expect(irq.level).toBe(true);
    expect(inb(2)).toBe(0x02);
    expect(irq.level).toBe(false);
    expect(inb(2)).toBe(0x01);
  });

  test('is raised again, with an edge, by each character', () => {
    const { irq, out } = setUp();
    out(4, OUT2);
    out(1, 0x02);
    out(0, 0x61);
    out(0, 0x62);
    expect(irq.edges).toBe(3);
  });

  test('stays cleared when IER is written again without a change', () => {
    const { irq, out, inb } = setUp();
    out(4, OUT2);
    out(1, 0x02);
    inb(2);
    out(1, 0x03);
    expect(irq.level).toBe(false);
    out(1, 0x00);
    out(1, 0x02);
    expect(irq.level).toBe(true);
  });

  test('is not cleared by an IIR read that shows a higher priority', () => {
    const { uart, out, inb } = setUp();
    out(1, 0x03);
    uart.receive(bytes(9));
    expect(inb(2)).toBe(0x04);
    inb(0);
    expect(inb(2)).toBe(0x02);
  });
});

test.each([
  { fcr: 0x01, trigger: 1 },
  { fcr: 0x41, trigger: 4 },
  { fcr: 0x81, trigger: 8 },
  { fcr: 0xc1, trigger: 14 },
])('IIR shows data at the trigger level $trigger and a timeout below', ({ fcr, trigger }) => {
  const { uart, out, inb } = setUp();
  out(2, fcr);
  out(1, 0x01);
  if (trigger > 1) {
    uart.receive(new Uint8Array(trigger - 1));
    expect(inb(2)).toBe(0xcc);
  }
  uart.receive(bytes(0));
  if (trigger === 1) expect(inb(2)).toBe(0xc4);
  else expect(uart.state.rx.length).toBe(trigger);
  expect(inb(2)).toBe(0xc4);
  inb(0);
  expect(inb(2)).toBe(trigger === 1 ? 0xc1 : 0xcc);
});

test('OUT2 connects the interrupt', () => {
  const { uart, irq, out } = setUp();
  out(1, 0x01);
  uart.receive(bytes(1));
  expect(irq.level).toBe(false);
  out(4, OUT2);
  expect(irq.level).toBe(true);
  out(4, OUT2 | 0x10);
  expect(irq.level).toBe(false);
});

describe('receive', () => {
  test('takes 16 bytes with FIFO and one without', () => {
    const { uart, out } = setUp();
    expect(uart.receive(new Uint8Array(20))).toBe(1);
    out(2, 0x01);
    expect(uart.receive(new Uint8Array(20))).toBe(16);
    expect(uart.receive(new Uint8Array(1))).toBe(0);
  });

  test('tells of space once after it took too little', () => {
    const { uart, spaces, out, inb } = setUp();
    out(2, 0x01);
    uart.receive(new Uint8Array(16));
    inb(0);
    expect(spaces.count).toBe(0);
    uart.receive(new Uint8Array(5));
    inb(0);
    inb(0);
    expect(spaces.count).toBe(1);
  });

  test('loses and reorders nothing, however it is chopped', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(20)), (data, reads) => {
        const { uart, out, inb } = setUp();
        out(2, 0xc1);
        const got: number[] = [];
        let offered = 0;
        for (const count of [...reads, 1000]) {
          for (let i = 0; i < count; i++) {
            offered += uart.receive(data.subarray(offered));
            if ((inb(5) & 1) !== 0) got.push(inb(0));
          }
        }
        expect(got).toEqual([...data]);
      }),
    );
  });
});

test('FCR empties the receiver on a reset and on a change of the enable bit', () => {
  const { uart, out, inb } = setUp();
  out(2, 0x01);
  uart.receive(bytes(1, 2, 3));
  out(2, 0x03);
  expect(inb(5) & 1).toBe(0);
  uart.receive(bytes(1));
  out(2, 0x00);
  expect(inb(5) & 1).toBe(0);
  expect(inb(2) & 0xc0).toBe(0);
});

test('FCR bits do nothing without the enable bit', () => {
  const { uart, out } = setUp();
  uart.receive(bytes(1));
  out(2, 0xc2);
  expect(uart.state).toMatchObject({ fcr: 0, rx: [1] });
});

describe('loopback', () => {
  test('returns characters to the receiver, sends none and reports overruns once', () => {
    const { sent, out, inb } = setUp();
    out(4, 0x10);
    out(0, 0x55);
    out(0, 0x56);
    expect(sent).toEqual([]);
    expect(inb(5)).toBe(0x63);
    expect(inb(5)).toBe(0x61);
    expect(inb(0)).toBe(0x56);
  });

  test.each([
    { mcr: 0x11, lines: 0x20 },
    { mcr: 0x12, lines: 0x10 },
    { mcr: 0x14, lines: 0x40 },
    { mcr: 0x18, lines: 0x80 },
    { mcr: 0x1a, lines: 0x90 },
  ])('shows MCR $mcr as MSR $lines', ({ mcr, lines }) => {
    const { out, inb } = setUp();
    out(4, mcr);
    expect(inb(6) & 0xf0).toBe(lines);
    expect(inb(6) & 0x0f).toBe(0);
  });

  test('raises the modem status interrupt on a change, and RI only on its trailing edge', () => {
    const { out, inb } = setUp();
    out(1, 0x08);
    out(4, 0x10);
    expect(inb(2)).toBe(0x00);
    inb(6);
    expect(inb(2)).toBe(0x01);
    out(4, 0x14);
    expect(inb(6) & 0x0f).toBe(0);
    out(4, 0x10);
    expect(inb(6) & 0x0f).toBe(0x04);
  });

  test('takes nothing from the host and asks for it afterwards', () => {
    const { uart, spaces, out } = setUp();
    out(4, 0x10);
    expect(uart.receive(bytes(1))).toBe(0);
    out(4, 0x00);
    expect(spaces.count).toBe(1);
  });
});

test('restore brings back the state and the interrupt', () => {
  const first = setUp();
  first.out(4, OUT2);
  first.out(1, 0x01);
  first.uart.receive(bytes(7));
  const second = setUp();
  second.uart.restore(structuredClone(first.uart.state));
  expect(second.irq.level).toBe(true);
  expect(second.inb(0)).toBe(7);
});

describe('heedsRts', () => {
  const RTS = 0x02;
  const LOOP = 0x10;

  function setUpWithRts() {
    const spaces = { count: 0 };
    const onReceiveSpace = () => void spaces.count++;
    const uart = new Serial16550({ tx: () => {}, irq: new RecordingLine(), onReceiveSpace, heedsRts: true });
    return { uart, spaces, out: (offset: number, value: number) => SERIAL_16550.target(uart).write(offset, 1, value) };
  }

  test('takes nothing until RTS is raised, and says so when it is', () => {
    const { uart, spaces, out } = setUpWithRts();
    expect(uart.receive(bytes(1))).toBe(0);
    out(4, OUT2);
    expect(spaces.count).toBe(0);
    out(4, OUT2 | RTS);
    expect(spaces.count).toBe(1);
    expect(uart.receive(bytes(1))).toBe(1);
  });

  test('a guest that polls the receiver gets input without RTS; one that prints between its polls does not', () => {
    const { uart, out } = setUpWithRts();
    const poll = () => void uart.lineStatus();
    for (let i = 0; i < 200; i++) {
      poll();
      out(0, 0x41);
    }
    expect(uart.receive(bytes(1))).toBe(0);
    for (let i = 0; i < 64; i++) poll();
    expect(uart.receive(bytes(1))).toBe(1);
  });

  test('RTS in loopback does not reach the host', () => {
    const { uart, out } = setUpWithRts();
    out(4, RTS | LOOP);
    expect(uart.receive(bytes(1))).toBe(0);
  });
});
