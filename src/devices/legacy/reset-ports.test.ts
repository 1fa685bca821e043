import { describe, expect, test } from 'vitest';
import { registerMapConformance } from '../../bus/register-map.cases.ts';
import { RESET_CONTROL, SYSTEM_CONTROL, SystemReset } from './reset-ports.ts';

function setUp() {
  const events: string[] = [];
  const device = new SystemReset({
    reset: () => void events.push('reset'),
    a20: (enabled) => void events.push(enabled ? 'a20 on' : 'a20 off'),
  });
  return { device, events };
}

describe('conformance', () => {
  registerMapConformance(RESET_CONTROL, { create: () => setUp().device });
  registerMapConformance(SYSTEM_CONTROL, { create: () => setUp().device });
});

test.each([
  { writes: [0x06], resets: 1 },
  { writes: [0x02, 0x06], resets: 1 },
  { writes: [0x0e], resets: 1 },
  { writes: [0x04], resets: 1 },
  { writes: [0x02, 0x0a], resets: 0 },
])('RST_CNT written $writes resets $resets times', ({ writes, resets }) => {
  const { device, events } = setUp();
  for (const value of writes) device.writeResetControl(value);
  expect(events).toHaveLength(resets);
});

test('PORT92 gates A20 on changes only, and resets', () => {
  const { device, events } = setUp();
  for (const value of [0x02, 0x00, 0x02, 0x03]) device.writeSystemControl(value);
  expect(events).toEqual(['a20 off', 'a20 on', 'reset']);
});
