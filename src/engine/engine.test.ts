import { expect, test } from 'vitest';
import { ENGINE_OPERATIONS } from './engine.ts';
import { softEngine } from './soft/soft-vm.ts';

/** "When the API cut is done at the right level": fewer hooks than paravirt_ops has. */
const MOST_OPERATIONS = 75;

test('ENGINE_OPERATIONS stays narrow', () => {
  const count = Object.values(ENGINE_OPERATIONS).reduce((sum, members) => sum + Object.keys(members).length, 0);
  expect(count).toBeGreaterThan(20);
  expect(count).toBeLessThanOrEqual(MOST_OPERATIONS);
});

test('softEngine runs here', () => {
  expect(softEngine.probe()).toEqual({ available: true });
});
