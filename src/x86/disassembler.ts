import type { DecodedOperand, Instruction } from './instruction.ts';
import { SEG } from './state.ts';

/**
 * Instructions as text in Intel's syntax, as objdump -M intel and the manuals' examples write it:
 * `mov eax,DWORD PTR [rbx+rcx*4-0x8]`. Addresses of branches and RIP-relative operands are absolute.
 */

const LEGACY = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'] as const;
const numbered = (suffix: string): string[] => [8, 9, 10, 11, 12, 13, 14, 15].map((n) => `r${n}${suffix}`);

/** Names by register number. */
const GPR_NAMES: Readonly<Record<number, readonly string[]>> = {
  8: ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil', ...numbered('b')],
  16: [...LEGACY, ...numbered('w')],
  32: [...LEGACY.map((name) => `e${name}`), ...numbered('d')],
  64: [...LEGACY.map((name) => `r${name}`), ...numbered('')],
};
const HIGH_BYTE_NAMES = ['ah', 'ch', 'dh', 'bh'] as const;
const SEGMENT_NAMES = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;

const CONDITIONS = 'o no b ae e ne be a s ns p np l ge le g'.split(' ');

/** Size of a memory operand by its bits; LEA, INVLPG and state areas have none. */
const MEMORY_SIZES: Readonly<Record<number, string>> = {
  8: 'BYTE PTR ',
  16: 'WORD PTR ',
  32: 'DWORD PTR ',
  48: 'FWORD PTR ',
  64: 'QWORD PTR ',
  80: 'TBYTE PTR ',
  128: 'XMMWORD PTR ',
};

/** Names that the operand size decides: of 16, 32 and 64 bits. */
const NAMES_BY_SIZE: Readonly<Record<string, readonly [string, string, string]>> = {
  CBW: ['cbw', 'cwde', 'cdqe'],
  CWD: ['cwd', 'cdq', 'cqo'],
  PUSHA: ['pusha', 'pushad', 'pushad'],
  POPA: ['popa', 'popad', 'popad'],
  PUSHF: ['pushf', 'pushfd', 'pushfq'],
  POPF: ['popf', 'popfd', 'popfq'],
  IRET: ['iret', 'iretd', 'iretq'],
  MOVS: ['movsw', 'movsd', 'movsq'],
  CMPS: ['cmpsw', 'cmpsd', 'cmpsq'],
  STOS: ['stosw', 'stosd', 'stosq'],
  LODS: ['lodsw', 'lodsd', 'lodsq'],
  SCAS: ['scasw', 'scasd', 'scasq'],
  INS: ['insw', 'insd', 'insd'],
  OUTS: ['outsw', 'outsd', 'outsd'],
};

/** Names that the opcode decides where several opcodes share a meaning. */
const NAMES_BY_OPCODE: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  INS: { 0x6c: 'insb' },
  OUTS: { 0x6e: 'outsb' },
  RET: { 0xca: 'retf', 0xcb: 'retf' },
};

/** By the address size. */
const NAMES_BY_ADDRESS_SIZE: Readonly<Record<string, readonly [string, string, string]>> = {
  JCXZ: ['jcxz', 'jecxz', 'jrcxz'],
};

/** With one operand these shift by 1. */
const SHIFTS = new Set(['ROL', 'ROR', 'RCL', 'RCR', 'SHL', 'SHR', 'SAR']);

/** String instructions that stop on ZF: F3 reads REPE there. */
const STOPS_ON_FLAG = /^(CMPS|SCAS)/;

export function disassemble(instruction: Instruction, rip: bigint): string {
  const words = [...prefixes(instruction), mnemonic(instruction)];
  const operands = instruction.operands.map((operand) => operandText(operand, instruction, rip));
  if (operands.length === 1 && SHIFTS.has(instruction.row.semantics.name)) operands.push('1');
  return operands.length === 0 ? words.join(' ') : `${words.join(' ')} ${operands.join(',')}`;
}

function prefixes(instruction: Instruction): readonly string[] {
  const { lock, repeat, row } = instruction;
  const words = lock ? ['lock'] : [];
  if (row.options.repeat === true && repeat !== 'none') {
    const f3 = STOPS_ON_FLAG.test(row.semantics.name) ? 'repe' : 'rep';
    words.push(repeat === 'repne' ? 'repne' : f3);
  }
  return words;
}

function mnemonic(instruction: Instruction): string {
  const { name } = instruction.row.semantics;
  const byOpcode = NAMES_BY_OPCODE[name]?.[instruction.opcode];
  if (byOpcode !== undefined) return byOpcode;
  const bySize = NAMES_BY_SIZE[name]?.[instruction.operandSize >> 5];
  if (bySize !== undefined && instruction.operands.length === 0) return bySize;
  const byAddressSize = NAMES_BY_ADDRESS_SIZE[name]?.[instruction.addressSize >> 5];
  if (byAddressSize !== undefined) return byAddressSize;
  if (name === 'MOVD' && instruction.rexW) return 'movq';
  return name.endsWith('cc')
    ? name.slice(0, -2).toLowerCase() + CONDITIONS[instruction.opcode & 15]!
    : name.toLowerCase();
}

function operandText(operand: DecodedOperand, instruction: Instruction, rip: bigint): string {
  switch (operand.kind) {
    case 'gpr':
      return operand.high ? HIGH_BYTE_NAMES[operand.index]! : GPR_NAMES[operand.width]![operand.index]!;
    case 'memory':
      return memoryText(operand.bits, instruction, rip);
    case 'immediate':
      return hex(operand.value);
    case 'relative': {
      const target = rip + BigInt(instruction.length + operand.displacement);
      return hex(BigInt.asUintN(instruction.operandSize, target));
    }
    case 'far':
      return `${hex(operand.selector)}:${hex(operand.offset)}`;
    case 'xmm':
      return `xmm${operand.index}`;
    case 'mmx':
      return `mm${operand.index}`;
    case 'st':
      return operand.index === 0 ? 'st' : `st(${operand.index})`;
    case 'segment':
      return SEGMENT_NAMES[operand.index]!;
    case 'control':
      return `cr${operand.index}`;
    case 'debug':
      return `dr${operand.index}`;
  }
}

function memoryText(bits: number, instruction: Instruction, rip: bigint): string {
  const { addressSize, base, index, scale, segment, segmentOverridden } = instruction;
  const size = MEMORY_SIZES[bits] ?? '';
  const offset = (BigInt(instruction.displacementHigh) << 32n) | BigInt(instruction.displacement >>> 0);
  const names = GPR_NAMES[addressSize]!;
  const terms = base < 0 ? [] : [names[base]!];
  if (index >= 0) terms.push(addressSize === 16 ? names[index]! : `${names[index]}*${1 << scale}`);
  const override = segmentOverridden ? `${SEGMENT_NAMES[segment]}:` : '';
  if (instruction.ripRelative) {
    const target = BigInt.asUintN(addressSize, rip + BigInt(instruction.length) + offset);
    return `${size}${override}[rip${signedHex(offset)}] # ${hex(target)}`;
  }
  if (terms.length === 0) {
    return `${size}${SEGMENT_NAMES[segmentOverridden ? segment : SEG.DS]}:${hex(BigInt.asUintN(addressSize, offset))}`;
  }
  return `${size}${override}[${terms.join('+')}${instruction.displacement === 0 ? '' : signedHex(offset)}]`;
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;
const signedHex = (value: bigint): string => (value < 0n ? `-${hex(-value)}` : `+${hex(value)}`);
