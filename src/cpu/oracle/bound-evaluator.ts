import { assert } from '../../base/errors.ts';
import type { Address, Int, Operand, VecOperand, Width } from '../../x86/emitter.ts';
import type { DecodedOperand, Instruction } from '../../x86/instruction.ts';
import type { Description, FormContext } from '../../x86/semantics.ts';
import { controlOffset, selectorOffset } from '../../x86/state.ts';
import { Evaluator } from './evaluator.ts';
import type { OracleProcessor } from './state-evaluator.ts';
import { toAddress, toInt, unsignedOf } from './values.ts';

const isVectorRole = (role: string): boolean => role.startsWith('v');

const noAddress = (): never => assert(false, 'only memory operands have an address') as never;

/** An evaluator that hands descriptions the operands of a decoded instruction. */
export class BoundEvaluator extends Evaluator {
  /** What the description did to its memory operand. */
  operandRead = false;
  operandWritten = false;
  /** A memory operand that is both read and written is checked for writing at the read. */
  readonly #updates: boolean;

  constructor(cpu: OracleProcessor, instruction: Instruction, updates: boolean) {
    super(cpu, instruction);
    this.#updates = updates;
  }

  /** Runs the description. */
  emit(description: Description): void {
    const { instruction } = this;
    const context: FormContext & Record<string, unknown> = {
      e: this,
      width: instruction.operandSize,
      addressWidth: instruction.addressSize,
      mode64: this.mode64,
      cc: instruction.opcode & 15,
      ipWidth: this.ipWidth,
      stackWidth: this.stackWidth,
      repeat: instruction.repeat,
    };
    description.roles.forEach((role, n) => {
      const operand = instruction.operands[n];
      assert(operand !== undefined, `${description.name} has an operand for ${role}`);
      context[role] = isVectorRole(role) ? this.#bindVector(operand) : this.#bind(operand);
    });
    // Rows are checked at compile time to give a description the operands of its roles (row.ts).
    description.emit(context as unknown as Parameters<typeof description.emit>[0]);
  }

  #memoryAddress(): Address {
    return toAddress(this.instruction.segment, this.cpu.effectiveAddress(this.instruction));
  }

  #bind(operand: DecodedOperand): Operand {
    switch (operand.kind) {
      case 'gpr':
        return this.#bindRegister(operand);
      case 'memory':
        return this.#bindMemory(operand.bits);
      case 'immediate':
        return this.#bindConstant(operand.width, operand.value);
      case 'segment':
        return this.#bindConstant(16, BigInt(this.cpu.u32(selectorOffset(operand.index)) & 0xffff));
      case 'control':
        return this.#bindControl(operand.index);
      case 'relative':
        return this.#bindConstant(this.ipWidth, BigInt(operand.displacement));
      default:
        return assert(false, `a description takes no operand of kind ${operand.kind}`) as never;
    }
  }

  #bindRegister({ index, high, width }: Extract<DecodedOperand, { kind: 'gpr' }>): Operand {
    return {
      kind: 'register',
      width,
      read: () => (high ? this.gprHigh(index) : this.gpr(index, width)),
      write: (value) => {
        assert(value.width === width, `a register of ${width} bits is written whole, not by ${value.width}`);
        if (high) this.setGprHigh(index, value);
        else this.setGpr(index, value);
      },
      address: noAddress,
      effectiveAddress: noAddress,
    };
  }

  #bindConstant(width: Width, value: bigint): Operand {
    const constant = toInt(width, value);
    return {
      kind: 'immediate',
      width,
      read: () => constant,
      write: () => assert(false, 'an immediate is not written'),
      address: noAddress,
      effectiveAddress: noAddress,
    };
  }

  /** As wide as the mode's registers, like the general register that it is moved to. */
  #bindControl(index: number): Operand {
    const width = this.instruction.operandSize === 64 ? 64 : 32;
    return this.#bindConstant(width, BigInt.asUintN(width, this.cpu.u64(controlOffset(index))));
  }

  #bindMemory(bits: number): Operand {
    const width = (bits === 0 ? this.instruction.operandSize : bits) as Width;
    return {
      kind: 'memory',
      width,
      read: () => {
        this.operandRead = true;
        return this.load(this.#memoryAddress(), width, { forWrite: this.#updates });
      },
      write: (value) => {
        this.operandWritten = true;
        assert(value.width === width, `a memory operand of ${width} bits is written whole, not by ${value.width}`);
        this.store(this.#memoryAddress(), value);
      },
      address: () => this.#memoryAddress(),
      effectiveAddress: () => toInt(this.instruction.addressSize, this.cpu.effectiveAddress(this.instruction)),
    };
  }

  #bindVector(operand: DecodedOperand): VecOperand {
    if (operand.kind === 'memory') return this.#bindVectorMemory(operand.bits as VecOperand['bits']);
    assert(operand.kind === 'xmm' || operand.kind === 'mmx', `a vector operand is no ${operand.kind}`);
    const mmx = operand.kind === 'mmx';
    const { index } = operand;
    const read = () => (mmx ? this.mmx(index) : this.xmm(index));
    return {
      kind: 'register',
      bits: mmx ? 64 : 128,
      mmx,
      read,
      write: (value) => (mmx ? this.setMmx(index, value) : this.setXmm(index, value)),
      readInt: (width) => this.vecExtract(read(), width, 0),
      writeInt: () => assert(false, 'writeInt is for memory operands'),
      address: noAddress,
    };
  }

  #bindVectorMemory(bits: VecOperand['bits']): VecOperand {
    const store = (value: Int): void => {
      this.operandWritten = true;
      this.store(this.#memoryAddress(), toInt(bits as Width, unsignedOf(value)));
    };
    return {
      kind: 'memory',
      bits,
      mmx: false,
      read: (options) => {
        this.operandRead = true;
        const aligned = options?.aligned ?? false;
        return this.loadVecBits(this.#memoryAddress(), { bits, forWrite: this.#updates, aligned });
      },
      write: (value, options) => {
        this.operandWritten = true;
        this.storeVecBits(this.#memoryAddress(), value, { bits, aligned: options?.aligned ?? false });
      },
      readInt: (width) => {
        this.operandRead = true;
        return this.load(this.#memoryAddress(), width, { forWrite: this.#updates });
      },
      writeInt: store,
      address: () => this.#memoryAddress(),
    };
  }
}
