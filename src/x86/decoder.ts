import {
  type Branch,
  CHOICE,
  CompiledMap,
  FIND,
  type Form,
  NEEDS,
  type Node,
  SIZE,
  SIZE_BITS,
  type Template,
} from './decoding/form.ts';
import { readImmediate, readRelative } from './decoding/immediate.ts';
import { InstructionBytes } from './decoding/instruction-bytes.ts';
import { MemoryReference } from './decoding/memory-reference.ts';
import {
  BYTE_IMMEDIATES,
  CONTROL_OPERANDS,
  DEBUG_OPERANDS,
  GPR_OPERANDS,
  HIGH_BYTE_OPERANDS,
  MEMORY_OPERANDS,
  MMX_OPERANDS,
  SEGMENT_OPERANDS,
  ST_OPERANDS,
  XMM_OPERANDS,
} from './decoding/operands.ts';
import { MANDATORY, Prefixes } from './decoding/prefixes.ts';
import type { DecodedOperand, Instruction, Repeat } from './instruction.ts';
import { type OpcodeMaps, opcodeMaps } from './opcodes/maps.ts';
import type { FeatureSet } from './opcodes/row.ts';
import { MODE } from './processor-mode.ts';

/** Why there is no instruction: #UD, #GP(0) for more than 15 bytes, or bytes beyond `end` are needed. */
export interface DecodeFailure {
  readonly kind: 'invalid' | 'too-long' | 'more';
  /** Tells failures from instructions. */
  readonly row: undefined;
}
export type DecodeResult = Instruction | DecodeFailure;

const INVALID: DecodeFailure = { kind: 'invalid', row: undefined };
const TOO_LONG: DecodeFailure = { kind: 'too-long', row: undefined };
const MORE: DecodeFailure = { kind: 'more', row: undefined };

const NO_OPERANDS: readonly DecodedOperand[] = [];

/** By MANDATORY. */
const REPEATS: readonly Repeat[] = ['none', 'none', 'repe', 'repne'];

const REX_B = 1;
const REX_R = 4;
const REX_W = 8;

/** CR0, CR2, CR3, CR4 and CR8 exist. */
const CONTROL_REGISTERS = 0b1_0001_1101;

/** Turns bytes into instructions. One instance may serve all vCPUs of a thread: no state outlives a call. */
export class Decoder {
  readonly #maps: Readonly<Record<keyof OpcodeMaps, CompiledMap>>;
  readonly #bytes = new InstructionBytes();
  readonly #prefixes = new Prefixes();
  readonly #memory = new MemoryReference();
  #mode = 0;
  #mode64 = false;
  /** REX, or its equivalent in VEX. */
  #rex = 0;
  /** VEX.pp as MANDATORY, or -1 without VEX. */
  #vexPrefix = -1;
  #vvvv = 0;
  #opcode = 0;
  /** -1 before it is read. */
  #modrm = -1;
  #operandSize: 16 | 32 | 64 = 32;
  #addressSize: 16 | 32 | 64 = 32;
  #immediates = 0;
  #immediate2 = 0;
  /** A register that does not exist was named. */
  #noSuchRegister = false;

  constructor(maps: OpcodeMaps) {
    this.#maps = {
      primary: new CompiledMap(maps.primary, 'optional'),
      map0f: new CompiledMap(maps.map0f, 'by form'),
      map0f38: new CompiledMap(maps.map0f38, 'mandatory'),
      map0f3a: new CompiledMap(maps.map0f3a, 'mandatory'),
      vex0f38: new CompiledMap(maps.vex0f38, 'mandatory'),
      vex0f3a: new CompiledMap(maps.vex0f3a, 'mandatory'),
    };
  }

  /**
   * The instruction at `offset` of `bytes`, of which those before `end` may be read. `mode` holds MODE bits.
   * X87_TRAP and SSE_TRAP are the caller's to check, by `row.options.unit`.
   */
  decode(bytes: Uint8Array, offset: number, end: number, mode: number, features: FeatureSet): DecodeResult {
    this.#bytes.start(bytes, offset, end);
    this.#mode = mode;
    this.#mode64 = (mode & MODE.CODE_SIZE) === MODE.CODE_64;
    this.#modrm = -1;
    this.#vexPrefix = -1;
    this.#vvvv = 0;
    const first = this.#prefixes.read(this.#bytes, this.#mode64);
    this.#rex = this.#prefixes.rex;
    const form = this.#form(this.#opcodeNode(first), features);
    if (form === undefined) return this.#bytes.overrun ? this.#incomplete() : INVALID;
    this.#operandSize = this.#operandSizeOf(form);
    this.#addressSize = this.#addressSizeOf();
    this.#memory.clear();
    this.#noSuchRegister = false;
    const operands = this.#locate(form) ? this.#operands(form) : undefined;
    if (this.#bytes.overrun) return this.#incomplete();
    if (operands === undefined || this.#noSuchRegister) return INVALID;
    return this.#instruction(form, operands);
  }

  #incomplete(): DecodeFailure {
    return this.#bytes.cut ? MORE : TOO_LONG;
  }

  #instruction(form: Form, operands: readonly DecodedOperand[]): Instruction {
    const memory = this.#memory;
    const { lock, repeat, segment } = this.#prefixes;
    return {
      row: form.row,
      length: this.#bytes.length,
      lock,
      repeat: REPEATS[repeat]!,
      operandSize: this.#operandSize,
      addressSize: this.#addressSize,
      rexW: (this.#rex & REX_W) !== 0,
      opcode: this.#opcode,
      modrm: Math.max(this.#modrm, 0),
      segment: segment < 0 ? memory.segment : segment,
      segmentOverridden: segment >= 0,
      base: memory.base,
      index: memory.index,
      scale: memory.scale,
      displacement: memory.displacement,
      displacementHigh: memory.displacementHigh,
      ripRelative: memory.ripRelative,
      immediate2: this.#immediate2,
      operands,
    };
  }

  /** Follows the escape bytes to the map and its entry. */
  #opcodeNode(first: number): Node | undefined {
    if (first === 0x0f) return this.#escapedNode();
    if ((first === 0xc4 || first === 0xc5) && this.#isVex()) return this.#vexNode(first);
    this.#opcode = first;
    return this.#maps.primary.node(first);
  }

  #escapedNode(): Node | undefined {
    const second = this.#bytes.u8();
    if (second !== 0x38 && second !== 0x3a) {
      this.#opcode = second;
      return this.#maps.map0f.node(second);
    }
    this.#opcode = this.#bytes.u8();
    return (second === 0x38 ? this.#maps.map0f38 : this.#maps.map0f3a).node(this.#opcode);
  }

  /** Outside 64-bit mode C4 and C5 are LES and LDS unless a register form follows, which those lack (SDM Vol. 2A §2.3.5). */
  #isVex(): boolean {
    return this.#mode64 || ((this.#mode & MODE.PROTECTED) !== 0 && this.#bytes.peek() >= 0xc0);
  }

  /** SDM Vol. 2A §2.3.5 "The VEX Prefix". Only the general-register instructions of BMI1 and BMI2 have rows so far. */
  #vexNode(first: number): Node | undefined {
    const byte1 = this.#bytes.u8();
    if (first === 0xc5 || this.#prefixes.excludeVex) return undefined;
    const byte2 = this.#bytes.u8();
    this.#opcode = this.#bytes.u8();
    // byte1: [7] ~R [6] ~X [5] ~B [4:0] map   byte2: [7] W [6:3] ~vvvv [2] L [1:0] pp
    this.#vexPrefix = byte2 & 3;
    this.#vvvv = (~byte2 >> 3) & 15;
    if (this.#mode64) this.#rex = 0x40 | ((byte2 & 0x80) >> 4) | ((~byte1 >> 5) & 7);
    else this.#vvvv &= 7;
    const vectorLength = byte2 & 4;
    if (vectorLength !== 0) return undefined;
    const map = byte1 & 31;
    if (map === 2) return this.#maps.vex0f38.node(this.#opcode);
    return map === 3 ? this.#maps.vex0f3a.node(this.#opcode) : undefined;
  }

  #modrmByte(): number {
    if (this.#modrm < 0) this.#modrm = this.#bytes.u8();
    return this.#modrm;
  }

  /** Makes the choices down to one form, and checks what the mode and the processor must offer. */
  #form(entry: Node | undefined, features: FeatureSet): Form | undefined {
    let node = entry;
    while (node !== undefined && node.choice !== CHOICE.ROW) {
      if (node.choice === CHOICE.REG) node = node.children[(this.#modrmByte() >> 3) & 7];
      else if (node.choice === CHOICE.PREFIX) node = this.#byPrefix(node);
      else if (node.choice === CHOICE.MODE) node = node.children[this.#mode64 ? 0 : 1];
      else if (node.choice === CHOICE.REX) node = node.children[(this.#rex & node.rexBit) !== 0 ? 1 : 0];
      else node = node.children[this.#modrmByte() >= 0xc0 ? 1 + (this.#modrm & 7) : 0];
    }
    while (node?.feature !== undefined && !features.has(node.feature)) node = node.without;
    if (node === undefined) return undefined;
    const { needs } = node;
    if ((needs & (this.#mode64 ? NEEDS.NOT_64_BIT : NEEDS.ONLY_64_BIT)) !== 0) return undefined;
    if ((needs & NEEDS.PROTECTED) !== 0 && (this.#mode & MODE.PROTECTED) === 0) return undefined;
    if ((needs & NEEDS.VVVV) === 0 && this.#vvvv !== 0) return undefined;
    return node;
  }

  #byPrefix(branch: Branch): Node | undefined {
    const { children, optionalPrefix } = branch;
    if (this.#vexPrefix >= 0) return children[this.#vexPrefix];
    const { repeat, operandSize } = this.#prefixes;
    if (repeat !== MANDATORY.NONE) {
      const child = children[repeat];
      if (!optionalPrefix || child !== undefined) {
        this.#prefixes.repeat = MANDATORY.NONE;
        return child;
      }
    }
    if (!operandSize) return children[MANDATORY.NONE];
    return children[MANDATORY.P66] ?? (optionalPrefix ? children[MANDATORY.NONE] : undefined);
  }

  #operandSizeOf(form: Form): 16 | 32 | 64 {
    const { needs } = form;
    const { operandSize } = this.#prefixes;
    if (!this.#mode64) {
      if ((needs & NEEDS.WHOLE_REGISTER) !== 0) return 32;
      const code32 = (this.#mode & MODE.CODE_SIZE) === MODE.CODE_32;
      return code32 === operandSize ? 16 : 32;
    }
    if ((this.#rex & REX_W) !== 0 || (needs & (NEEDS.FORCED_64 | NEEDS.WHOLE_REGISTER)) !== 0) return 64;
    if (operandSize) return 16;
    return (needs & NEEDS.DEFAULT_64) !== 0 ? 64 : 32;
  }

  #addressSizeOf(): 16 | 32 | 64 {
    const { addressSize } = this.#prefixes;
    if (this.#mode64) return addressSize ? 32 : 64;
    const code32 = (this.#mode & MODE.CODE_SIZE) === MODE.CODE_32;
    return code32 === addressSize ? 16 : 32;
  }

  /** Reads the rest of ModR/M addressing; false if the form does not allow this kind of operand, or LOCK. */
  #locate(form: Form): boolean {
    const { needs } = form;
    let memory = false;
    if ((needs & NEEDS.MODRM) !== 0) {
      const modrm = this.#modrmByte();
      memory = modrm < 0xc0 && (needs & NEEDS.WHOLE_REGISTER) === 0;
      if ((needs & (memory ? NEEDS.REGISTER : NEEDS.MEMORY)) !== 0) return false;
      if (memory && this.#addressSize === 16) this.#memory.read16(this.#bytes, modrm);
      else if (memory) this.#memory.read(this.#bytes, modrm, { rex: this.#rex, mode64: this.#mode64 });
    }
    return !this.#prefixes.lock || (memory && (needs & NEEDS.LOCK_ALLOWED) !== 0);
  }

  #operands(form: Form): readonly DecodedOperand[] {
    this.#immediates = 0;
    this.#immediate2 = 0;
    const [first, second, third] = form.templates;
    // In this order, since operands read their bytes; literals are faster than pushing.
    if (first === undefined) return NO_OPERANDS;
    if (second === undefined) return [this.#operand(first)];
    if (third === undefined) return [this.#operand(first), this.#operand(second)];
    return form.templates.map((template) => this.#operand(template));
  }

  #bitsOf(size: number): number {
    return size === SIZE.s && this.#mode64 ? 80 : SIZE_BITS[size * 4 + (this.#operandSize >> 5)]!;
  }

  #operand(template: Template): DecodedOperand {
    const bits = this.#bitsOf(template.size);
    const modrm = this.#modrm;
    const memory = modrm < 0xc0;
    const reg = ((modrm >> 3) & 7) | ((this.#rex & REX_R) << 1);
    const rm = (modrm & 7) | ((this.#rex & REX_B) << 3);
    switch (template.find) {
      case FIND.GPR_RM_OR_MEMORY:
        return memory ? MEMORY_OPERANDS[bits >> 3]! : this.#gpr(rm, bits);
      case FIND.GPR_REG:
        return this.#gpr(reg, bits);
      case FIND.GPR_RM:
        return this.#gpr(rm, bits);
      case FIND.MEMORY:
        return MEMORY_OPERANDS[bits >> 3]!;
      case FIND.GPR_OPCODE:
        return this.#gpr((this.#opcode & 7) | ((this.#rex & REX_B) << 3), bits);
      case FIND.XMM_REG:
        return XMM_OPERANDS[bits >> 4]![reg]!;
      case FIND.XMM_RM_OR_MEMORY:
        return memory ? MEMORY_OPERANDS[bits >> 3]! : XMM_OPERANDS[bits >> 4]![rm]!;
      case FIND.XMM_RM:
        return XMM_OPERANDS[bits >> 4]![rm]!;
      case FIND.MMX_REG:
        return MMX_OPERANDS[reg & 7]!;
      case FIND.MMX_RM_OR_MEMORY:
        return memory ? MEMORY_OPERANDS[bits >> 3]! : MMX_OPERANDS[rm & 7]!;
      case FIND.MMX_RM:
        return MMX_OPERANDS[rm & 7]!;
      case FIND.GPR_VVVV:
        return this.#gpr(this.#vvvv, bits);
      case FIND.IMMEDIATE:
        return this.#immediate(template.size);
      case FIND.RELATIVE:
        return { kind: 'relative', displacement: readRelative(this.#bytes, bits) };
      default:
        return this.#rareOperand(template, reg, bits);
    }
  }

  #rareOperand(template: Template, reg: number, bits: number): DecodedOperand {
    switch (template.find) {
      case FIND.GPR_FIXED:
        return GPR_OPERANDS[bits >> 4]![template.register]!;
      case FIND.SEGMENT_FIXED:
        return SEGMENT_OPERANDS[template.register]!;
      case FIND.ST_FIXED:
        return ST_OPERANDS[template.register]!;
      case FIND.ST_RM:
        return ST_OPERANDS[this.#modrm & 7]!;
      case FIND.SEGMENT_REG:
        return SEGMENT_OPERANDS[reg & 7] ?? this.#missingRegister();
      case FIND.CONTROL_REG:
        return ((CONTROL_REGISTERS >> reg) & 1) !== 0 ? CONTROL_OPERANDS[reg]! : this.#missingRegister();
      case FIND.DEBUG_REG:
        return DEBUG_OPERANDS[reg] ?? this.#missingRegister();
      case FIND.MOFFS:
        this.#memory.readOffset(this.#bytes, this.#addressSize);
        return MEMORY_OPERANDS[bits >> 3]!;
      case FIND.FAR: {
        const offset = this.#operandSize === 16 ? this.#bytes.u16() : this.#bytes.i32() >>> 0;
        return { kind: 'far', selector: this.#bytes.u16(), offset };
      }
      default: // FIND.ONE
        return BYTE_IMMEDIATES[1]!;
    }
  }

  #gpr(index: number, bits: number): DecodedOperand {
    // Without REX, byte registers 4-7 are AH CH DH BH.
    if (bits === 8 && this.#rex === 0 && (index & 4) !== 0) return HIGH_BYTE_OPERANDS[index & 3]!;
    return GPR_OPERANDS[bits >> 4]![index]!;
  }

  #missingRegister(): DecodedOperand {
    this.#noSuchRegister = true;
    return GPR_OPERANDS[0]![0]!;
  }

  /** The second byte immediate is in `immediate2` too. */
  #immediate(size: number): DecodedOperand {
    const operand = readImmediate(this.#bytes, size, this.#operandSize);
    if (this.#immediates++ > 0 && operand.kind === 'immediate') this.#immediate2 = Number(operand.value);
    return operand;
  }
}

let decoder: Decoder | undefined;

/** Decodes with all of the instruction set: see Decoder.decode. */
export function decode(
  bytes: Uint8Array,
  offset: number,
  end: number,
  mode: number,
  features: FeatureSet,
): DecodeResult {
  decoder ??= new Decoder(opcodeMaps());
  return decoder.decode(bytes, offset, end, mode, features);
}
