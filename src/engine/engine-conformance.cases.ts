import { expect, test } from 'vitest';
import { protected32BootState } from '../loaders/boot-state.ts';
import { createCpuid } from '../x86/cpuid/cpuid.ts';
import type { Engine, Vcpu, Vm, VmOps } from './engine.ts';

const MEMORY_BYTES = 4 << 20;
const CODE_GPA = 0x10_0000;
const IDT_GPA = 0x11_0000;
const STACK_GPA = 0x12_0000;
const HANDLER_GPA = 0x13_0000;
const DATA_GPA = 0x20_0000;
const CODE_SELECTOR = 0x10;
const IDT_ENTRIES = 256;
const ENOUGH = 100_000;
const RFLAGS_IF = 1 << 9;

const le32 = (value: number) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

// 32-bit protected mode, flat segments.
const HLT = [0xf4];
const STI = [0xfb];
const JMP_SELF = [0xeb, 0xfe];
const IRET = [0xcf];
const INC_EAX = [0x40];
const OUT_80H_AL = [0xe6, 0x80];
const IN_EAX_DX = [0xed];
const OUT_DX_EAX = [0xef];
const movEax = (value: number) => [0xb8, ...le32(value)];
const movEcx = (value: number) => [0xb9, ...le32(value)];
const movEdx = (value: number) => [0xba, ...le32(value)];
const loadEax = (gpa: number) => [0xa1, ...le32(gpa)];
const storeEax = (gpa: number) => [0xa3, ...le32(gpa)];

interface Call {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** A machine that remembers what it is asked. */
class RecordingOps implements VmOps {
  readonly calls: Call[] = [];
  readonly answers: Partial<VmOps>;

  constructor(answers: Partial<VmOps>) {
    this.answers = answers;
  }

  #call<T>(name: keyof VmOps, args: readonly unknown[], otherwise: T): T {
    this.calls.push({ name, args });
    const answer = this.answers[name] as ((...values: readonly unknown[]) => T) | undefined;
    return answer === undefined ? otherwise : answer(...args);
  }

  portRead = (...args: unknown[]) => this.#call('portRead', args, 0xffff_ffff);
  portWrite = (...args: unknown[]) => this.#call<void>('portWrite', args, undefined);
  isMmio = (gpa: number) => this.answers.isMmio?.(gpa) ?? false;
  mmioRead = (...args: unknown[]) => this.#call('mmioRead', args, 0xffff_ffff);
  mmioWrite = (...args: unknown[]) => this.#call<void>('mmioWrite', args, undefined);
  readMsr = (...args: unknown[]) => this.#call<bigint | undefined>('readMsr', args, undefined);
  writeMsr = (...args: unknown[]) => this.#call('writeMsr', args, false);
  readTaskPriority = (...args: unknown[]) => this.#call('readTaskPriority', args, 0);
  writeTaskPriority = (...args: unknown[]) => this.#call<void>('writeTaskPriority', args, undefined);
  readTsc = (...args: unknown[]) => this.#call('readTsc', args, 0n);
  writeTsc = (...args: unknown[]) => this.#call<void>('writeTsc', args, undefined);
  cpuid = (...args: unknown[]) => this.#call<readonly [number, number, number, number]>('cpuid', args, [0, 0, 0, 0]);
  hypercall = (...args: unknown[]) => this.#call<bigint | undefined>('hypercall', args, undefined);
  acknowledgeInterrupt = (...args: unknown[]) => this.#call('acknowledgeInterrupt', args, -1);
  floatError = (...args: unknown[]) => this.#call<void>('floatError', args, undefined);
  random = (...args: unknown[]) => this.#call('random', args, 0n);
}

interface Setup {
  readonly vm: Vm;
  readonly vcpu: Vcpu;
  readonly ops: RecordingOps;
  eax(): number;
}

/** A VM whose processor is about to run these bytes, with all vectors going to INC EAX; IRET. */
function setUp(
  engine: Engine,
  code: readonly number[],
  answers: Partial<VmOps> = {},
  memoryBytes = MEMORY_BYTES,
): Setup {
  const ops = new RecordingOps(answers);
  const { traits } = createCpuid({ model: 'max', cpuCount: 1, hypervisorLeaf: () => [0, 0, 0, 0] });
  const vm = engine.createVm({ memoryBytes, cpuCount: 1, traits, ops });
  const vcpu = vm.vcpus[0] as Vcpu;
  vm.memory.load(CODE_GPA, Uint8Array.from(code), 'code');
  vm.memory.load(HANDLER_GPA, Uint8Array.from([...INC_EAX, ...IRET]), 'handler');
  for (let vector = 0; vector < IDT_ENTRIES; vector++) {
    vm.memory.writeU32(IDT_GPA + 8 * vector, (CODE_SELECTOR << 16) | (HANDLER_GPA & 0xffff));
    vm.memory.writeU32(IDT_GPA + 8 * vector + 4, (HANDLER_GPA & 0xffff_0000) | 0x8e00);
  }
  const boot = protected32BootState(vm.memory, { rip: CODE_GPA, gprs: { rsp: STACK_GPA } });
  vcpu.reset({ ...boot, idtr: { base: IDT_GPA, limit: 8 * IDT_ENTRIES - 1 } });
  return { vm, vcpu, ops, eax: () => Number(vcpu.registers().gprs.rax) };
}

/** What every engine owes the machine. */
export function engineConformance(engine: Engine): void {
  const start = (code: readonly number[], answers?: Partial<VmOps>) => setUp(engine, code, answers);

  test('memory is of the size asked for, and zero', () => {
    const { vm } = start([]);
    expect(vm.memory.sizeBytes).toBe(MEMORY_BYTES);
    expect(vm.memory.bytes.subarray(DATA_GPA).every((byte) => byte === 0)).toBe(true);
  });

  test('reset puts the processor where the loader says', () => {
    const { vcpu } = start(HLT);
    expect(vcpu.registers()).toMatchObject({ rip: BigInt(CODE_GPA), cpl: 0, efer: 0n, rflags: 2 });
  });

  test('reset without a loader is the reset vector', () => {
    const { vcpu } = start(HLT);
    vcpu.reset();
    expect(vcpu.registers()).toMatchObject({ rip: 0xfff0n, rflags: 2 });
    expect(vcpu.registers().cr0 & 1n).toBe(0n);
  });

  test('run stops when its budget is spent, about', () => {
    const { vcpu } = start(JMP_SELF);
    expect(vcpu.run(10_000)).toEqual({ kind: 'interrupted' });
    expect(vcpu.instructions()).toBeGreaterThan(0);
    expect(vcpu.instructions()).toBeLessThan(20_000);
  });

  test('HLT ends a run, again and again, until an interrupt comes', () => {
    const { vcpu, eax } = start([...STI, ...HLT, ...HLT], { acknowledgeInterrupt: () => 0x40 });
    expect(vcpu.run(ENOUGH)).toEqual({ kind: 'halt' });
    expect(vcpu.run(ENOUGH)).toEqual({ kind: 'halt' });
    expect(eax()).toBe(0);
    vcpu.setInterruptRequest(true);
    vcpu.run(1);
    vcpu.setInterruptRequest(false);
    expect(vcpu.run(ENOUGH)).toEqual({ kind: 'halt' });
    expect(eax()).toBe(1);
    expect(vcpu.registers().rflags & RFLAGS_IF).toBe(RFLAGS_IF);
  });

  test('an interrupt request waits for IF', () => {
    const { vcpu, ops, eax } = start(HLT, { acknowledgeInterrupt: () => 0x40 });
    vcpu.setInterruptRequest(true);
    expect(vcpu.run(ENOUGH)).toEqual({ kind: 'halt' });
    expect(eax()).toBe(0);
    expect(ops.calls).toEqual([]);
  });

  test('an interrupt request that went away delivers nothing', () => {
    const { vcpu, eax } = start([...STI, ...HLT]);
    vcpu.run(ENOUGH);
    vcpu.setInterruptRequest(true);
    expect(vcpu.run(ENOUGH)).toEqual({ kind: 'halt' });
    expect(eax()).toBe(0);
  });

  test('an NMI needs no IF', () => {
    const { vcpu, eax } = start([...HLT, ...HLT]);
    vcpu.run(ENOUGH);
    vcpu.injectNmi();
    expect(vcpu.run(ENOUGH)).toEqual({ kind: 'halt' });
    expect(eax()).toBe(1);
  });

  test('a fault that cannot be delivered shuts the processor down', () => {
    const { vm, vcpu } = start([0x0f, 0x0b]);
    vm.memory.bytes.fill(0, IDT_GPA, IDT_GPA + 8 * IDT_ENTRIES);
    expect(vcpu.run(ENOUGH)).toEqual({ kind: 'shutdown' });
  });

  test('port I/O reaches the machine with its width', () => {
    const code = [...movEax(0x1234_5678), ...movEdx(0xcf8), ...OUT_DX_EAX, ...IN_EAX_DX, 0x66, ...OUT_DX_EAX, ...HLT];
    const { vcpu, ops, eax } = start(code, { portRead: () => 0x8765_4321 });
    vcpu.run(ENOUGH);
    expect(eax()).toBe(0x8765_4321);
    expect(ops.calls).toEqual([
      { name: 'portWrite', args: [0xcf8, 4, 0x1234_5678] },
      { name: 'portRead', args: [0xcf8, 4] },
      { name: 'portWrite', args: [0xcf8, 2, 0x4321] },
    ]);
  });

  test('accesses beyond RAM, and to claimed pages of it, reach the machine', () => {
    const code = [...loadEax(0xfec0_0010), ...storeEax(DATA_GPA + 8), ...HLT];
    const { vm, vcpu, ops } = start(code, {
      isMmio: (gpa) => gpa >= DATA_GPA && gpa < DATA_GPA + 0x1000,
      mmioRead: () => 0x11,
    });
    vcpu.run(ENOUGH);
    expect(ops.calls).toEqual([
      { name: 'mmioRead', args: [0xfec0_0010, 4] },
      { name: 'mmioWrite', args: [DATA_GPA + 8, 4, 0x11] },
    ]);
    expect(vm.memory.readU32(DATA_GPA + 8)).toBe(0);
  });

  test('windowsChanged makes a new window count', () => {
    let claimed = false;
    const code = [...INC_EAX, ...storeEax(DATA_GPA), ...HLT, ...storeEax(DATA_GPA), ...HLT];
    const { vm, vcpu, ops } = start(code, { isMmio: (gpa) => claimed && gpa >= DATA_GPA });
    vcpu.run(ENOUGH);
    expect(vm.memory.readU32(DATA_GPA)).toBe(1);
    claimed = true;
    vm.windowsChanged();
    vcpu.injectNmi();
    vcpu.run(ENOUGH);
    expect(ops.calls).toEqual([{ name: 'mmioWrite', args: [DATA_GPA, 4, 2] }]);
  });

  test('requestExit from a device ends the run', () => {
    const { vcpu } = start([...OUT_80H_AL, ...JMP_SELF], { portWrite: () => vcpu.requestExit() });
    expect(vcpu.run(1e9)).toEqual({ kind: 'interrupted' });
    expect(vcpu.instructions()).toBeLessThan(ENOUGH);
  });

  test('instructions are counted up to the moment a device is asked', () => {
    const seen: number[] = [];
    const { vcpu } = start([...INC_EAX, ...OUT_80H_AL, ...INC_EAX, ...INC_EAX, ...OUT_80H_AL, ...HLT], {
      portWrite: () => void seen.push(vcpu.instructions()),
    });
    vcpu.run(ENOUGH);
    expect((seen[1] ?? 0) - (seen[0] ?? 0)).toBe(3);
  });

  test('memory.written makes changed code count', () => {
    const { vm, vcpu, eax } = start([...movEax(1), ...HLT]);
    vcpu.run(ENOUGH);
    expect(eax()).toBe(1);
    vm.memory.writeU32(CODE_GPA + 1, 0x77);
    vm.memory.written(CODE_GPA + 1, 4);
    vcpu.reset(protected32BootState(vm.memory, { rip: CODE_GPA, gprs: {} }));
    vcpu.run(ENOUGH);
    expect(eax()).toBe(0x77);
  });

  test('code above 2 GiB runs, across pages, and changes', () => {
    const gpa = 0x8000_0ffd;
    const { vm, vcpu, eax } = setUp(engine, [], {}, 0x8010_0000);
    const run = () => {
      vcpu.reset(protected32BootState(vm.memory, { rip: gpa, gprs: {} }));
      return vcpu.run(ENOUGH);
    };
    vm.memory.load(gpa, Uint8Array.from([...movEax(0x11), ...HLT]), 'code');
    expect([run(), eax()]).toEqual([{ kind: 'halt' }, 0x11]);
    vm.memory.writeU8(gpa + 1, 0x22);
    vm.memory.written(gpa + 1, 1);
    expect([run(), eax()]).toEqual([{ kind: 'halt' }, 0x22]);
  });

  test('a closed A20 gate folds odd megabytes onto even ones', () => {
    const { vm, vcpu, eax } = start([...loadEax(DATA_GPA + 0x10_0000), ...HLT]);
    vm.memory.writeU32(DATA_GPA, 0xaa);
    vm.memory.writeU32(DATA_GPA + 0x10_0000, 0xbb);
    // The code itself lies in an odd megabyte.
    vm.memory.bytes.copyWithin(0, CODE_GPA, CODE_GPA + 0x100);
    vm.setA20(false);
    vcpu.run(ENOUGH);
    expect(eax()).toBe(0xaa);
  });

  test('CPUID, RDTSC, RDRAND, MSRs and hypercalls are the machine’s', () => {
    const code = [
      ...[...movEax(7), 0x31, 0xc9, 0x0f, 0xa2], // XOR ECX, ECX; CPUID
      ...[0x0f, 0x31], // RDTSC
      ...[...movEcx(0x4b56_4d01), 0x31, 0xd2, 0x0f, 0x30], // WRMSR
      ...[0x0f, 0x32], // RDMSR
      ...[...movEax(9), 0x0f, 0x01, 0xc1], // VMCALL
      ...[0x0f, 0xc7, 0xf0], // RDRAND EAX
      ...HLT,
    ];
    const { vcpu, ops, eax } = start(code, {
      cpuid: () => [1, 2, 3, 4],
      readTsc: () => 0x55n,
      writeMsr: () => true,
      readMsr: () => 0x66n,
      hypercall: () => 0n,
      random: () => 0x1234n,
    });
    expect(vcpu.run(ENOUGH)).toEqual({ kind: 'halt' });
    expect(eax()).toBe(0x1234);
    expect(ops.calls.map(({ name, args }) => [name, ...args.slice(0, 3)])).toEqual([
      ['cpuid', 0, 7, 0],
      ['readTsc', 0],
      ['writeMsr', 0, 0x4b56_4d01, 0x55n],
      ['readMsr', 0, 0x4b56_4d01],
      ['hypercall', 0, 9n, expect.anything()],
      ['random'],
    ]);
  });

  test.each([
    ['an unknown MSR', [...movEcx(0x1234_5678), 0x0f, 0x32]],
    ['a hypercall that nobody answers', [0x0f, 0x01, 0xc1]],
  ])('%s is an exception', (_name, code) => {
    const { vm, vcpu } = start([...code, ...HLT]);
    // The handler stops: what faults would fault again.
    vm.memory.load(HANDLER_GPA, Uint8Array.from([...movEax(0xdead), ...HLT]), 'handler');
    vm.memory.written(HANDLER_GPA, 8);
    expect(vcpu.run(ENOUGH)).toEqual({ kind: 'halt' });
    expect(vcpu.registers()).toMatchObject({ gprs: { rax: 0xdeadn } });
  });
}
