import { describe, expect, test } from 'vitest';
import { STATE } from '../../x86/state.ts';
import { EXIT } from './exits.ts';
import { FlatMachine } from './flat-machine.cases.ts';
import { hotForms } from './hot-forms.ts';
import { RECORDS } from './layout.ts';
import { buildRunModule } from './run-function.ts';

describe('buildRunModule', () => {
  // V8 compiles larger functions with a worse register allocator.
  test.each([32, 64] as const)('run() for %d-bit code stays under 40 KB and 400 forms', (codeSize) => {
    const { runBytes } = buildRunModule(hotForms(codeSize), {
      base: 0,
      codeSize,
      coldSlots: 8192,
      enterRecord: RECORDS.OFFSET,
    });
    expect(runBytes).toBeLessThan(40 * 1024);
    expect(runBytes).toBeGreaterThan(10 * 1024);
    expect(hotForms(codeSize).length).toBeLessThan(400);
  });
});

describe('Interpreter.run', () => {
  const CODE = 0x1000;
  const left = (machine: FlatMachine): number => machine.interpreter.words[STATE.budget >> 2] as number;

  test.each([32, 64] as const)('leaves what is too little for the next run of records (%d-bit)', (codeSize) => {
    const machine = new FlatMachine(codeSize);
    machine.load(CODE, [...new Array<number>(10).fill(0x90), 0xeb, 0xf4]); // JMP to the start: 11 a round
    machine.rip = CODE;
    expect(machine.interpreter.run(40)).toBe(EXIT.BUDGET);
    expect([left(machine), machine.rip]).toEqual([7, CODE]);
  });

  test('a fault gives back the budget of what did not run', () => {
    const machine = new FlatMachine(64);
    machine.load(CODE, [0x90, 0x90, 0x0f, 0x0b, 0x90, 0x90]);
    machine.rip = CODE;
    expect(machine.interpreter.run(100)).toBe(EXIT.FAULT);
    expect([left(machine), machine.rip]).toEqual([98, CODE + 2]);
  });

  test('a spent budget stops before the target of a branch is fetched', () => {
    const machine = new FlatMachine(64);
    machine.load(CODE, [0xff, 0xe0]); // JMP RAX
    machine.setGpr(0, 0x7000_0000n); // no RAM
    machine.rip = CODE;
    expect(machine.interpreter.run(1)).toBe(EXIT.BUDGET);
    expect([left(machine), machine.rip]).toEqual([0, 0x7000_0000]);
    expect(machine.interpreter.run(1)).toBe(EXIT.FAULT);
  });
});
