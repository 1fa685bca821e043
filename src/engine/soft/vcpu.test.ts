import { describe, expect, test } from 'vitest';
import { ATTR, CR0, GPR, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../../x86/state.ts';
import { bytesOf, CODE, DATA, DEVICE, handlerAt, VcpuMachine } from './vcpu-machine.cases.ts';

const machine = new VcpuMachine();
const IRQ = 64;
const IF = RFLAGS.IF;

/** An interrupt request that goes away when it is acknowledged. */
function raiseIrq(vector = IRQ): void {
  machine.vcpu.acknowledge = () => {
    machine.vcpu.setInterruptRequest(false);
    return vector;
  };
  machine.vcpu.setInterruptRequest(true);
}

function start(hex: string, flags = 0): void {
  machine.reset();
  machine.load(hex);
  machine.setFlags(flags);
}

const PUSHF_SET_TF_POPF = '9c 80 4c 24 01 01 9d'; // 1 + 5 + 1 bytes
const PUSHF_CLEAR_TF_POPF = '9c 80 64 24 01 fe 9d';

/** At CPL 3, with the alignment of accesses checked once AC is set. */
function startUser(hex: string): void {
  start(hex);
  const cpu = machine.vcpu.processor;
  for (const [segment, selector] of [
    [SEG.CS, 0x23],
    [SEG.SS, 0x1b],
  ] as const) {
    const at = STATE.segments + segment * SEGMENT_BYTES;
    cpu.setU32(at + SEGMENT.selector, selector);
    cpu.setU32(at + SEGMENT.attributes, cpu.u32(at + SEGMENT.attributes) | ATTR.DPL);
  }
  cpu.setU32(STATE.cpl, 3);
  cpu.setU32(STATE.cr0, cpu.u32(STATE.cr0) | CR0.AM);
  cpu.updateMode();
}

/** The same whatever the slices: all at once, one by one, and in between. */
describe.each([1_000_000, 1, 2, 3, 7])('SoftVcpu in slices of %d', (slice) => {
  test('takes an interrupt that IF lets in before the next instruction', () => {
    start('90 90 e6 10 90 90', IF); // OUT 10, AL raises
    machine.onPortWrite = () => raiseIrq();
    expect(machine.runToEnd(slice)).toBe('halt');
    expect(machine.entries()).toEqual(['64@4']);
  });

  test('takes an interrupt after POPF has set IF', () => {
    start('e6 10 90 68 02 02 00 00 9d 90 90');
    machine.onPortWrite = () => raiseIrq();
    machine.runToEnd(slice);
    expect(machine.entries()).toEqual(['64@9']);
  });

  test('takes an interrupt one instruction after STI', () => {
    start('e6 10 90 fb 90 90');
    machine.onPortWrite = () => raiseIrq();
    machine.runToEnd(slice);
    expect(machine.entries()).toEqual(['64@5']);
  });

  test('takes an interrupt at once if IF was set before STI', () => {
    start('fb 90 fb e6 10 90 90');
    machine.onPortWrite = () => raiseIrq();
    machine.runToEnd(slice);
    expect(machine.entries()).toEqual(['64@5']);
  });

  test('takes an interrupt that the instruction after STI raises right after it', () => {
    start('fb e6 10 90 90');
    machine.onPortWrite = () => raiseIrq();
    machine.runToEnd(slice);
    expect(machine.entries()).toEqual(['64@3']);
  });

  test('STI; HLT waits no instruction', () => {
    start('e6 10 fb f4 90');
    machine.onPortWrite = () => raiseIrq();
    expect(machine.runToEnd(slice)).toBe('halt');
    expect(machine.entries()).toEqual(['64@4']);
    expect(machine.rip).toBe(7);
  });

  test('takes an interrupt that a store to a device raises right after it', () => {
    start('48 89 03 90 90', IF); // MOV [RBX], RAX
    machine.setGpr(GPR.RBX, DEVICE);
    machine.onStore = () => raiseIrq();
    machine.runToEnd(slice);
    expect(machine.entries()).toEqual(['64@3']);
  });

  test('no interrupt after STI when a fault ends the shadow', () => {
    start('e6 10 fb 0f 0b 90 90'); // STI; UD2
    machine.setGpr(15, CODE + 5);
    machine.onPortWrite = () => raiseIrq();
    machine.runToEnd(slice);
    // #UD's gate clears IF; the request is taken when IRETQ has set it again.
    expect(machine.entries()).toEqual(['6@3', '64@5']);
  });

  test('TF traps after each instruction that began with it', () => {
    start(`${PUSHF_SET_TF_POPF} 90 90 ${PUSHF_CLEAR_TF_POPF} 90 90`);
    machine.runToEnd(slice);
    expect(machine.entries()).toEqual(['1@8', '1@9', '1@a', '1@f', '1@10']);
    expect(machine.vcpu.processor.u32(STATE.dr + 48) & 0x4000).toBe(0x4000);
  });

  test('TF traps after each element of a repeated string instruction', () => {
    start(`${PUSHF_SET_TF_POPF} f3 a4 ${PUSHF_CLEAR_TF_POPF}`);
    machine.setGpr(GPR.RCX, 3);
    machine.setGpr(GPR.RSI, DATA);
    machine.setGpr(GPR.RDI, DATA + 64);
    machine.runToEnd(slice);
    expect(machine.entries()).toEqual(['1@7', '1@7', '1@9', '1@a', '1@f', '1@10']);
  });

  test('TF does not trap after INT n, whose gate clears it', () => {
    start(`${PUSHF_SET_TF_POPF} cd 40 90 ${PUSHF_CLEAR_TF_POPF}`);
    machine.runToEnd(slice);
    // IRETQ sets TF: the trap comes after the instruction that follows.
    expect(machine.entries()).toEqual(['64@9', '1@a', '1@b', '1@10', '1@11']);
  });

  test('TF does not trap after an instruction that faults', () => {
    start(`${PUSHF_SET_TF_POPF} 0f 0b 90 ${PUSHF_CLEAR_TF_POPF}`);
    machine.setGpr(15, CODE + 9);
    machine.runToEnd(slice);
    expect(machine.entries()).toEqual(['6@7', '1@a', '1@b', '1@10', '1@11']);
    expect(machine.log()[0]!.rflags & RFLAGS.TF).toBe(RFLAGS.TF);
  });

  test('TF does not trap between a load of SS and the instruction after it', () => {
    start(`${PUSHF_SET_TF_POPF} 8e d0 90 ${PUSHF_CLEAR_TF_POPF}`);
    machine.setGpr(GPR.RAX, 0x10);
    machine.runToEnd(slice);
    expect(machine.entries()).toEqual(['1@a', '1@b', '1@10', '1@11']);
  });

  test('a single-stepped SYSCALL that masks TF traps after SYSRET', () => {
    start(`${PUSHF_SET_TF_POPF} 0f 05 90 f4`);
    const cpu = machine.vcpu.processor;
    cpu.setU64(STATE.lstar, BigInt(DATA));
    cpu.setU64(STATE.sfmask, BigInt(RFLAGS.TF));
    cpu.setU64(STATE.star, (0x08n << 32n) | (0x13n << 48n));
    machine.memory.bytes.set([0x90, 0x48, 0x0f, 0x07], DATA); // NOP; SYSRETQ
    machine.setGpr(15, DATA + 0x100);
    machine.memory.bytes.set([0xf4], DATA + 0x100);
    machine.runToEnd(Math.min(slice, 60), 60);
    expect(machine.entries().slice(0, 2)).toEqual(['1@9', '1@a']);
  });

  test('a data breakpoint traps after the access, from the instruction after MOV DR7 on', () => {
    start('0f 23 c3 0f 23 f8 89 03 89 03 90'); // MOV DR0, RBX; MOV DR7, RAX; MOV [RBX], EAX, twice
    machine.setGpr(GPR.RBX, DATA);
    machine.setGpr(GPR.RAX, 0x000d_0001); // 4 bytes, on writes
    machine.runToEnd(slice);
    expect(machine.entries()).toEqual(['1@8', '1@a']);
    expect(machine.vcpu.processor.u32(STATE.dr + 48) & 15).toBe(1);
  });

  /** A handler of #DB that sets RF before it goes to the one that writes the log. */
  function resumeOnDebug(): void {
    const at = DATA + 0x800;
    machine.memory.bytes.set([0x81, 0x4c, 0x24, 0x10, 0, 0, 1, 0, 0xe9], at); // OR dword [RSP + 16], RF; JMP
    machine.memory.writeU32(at + 9, handlerAt(VECTOR.DB) - (at + 13));
    machine.setGate(VECTOR.DB, at);
  }

  test('an instruction breakpoint stops before the instruction, and RF lets it go on', () => {
    start('0f 23 c3 0f 23 f8 90 90 90');
    resumeOnDebug();
    machine.setGpr(GPR.RBX, CODE + 7);
    machine.setGpr(GPR.RAX, 1);
    machine.runToEnd(slice);
    expect(machine.entries()).toEqual(['1@7']);
  });

  test('an instruction breakpoint comes again if its handler leaves RF clear', () => {
    start('0f 23 c3 0f 23 f8 90 90 90');
    machine.setGpr(GPR.RBX, CODE + 7);
    machine.setGpr(GPR.RAX, 1);
    machine.runToEnd(Math.min(slice, 60), 60);
    expect(machine.entries().slice(0, 2)).toEqual(['1@7', '1@7']);
  });

  test('an instruction breakpoint after a load of SS is lost', () => {
    start('0f 23 c3 0f 23 f8 8e d1 90 90');
    machine.setGpr(GPR.RBX, CODE + 8);
    machine.setGpr(GPR.RCX, 0x10);
    machine.setGpr(GPR.RAX, 1);
    machine.runToEnd(slice);
    expect(machine.entries()).toEqual([]);
  });

  // MOV DR0, RBX; MOV DR7, RAX; MOV SS, [RBX]; then the instruction at 8.
  test.each([
    ['the next instruction', '90 90', ['1@9']],
    ['INT1, once', 'f1 90', ['1@9']],
    ['INT n, in its handler', 'cd 40 90', [`1@${(handlerAt(64) - CODE).toString(16)}`, '64@a']],
    ['nothing if that faults', '0f 0b 90', ['6@8']],
  ])('a breakpoint that a load of SS hits is reported after %s', (_, next, entries) => {
    start(`0f 23 c3 0f 23 f8 8e 13 ${next}`);
    machine.memory.writeU16(DATA, 0x10);
    machine.setGpr(GPR.RBX, DATA);
    machine.setGpr(GPR.RAX, 0x0007_0001); // 2 bytes, on reads and writes
    machine.setGpr(15, CODE + 10);
    machine.runToEnd(slice);
    expect(machine.entries()).toEqual(entries);
    expect(machine.vcpu.processor.u32(STATE.dr + 48) & 15).toBe(entries.includes('6@8') ? 0 : 1);
  });

  test('AC checks accesses to pages that were in use before', () => {
    // MOV EAX, [RBX + 1]; PUSHF; OR byte [RSP + 2], 4; POPF; MOV EAX, [RBX]; MOV AX, [RBX + 1]
    startUser('8b 43 01 9c 80 4c 24 02 04 9d 8b 03 66 8b 43 01');
    machine.setGpr(GPR.RBX, DATA);
    machine.setGpr(GPR.RSP, DATA + 0x800);
    machine.setGpr(15, CODE + 12);
    machine.runToEnd(Math.min(slice, 30), 30);
    expect(machine.entries()[0]).toBe('17@c');
  });

  test.each([
    ['an instruction that leaves', '48 8b', 0x7fff_ffff_fffen],
    ['an instruction after', '90', 0x7fff_ffff_ffffn],
  ])('%s the lower half of the canonical addresses is #GP(0)', (_, code, rip) => {
    start('f4');
    // The last page of the lower half is the last one of RAM.
    machine.memory.writeU64(0x1000 + 8 * 255, 0x2067n);
    machine.memory.writeU64(0x2000 + 8 * 511, 0x3067n);
    machine.memory.writeU64(0x3000 + 8 * 511, 0x4067n);
    machine.memory.bytes.set(bytesOf(code), 0x20_0000 - bytesOf(code).length);
    machine.vcpu.processor.setU64(STATE.rip, rip);
    machine.setGpr(15, CODE);
    machine.runToEnd(slice);
    expect(machine.log().map(({ vector }) => vector)).toEqual([VECTOR.GP]);
  });

  test('TF over HLT traps after it', () => {
    start(`${PUSHF_SET_TF_POPF} f4 ${PUSHF_CLEAR_TF_POPF}`);
    machine.runToEnd(slice);
    expect(machine.entries()).toEqual(['1@8', '1@9', '1@e', '1@f']);
  });

  test('RF of a fault lasts for one instruction after the return', () => {
    start('0f 0b 90 e6 10 90', IF);
    machine.setGpr(15, CODE + 2);
    machine.onPortWrite = () => raiseIrq();
    machine.runToEnd(slice);
    expect(machine.log().map(({ vector, rflags }) => [vector, rflags & RFLAGS.RF])).toEqual([
      [VECTOR.UD, RFLAGS.RF],
      [IRQ, 0],
    ]);
  });

  test('tells devices the exact instruction count', () => {
    start('90 e6 10 90 90 e6 10 f3 aa e6 10 eb 00 e6 10');
    machine.setGpr(GPR.RCX, 100);
    machine.setGpr(GPR.RDI, DATA);
    const begin = machine.vcpu.instructions;
    const seen: number[] = [];
    machine.onPortWrite = () => seen.push(machine.vcpu.instructions - begin);
    machine.runToEnd(slice);
    expect(seen).toEqual([1, 4, 105, 107]);
  });

  test('requestExit ends the run after the instruction that asked', () => {
    start('90 e6 10 90 90');
    machine.onPortWrite = () => machine.vcpu.requestExit();
    const begin = machine.vcpu.instructions;
    for (let used = 0; used < 2; used += slice) expect(machine.vcpu.run(slice)).toBe('budget');
    if (slice > 2) expect([machine.rip, machine.vcpu.instructions - begin]).toEqual([3, 2]);
    expect(machine.runToEnd(slice)).toBe('halt');
  });
});

describe('SoftVcpu.run', () => {
  test.each([1, 2, 5, 10, 48, 49, 50, 1000])('retires exactly %d instructions of a straight line', (count) => {
    start('90'.repeat(2000));
    const begin = machine.vcpu.instructions;
    expect(machine.vcpu.run(count)).toBe('budget');
    expect([machine.vcpu.instructions - begin, machine.rip]).toEqual([count, count]);
  });

  test.each([1, 2, 9, 100, 999])('does %d elements of a repeated string instruction', (count) => {
    start('f3 aa');
    machine.setGpr(GPR.RCX, 1000);
    machine.setGpr(GPR.RDI, DATA);
    machine.vcpu.run(count);
    expect([machine.gpr(GPR.RCX), machine.gpr(GPR.RDI), machine.rip]).toEqual([1000 - count, DATA + count, 0]);
  });

  test('a repeated string instruction costs as many instructions as it has elements', () => {
    start('f3 a4 90');
    machine.setGpr(GPR.RCX, 10_000);
    machine.setGpr(GPR.RSI, DATA);
    machine.setGpr(GPR.RDI, DATA + 0x4000);
    const begin = machine.vcpu.instructions;
    machine.vcpu.run(10_000);
    expect([machine.vcpu.instructions - begin, machine.rip, machine.gpr(GPR.RCX)]).toEqual([10_000, 2, 0]);
  });

  test('an empty repeated string instruction costs one', () => {
    start('f3 a4 90');
    machine.vcpu.run(1);
    expect(machine.rip).toBe(2);
  });

  test('an interrupt finds the elements done that were counted', () => {
    start('f3 aa 90', IF);
    machine.setGpr(GPR.RCX, 5000);
    machine.setGpr(GPR.RDI, DATA);
    machine.vcpu.run(1234);
    raiseIrq();
    machine.runToEnd(1000);
    expect(machine.entries()).toEqual(['64@0']);
    expect(machine.gpr(GPR.RCX)).toBe(0);
  });

  test('HLT waits; an interrupt ends it only if IF is set', () => {
    start('f4 90 90');
    expect(machine.vcpu.run(100)).toBe('halt');
    raiseIrq();
    expect(machine.vcpu.run(100)).toBe('halt');
    expect(machine.rip).toBe(1);
    machine.setFlags(IF);
    expect(machine.vcpu.run(100)).toBe('halt'); // the one at the end
    expect(machine.entries()).toEqual(['64@1']);
  });

  test('an NMI ends HLT whatever IF is', () => {
    start('f4 90 90');
    expect(machine.vcpu.run(100)).toBe('halt');
    machine.vcpu.injectNmi();
    machine.vcpu.run(100);
    expect([machine.entries(), machine.rip]).toEqual([['2@1'], 5]);
  });

  test('an NMI in the handler of one is delivered at its IRET', () => {
    start('90 90 90');
    machine.vcpu.injectNmi();
    machine.vcpu.run(3); // in the handler
    machine.vcpu.injectNmi();
    machine.vcpu.run(1);
    expect(machine.vcpu.processor.u32(STATE.nmiBlocked)).toBe(1);
    machine.runToEnd(100);
    expect(machine.entries()).toEqual(['2@0', '2@0']);
  });

  test('an interrupt after MOV SS waits for one more instruction', () => {
    start('90 8e d0 90 90', IF);
    machine.setGpr(GPR.RAX, 0x10);
    machine.vcpu.run(2);
    raiseIrq();
    machine.runToEnd(100);
    expect(machine.entries()).toEqual(['64@4']);
  });

  test.each(['90', 'fb 90'])('an interrupt that comes later than that does not wait (%s)', (before) => {
    start(`${before} 90 90`, IF);
    const count = before.split(' ').length;
    machine.vcpu.run(count);
    raiseIrq();
    machine.runToEnd(100);
    expect(machine.entries()).toEqual([`64@${count}`]);
  });

  test('a request that goes away is no interrupt', () => {
    start('90 90', IF);
    machine.vcpu.acknowledge = () => {
      machine.vcpu.setInterruptRequest(false);
      return -1;
    };
    machine.vcpu.setInterruptRequest(true);
    expect(machine.runToEnd(10)).toBe('halt');
    expect(machine.entries()).toEqual([]);
  });

  test('a triple fault shuts down for good', () => {
    start('90 0f 0b');
    machine.vcpu.processor.setU32(STATE.idtrLimit, 0);
    expect(machine.vcpu.run(100)).toBe('shutdown');
    expect(machine.vcpu.run(100)).toBe('shutdown');
    machine.vcpu.reset();
    expect(machine.vcpu.run(0)).toBe('budget');
  });

  test('a handler that faults at once for ever costs its budget, and time passes', () => {
    start('a1 0000080000000000 00'); // MOV EAX, [80000]
    machine.unmap(0x8_0000);
    machine.setGate(VECTOR.PF, 0x8_0000, 1);
    const begin = machine.vcpu.instructions;
    expect(machine.vcpu.run(1000)).toBe('budget');
    expect(machine.vcpu.instructions - begin).toBe(1000);
    machine.vcpu.injectNmi();
    machine.vcpu.run(100);
    expect(machine.log()[0]!.vector).toBe(2);
  });

  test('an instruction breakpoint on its own handler costs its budget', () => {
    start('0f 23 c3 0f 23 f8 90');
    machine.setGate(VECTOR.DB, CODE + 6, 1);
    machine.setGpr(GPR.RBX, CODE + 6);
    machine.setGpr(GPR.RAX, 1);
    const begin = machine.vcpu.instructions;
    expect(machine.vcpu.run(500)).toBe('budget');
    expect(machine.vcpu.instructions - begin).toBe(500);
  });
});

describe('SoftVcpu.written', () => {
  // A loop that counts in EAX until a device has overwritten its INC with a jump out of it.
  const LOOP = 'ff c0 e6 10 eb fa 90';

  test.each([1_000_000, 1])('code that a device wrote is run as it is now (slices of %d)', (slice) => {
    start(LOOP);
    machine.onPortWrite = () => {
      if (machine.gpr(GPR.RAX) < 100) return;
      machine.memory.bytes.set([0xeb, 0x04], CODE);
      machine.vcpu.written(CODE, 2);
    };
    expect(machine.runToEnd(slice)).toBe('halt');
    expect([machine.gpr(GPR.RAX), machine.rip]).toEqual([100, 9]);
  });

  test('a long transfer finds code in its middle', () => {
    start(LOOP);
    machine.vcpu.run(30);
    machine.memory.bytes.set([0xeb, 0x04], CODE);
    machine.vcpu.written(CODE - 0x3800, 0x8000);
    expect(machine.vcpu.run(100)).toBe('halt');
  });
});
