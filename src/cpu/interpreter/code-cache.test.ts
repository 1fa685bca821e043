import { beforeEach, describe, expect, test } from 'vitest';
import { FlatMachine } from './flat-machine.cases.ts';
import { RECORDS } from './layout.ts';

const CODE = 0x1_0000;
const INC_EAX = [0xff, 0xc0];

let machine: FlatMachine;
beforeEach(() => {
  machine = new FlatMachine(64);
});

/** INC EAX; padding; JMP to the start. */
function loop(gpa: number, bytes: number): void {
  machine.load(gpa, [...INC_EAX, ...new Array<number>(bytes - 7).fill(0x90), 0xe9, -bytes, 0xff, 0xff, 0xff]);
}

describe('CodeCache', () => {
  test('decodes what runs once', () => {
    loop(CODE, 32);
    machine.rip = CODE;
    machine.run(1000);
    const { decoded } = machine.interpreter.code;
    machine.run(10_000);
    expect(machine.interpreter.code.decoded).toBe(decoded);
    expect(machine.interpreter.code.invalidations).toBe(0);
  });

  test.each([
    ['in its own 64 bytes', 63, 1],
    ['in the 64 bytes before', -1, 0],
    ['in the 64 bytes after', 64, 0],
    ['elsewhere in the page', 2048, 0],
  ])('a write %s drops code as needed', (_, offset, dropped) => {
    loop(CODE + 1024, 32);
    machine.rip = CODE + 1024;
    machine.run(100);
    machine.interpreter.written(CODE + 1024 + offset, 1);
    expect(machine.interpreter.code.invalidations).toBe(dropped);
    expect(machine.interpreter.code.holdsCode(CODE)).toBe(dropped === 0);
  });

  test.each([
    [CODE + 4094, 2],
    [CODE + 4096, 8],
    [CODE - 8192, 65_536],
    [CODE + 4095 + 4, 1],
  ])('a write at %d of %d bytes drops an instruction that lies in two pages', (gpa, bytes) => {
    machine.load(CODE + 4094, [0xb8, 1, 2, 3, 4, 0xeb, 0xf9]); // MOV EAX, imm32; JMP to it
    machine.rip = CODE + 4094;
    machine.run(20);
    machine.memory.bytes.set([9], CODE + 4094 + 4);
    machine.interpreter.written(gpa, bytes);
    machine.run(2);
    expect(machine.gpr(0)).toBe(0x0903_0201n);
  });

  test('a branch is linked to code that is decoded after it', () => {
    machine.load(CODE, [0xeb, 0x0e, ...new Array<number>(14).fill(0x90), ...INC_EAX, 0xeb, 0xec]);
    machine.rip = CODE;
    machine.run(9);
    const { lookups } = machine.interpreter.lookup;
    machine.run(9000);
    expect(machine.gpr(0)).toBe(3003n);
    expect(machine.interpreter.lookup.lookups).toBe(lookups);
  });

  test('a linked branch finds its new target after that was written', () => {
    machine.load(CODE, [0xeb, 0x7e]);
    loop(CODE + 128, 32);
    machine.load(CODE + 128 + 27, [0xe9, 0x60, 0xff, 0xff, 0xff]); // back to CODE
    machine.rip = CODE;
    machine.run(1000);
    machine.load(CODE + 128, [0xff, 0xc1]); // INC ECX
    machine.setGpr(0, 0n);
    machine.rip = CODE;
    machine.run(280);
    expect([machine.gpr(0), machine.gpr(1) > 8n]).toEqual([0n, true]);
  });

  test('code that stores into itself runs on as it has become', () => {
    // MOV byte [RIP + 0], 0x40 … changes the next instruction: 0x90 becomes REX, then INC EAX counts twice as wide.
    machine.load(CODE, [0xc6, 0x05, 0, 0, 0, 0, 0x48, 0x90, 0xff, 0xc0]);
    machine.setGpr(0, 0xffff_ffffn);
    machine.rip = CODE;
    machine.run(2);
    expect([machine.gpr(0), machine.rip]).toEqual([0x1_0000_0000n, CODE + 10]);
  });

  test('when all room is used, everything is decoded anew', () => {
    const bytes = RECORDS.CAPACITY + 0x2_0000;
    machine = new FlatMachine(64, 4 << 20);
    machine.load(CODE, new Uint8Array(bytes).fill(0x90));
    machine.load(CODE + bytes, INC_EAX);
    machine.rip = CODE;
    machine.run(bytes + 1);
    expect([machine.gpr(0), machine.rip]).toEqual([1n, CODE + bytes + 2]);
    expect(machine.interpreter.code.decoded).toBeGreaterThan(RECORDS.CAPACITY);
    machine.rip = CODE;
    machine.run(1000);
    expect(machine.rip).toBe(CODE + 1000);
  });
});
