import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { NO_MMIO, NO_MMU_CACHE } from '../../src/cpu/processor/mmio.ts';
import { SoftProcessor } from '../../src/cpu/processor/soft-processor.ts';
import { GuestMemory } from '../../src/memory/guest-memory.ts';
import { Decoder } from '../../src/x86/decoder.ts';
import { opcodeMaps } from '../../src/x86/opcodes/maps.ts';
import type { FeatureSet } from '../../src/x86/opcodes/row.ts';
import type { Platform } from '../../src/x86/processor.ts';
import { ATTR, CR0, CR4, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../../src/x86/state.ts';

/** x87 instructions on the software processor: flat 32-bit protected mode without paging, EDI at the operand. */

const OPERAND = 0x1000;
const LIMIT = 0xffff;
const STATE_BYTES = STATE.SIZE_BYTES;
const FEATURES: FeatureSet = new Set(['fpu', 'cmov', 'sse3', 'fxsr', 'sse', 'sse2']);

class Machine {
  readonly memory: GuestMemory;
  readonly cpu: SoftProcessor;
  floatErrors = 0;
  readonly #decoder = new Decoder(opcodeMaps());

  constructor() {
    const buffer = new ArrayBuffer(STATE_BYTES + 0x1_0000);
    this.memory = new GuestMemory(buffer, STATE_BYTES, 0x1_0000);
    const platform: Platform = {
      portRead: () => 0,
      portWrite: () => {},
      readMsr: () => undefined,
      writeMsr: () => false,
      readCr8: () => 0,
      writeCr8: () => {},
      readTsc: () => 0n,
      writeTsc: () => {},
      cpuid: () => [0, 0, 0, 0],
      hypercall: () => undefined,
      floatError: () => {
        this.floatErrors++;
      },
      random: () => 0n,
    };
    const traits = {
      vendor: 'intel',
      features: FEATURES,
      cr4Mask: -1,
      eferMask: -1,
      xcr0Mask: 0,
      xssMask: 0,
      pages1GiB: false,
    } as const;
    const options = { memory: this.memory, stateBase: 0, cache: NO_MMU_CACHE, mmio: NO_MMIO, platform, traits };
    this.cpu = new SoftProcessor(options);
    this.reset(CR0.PE | CR0.NE | CR0.MP);
  }

  reset(cr0: number, bits: 16 | 32 = 32): void {
    const { cpu } = this;
    cpu.setU64(STATE.cr0, BigInt(cr0));
    cpu.setU64(STATE.cr4, BigInt(CR4.OSFXSR));
    const size = bits === 32 ? ATTR.DB : 0;
    for (let segment = 0; segment < 6; segment++) {
      const at = STATE.segments + SEGMENT_BYTES * segment;
      const type = segment === SEG.CS ? ATTR.CODE | ATTR.READABLE : ATTR.WRITABLE;
      cpu.setU32(at + SEGMENT.selector, segment === SEG.CS ? 0x08 : 0x10);
      cpu.setU32(at + SEGMENT.attributes, ATTR.S | ATTR.P | ATTR.ACCESSED | size | type);
      cpu.setU32(at + SEGMENT.limit, LIMIT);
    }
    cpu.writeGpr(7, 32, BigInt(OPERAND));
    cpu.writeGpr(3, 32, BigInt(OPERAND));
    cpu.setRflags(RFLAGS.FIXED);
    cpu.updateMode();
    this.run(0xdb, 0xe3);
  }

  /** The exception's vector, or undefined. Encodings use [EDI] (32-bit) or [BX] (16-bit): both are ModR/M.rm 7. */
  run(...code: number[]): number | undefined {
    const { cpu } = this;
    const bytes = new Uint8Array(16);
    bytes.set(code);
    const instruction = this.#decoder.decode(bytes, 0, 16, cpu.u32(STATE.mode), FEATURES);
    if (instruction.row === undefined) return VECTOR.UD;
    return cpu.runProcedure(instruction) ? undefined : cpu.u32(STATE.faultVector);
  }

  name(...code: number[]): string {
    const bytes = new Uint8Array(16);
    bytes.set(code);
    const instruction = this.#decoder.decode(bytes, 0, 16, this.cpu.u32(STATE.mode), FEATURES);
    return instruction.row?.semantics.name ?? '';
  }

  push(...values: bigint[]): void {
    for (const value of values) {
      this.store(value, 10);
      expect(this.run(0xdb, 0x2f)).toBeUndefined();
    }
  }

  store(value: bigint, bytes: number): void {
    for (let i = 0; i < bytes; i++) this.memory.writeU8(OPERAND + i, Number((value >> BigInt(8 * i)) & 0xffn));
  }

  load(bytes: number, offset = 0): bigint {
    let value = 0n;
    for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.memory.readU8(OPERAND + offset + i));
    return value;
  }

  st(i: number): bigint {
    const physical = ((this.status >> 11) + i) & 7;
    const at = STATE.x87 + 16 * physical;
    return this.cpu.u64(at) | (BigInt(this.cpu.u32(at + 8)) << 64n);
  }

  get status(): number {
    return this.cpu.u32(STATE.fsw);
  }

  get tags(): number {
    return this.cpu.u32(STATE.ftw);
  }

  setControl(controlWord: number): void {
    this.store(BigInt(controlWord), 2);
    expect(this.run(0xd9, 0x2f)).toBeUndefined();
  }
}

const ONE = (16383n << 64n) | (1n << 63n);
const TWO = (16384n << 64n) | (1n << 63n);
const THREE = (16384n << 64n) | (3n << 62n);
const MINUS = 1n << 79n;
const INDEFINITE = 0xffff_c000_0000_0000_0000n;
const IE = 0x01;
const ZE = 0x04;
const PE = 0x20;
const SF = 0x40;
const ES = 0x80;
const C1 = 0x200;
const B = 0x8000;
const CONDITION_CODES = 0x4500;
const EXCEPTIONS = 0x7f;

let machine: Machine;
beforeEach(() => {
  machine = new Machine();
});

describe('stack faults', () => {
  test('FADD of an empty register yields the indefinite and sets IE and SF, not C1', () => {
    machine.push(ONE);
    machine.run(0xd8, 0xc1);
    expect(machine.st(0)).toBe(INDEFINITE);
    expect(machine.status & (EXCEPTIONS | C1)).toBe(IE | SF);
  });

  test('FLD onto a full stack yields the indefinite and sets C1', () => {
    machine.push(ONE, ONE, ONE, ONE, ONE, ONE, ONE, ONE);
    machine.run(0xd9, 0xe8);
    expect(machine.st(0)).toBe(INDEFINITE);
    expect(machine.status & (EXCEPTIONS | C1)).toBe(IE | SF | C1);
  });

  test('FLD with an unmasked overflow leaves the stack and the register alone', () => {
    machine.push(TWO, ONE, ONE, ONE, ONE, ONE, ONE, ONE);
    machine.setControl(0x37e);
    const top = machine.status & 0x3800;
    machine.run(0xd9, 0xee);
    expect(machine.status).toBe(top | IE | SF | C1 | ES | B);
    expect(machine.st(7)).toBe(TWO);
  });

  test.each([
    ['FST m32', [0xd9, 0x17], 4, 0xffc0_0000n],
    ['FSTP m80', [0xdb, 0x3f], 10, INDEFINITE],
    ['FIST m16', [0xdf, 0x17], 2, 0x8000n],
    ['FISTTP m64', [0xdd, 0x0f], 8, 1n << 63n],
    ['FBSTP', [0xdf, 0x37], 10, 0xffff_c000_0000_0000_0000n],
  ])('%s of an empty register stores the indefinite', (_name, code, bytes, expected) => {
    machine.run(...code);
    expect(machine.load(bytes)).toBe(expected);
    expect(machine.status & EXCEPTIONS).toBe(IE | SF);
  });
});

describe('pending exceptions', () => {
  const divideByZero = (): void => {
    machine.setControl(0x37b);
    machine.push(0n, ONE);
    machine.run(0xd8, 0xf1);
  };

  test('an unmasked exception keeps the operands and raises #MF at the next waiting instruction', () => {
    divideByZero();
    expect(machine.st(0)).toBe(ONE);
    expect(machine.status & (ZE | ES | B)).toBe(ZE | ES | B);
    for (const code of [[0x9b], [0xd9, 0xe8], [0xd9, 0xd0], [0xd9, 0x2f]]) expect(machine.run(...code)).toBe(VECTOR.MF);
  });

  test('FNSTSW, FNSTCW, FNSTENV, FNCLEX and FNINIT do not wait', () => {
    for (const code of [
      [0xdf, 0xe0],
      [0xd9, 0x3f],
      [0xd9, 0x37],
      [0xdb, 0xe2],
      [0xdb, 0xe3],
    ]) {
      divideByZero();
      expect(machine.run(...code)).toBeUndefined();
      machine.run(0xdb, 0xe3);
    }
  });

  test('FNCLEX clears the exception, FLDCW that unmasks a flag makes it pending', () => {
    machine.push(0n, ONE);
    machine.run(0xd8, 0xf1);
    expect(machine.run(0x9b)).toBeUndefined();
    machine.setControl(0x37b);
    expect(machine.run(0x9b)).toBe(VECTOR.MF);
    machine.run(0xdb, 0xe2);
    expect(machine.run(0x9b)).toBeUndefined();
  });

  test('with CR0.NE clear the platform gets FERR# instead', () => {
    divideByZero();
    machine.cpu.setU64(STATE.cr0, BigInt(CR0.PE));
    expect(machine.run(0x9b)).toBeUndefined();
    expect(machine.floatErrors).toBe(1);
  });

  test.each([
    [0, undefined],
    [CR0.TS, undefined],
    [CR0.MP, undefined],
    [CR0.EM | CR0.TS, undefined],
    [CR0.MP | CR0.TS, VECTOR.NM],
  ])('FWAIT with CR0 bits %i raises %s', (bits, vector) => {
    machine.cpu.setU64(STATE.cr0, BigInt(CR0.PE | CR0.NE | bits));
    expect(machine.run(0x9b)).toBe(vector);
  });
});

describe('arithmetic', () => {
  const THREE_OP: [string, number[], bigint][] = [
    ['FADD ST0, ST1', [0xd8, 0xc1], THREE],
    ['FSUB ST0, ST1', [0xd8, 0xe1], ONE | MINUS],
    ['FSUBR ST0, ST1', [0xd8, 0xe9], ONE],
    ['FMUL ST0, ST1', [0xd8, 0xc9], TWO],
    ['FDIVR ST0, ST1', [0xd8, 0xf9], TWO],
    ['FSUBRP ST1, ST0', [0xde, 0xe1], ONE | MINUS],
    ['FSUBP ST1, ST0', [0xde, 0xe9], ONE],
    ['FDIVP ST1, ST0', [0xde, 0xf9], TWO],
  ];
  test.each(THREE_OP)('%s with ST0 = 1 and ST1 = 2', (_name, code, expected) => {
    machine.push(TWO, ONE);
    machine.run(...code);
    expect(machine.st(0)).toBe(expected);
  });

  test('FIADD m16 adds a signed integer, FADD m64 a double', () => {
    machine.push(THREE);
    machine.store(0xffffn, 2);
    machine.run(0xde, 0x07);
    expect(machine.st(0)).toBe(TWO);
    machine.store(0x3ff0_0000_0000_0000n, 8);
    machine.run(0xdc, 0x07);
    expect(machine.st(0)).toBe(THREE);
  });

  test('FPTAN and FSINCOS push, and set C2 instead for an argument of 2^63', () => {
    machine.push(0n);
    machine.run(0xd9, 0xf2);
    expect([machine.st(0), machine.st(1)]).toEqual([ONE, 0n]);
    machine.push((BigInt(16383 + 63) << 64n) | (1n << 63n));
    const before = machine.status & 0x3800;
    machine.run(0xd9, 0xfb);
    expect(machine.status & (0x3800 | 0x400)).toBe(before | 0x400);
  });
});

test.each([
  ['FCOM less', ONE, TWO, [0xd8, 0xd1], 0x100],
  ['FCOM equal', ONE, ONE, [0xd8, 0xd1], 0x4000],
  ['FCOM greater', TWO, ONE, [0xd8, 0xd1], 0],
  ['FUCOM unordered', INDEFINITE, ONE, [0xdd, 0xe1], 0x4500],
])('%s', (_name, st0, st1, code, codes) => {
  machine.push(st1, st0);
  machine.run(...code);
  expect(machine.status & (CONDITION_CODES | EXCEPTIONS)).toBe(codes);
});

test.each([
  ['less', ONE, TWO, RFLAGS.CF],
  ['equal', ONE, ONE, RFLAGS.ZF],
  ['greater', TWO, ONE, 0],
  ['unordered', INDEFINITE, ONE, RFLAGS.ZF | RFLAGS.PF | RFLAGS.CF],
])('FUCOMI %s sets EFLAGS and clears OF, SF and AF', (_name, st0, st1, flags) => {
  machine.push(st1, st0);
  machine.cpu.setRflags(RFLAGS.FIXED | RFLAGS.OF | RFLAGS.SF | RFLAGS.AF);
  machine.run(0xdb, 0xe9);
  expect(machine.cpu.rflags()).toBe(RFLAGS.FIXED | flags);
});

test.each([
  ['+normal', ONE, 0x400],
  ['-normal', ONE | MINUS, 0x400 | C1],
  ['+0', 0n, 0x4000],
  ['+infinity', 0x7fff_8000_0000_0000_0000n, 0x500],
  ['NaN', INDEFINITE, 0x100 | C1],
  ['denormal', 1n, 0x4400],
  ['unnormal', 0x3fff_0000_0000_0000_0001n, 0],
])('FXAM of %s', (_name, value, codes) => {
  machine.push(value);
  machine.run(0xd9, 0xe5);
  expect(machine.status & (CONDITION_CODES | C1)).toBe(codes);
});

test('FXAM of an empty register', () => {
  machine.run(0xd9, 0xe5);
  expect(machine.status & CONDITION_CODES).toBe(0x4100);
});

test('FCMOVE moves on ZF only', () => {
  machine.push(TWO, ONE);
  machine.run(0xda, 0xc9);
  expect(machine.st(0)).toBe(ONE);
  machine.cpu.setRflags(RFLAGS.FIXED | RFLAGS.ZF);
  machine.run(0xda, 0xc9);
  expect(machine.st(0)).toBe(TWO);
});

test('FFREE, FINCSTP and FDECSTP change tags and TOP alone', () => {
  machine.push(ONE, TWO);
  machine.run(0xdd, 0xc1);
  machine.run(0xd9, 0xf7);
  expect(machine.tags).toBe(0xcfff);
  machine.run(0xd9, 0xf6);
  expect(machine.st(0)).toBe(TWO);
});

test('a store that faults changes nothing', () => {
  machine.push(THREE);
  machine.cpu.writeGpr(7, 32, BigInt(LIMIT));
  const before = [machine.status, machine.tags, machine.st(0)];
  for (const code of [
    [0xd9, 0x1f],
    [0xdf, 0x3f],
    [0xdd, 0x37],
    [0xd9, 0x37],
    [0x0f, 0xae, 0x47, 0x01],
  ]) {
    expect(machine.run(...code)).toBe(VECTOR.GP);
    expect([machine.status, machine.tags, machine.st(0)]).toEqual(before);
  }
});

describe('environment', () => {
  /** FDIV m32 at EIP 0x12345 of one by three: pointers and PE are set. */
  const leaveTrace = (cr0: number, bits: 16 | 32): void => {
    machine.reset(cr0, bits);
    machine.push(ONE);
    machine.store(0x4040_0000n, 4);
    machine.cpu.setU64(STATE.rip, 0x1234n);
    machine.run(0xd8, 0x37);
  };

  test('32-bit protected format', () => {
    leaveTrace(CR0.PE, 32);
    machine.run(0xd9, 0x37);
    const words = Array.from({ length: 7 }, (_, n) => Number(machine.load(4, 4 * n)));
    const status = 0x3800 | PE | C1;
    expect(words).toEqual([0xffff037f, 0xffff0000 + status, 0xffff3fff, 0x1234, 0x0037_0008, OPERAND, 0xffff0010]);
  });

  test('16-bit protected format', () => {
    leaveTrace(CR0.PE, 16);
    machine.run(0xd9, 0x37);
    const words = Array.from({ length: 7 }, (_, n) => Number(machine.load(2, 2 * n)));
    expect(words).toEqual([0x037f, 0x3800 | PE | C1, 0x3fff, 0x1234, 0x08, OPERAND, 0x10]);
  });

  test('16-bit real format holds linear addresses and the opcode', () => {
    leaveTrace(0, 16);
    machine.run(0xd9, 0x37);
    const words = Array.from({ length: 7 }, (_, n) => Number(machine.load(2, 2 * n)));
    // 08h * 16 + 1234h, 10h * 16 + 1000h
    expect(words).toEqual([0x037f, 0x3800 | PE | C1, 0x3fff, 0x12b4, 0x037, 0x1100, 0]);
  });

  test('32-bit real format', () => {
    leaveTrace(0, 16);
    machine.run(0x66, 0xd9, 0x37);
    const words = Array.from({ length: 7 }, (_, n) => Number(machine.load(4, 4 * n)));
    expect(words.slice(3)).toEqual([0xffff_12b4, 0x037, 0xffff_1100, 0]);
  });

  test('FNSTENV masks all exceptions, FNSAVE initializes', () => {
    machine.setControl(0x340);
    machine.run(0xd9, 0x37);
    expect(machine.cpu.u32(STATE.fcw)).toBe(0x37f);
    machine.push(ONE);
    machine.run(0xdd, 0x37);
    expect([machine.status, machine.tags]).toEqual([0, 0xffff]);
  });

  const anyRegisters = fc.array(fc.bigInt({ min: 0n, max: (1n << 80n) - 1n }), { maxLength: 8 });
  test.each([
    ['FNSAVE and FRSTOR', [0xdd, 0x37], [0xdd, 0x27]],
    ['FNSAVE and FRSTOR, 16-bit', [0x66, 0xdd, 0x37], [0x66, 0xdd, 0x27]],
    ['FXSAVE and FXRSTOR', [0x0f, 0xae, 0x07], [0x0f, 0xae, 0x0f]],
  ])('%s restore registers, status and tags', (_name, save, restore) => {
    fc.assert(
      fc.property(anyRegisters, fc.integer({ min: 0, max: 7 }), (values, turn) => {
        machine.run(0xdb, 0xe3);
        machine.push(...values);
        for (let i = 0; i < turn; i++) machine.run(0xd9, 0xf7);
        const empty = Array.from({ length: 8 }, (_, i) => ((machine.tags >> (2 * i)) & 3) === 3);
        const before = [machine.status, ...Array.from({ length: 8 }, (_, i) => machine.st(i))];
        machine.run(...save);
        machine.run(0xdb, 0xe3);
        machine.run(...restore);
        expect([machine.status, ...Array.from({ length: 8 }, (_, i) => machine.st(i))]).toEqual(before);
        expect(Array.from({ length: 8 }, (_, i) => ((machine.tags >> (2 * i)) & 3) === 3)).toEqual(empty);
      }),
      { numRuns: 30 },
    );
  });

  test('the tag word tells valid, zero, special and empty', () => {
    machine.push(ONE, 0n, INDEFINITE);
    machine.run(0xd9, 0x37);
    expect(machine.load(2, 8)).toBe(0b00_01_10_11_11_11_11_11n);
  });

  test('FXSAVE off a 16-byte boundary and FXRSTOR of reserved MXCSR bits raise #GP(0)', () => {
    expect(machine.run(0x0f, 0xae, 0x47, 0x08)).toBe(VECTOR.GP);
    machine.run(0x0f, 0xae, 0x07);
    machine.memory.writeU8(OPERAND + 26, 1);
    expect(machine.run(0x0f, 0xae, 0x0f)).toBe(VECTOR.GP);
  });
});

test('register encodings without meaning are invalid, all others are decoded', () => {
  const invalid: string[] = [];
  for (let opcode = 0xd8; opcode <= 0xdf; opcode++) {
    for (let modrm = 0xc0; modrm <= 0xff; modrm++) {
      if (machine.name(opcode, modrm) === '') invalid.push(((opcode << 8) | modrm).toString(16));
    }
  }
  expect(invalid.join(' ')).toBe(
    [
      'd9d1 d9d2 d9d3 d9d4 d9d5 d9d6 d9d7 d9e2 d9e3 d9e6 d9e7 d9ef',
      'dae0 dae1 dae2 dae3 dae4 dae5 dae6 dae7 dae8 daea daeb daec daed daee daef',
      'daf0 daf1 daf2 daf3 daf4 daf5 daf6 daf7 daf8 daf9 dafa dafb dafc dafd dafe daff',
      'dbe5 dbe6 dbe7 dbf8 dbf9 dbfa dbfb dbfc dbfd dbfe dbff',
      'ddf0 ddf1 ddf2 ddf3 ddf4 ddf5 ddf6 ddf7 ddf8 ddf9 ddfa ddfb ddfc ddfd ddfe ddff',
      'ded8 deda dedb dedc dedd dede dedf',
      'dfe1 dfe2 dfe3 dfe4 dfe5 dfe6 dfe7 dff8 dff9 dffa dffb dffc dffd dffe dfff',
    ].join(' '),
  );
});
