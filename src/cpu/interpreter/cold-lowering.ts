import type { Code } from '../../wasm/code.ts';
import { STATE } from '../../x86/state.ts';
import { HandlerLowering } from '../ir/handler-lowering.ts';
import type { Emit } from '../ir/lowering.ts';
import { arg } from '../ir/lowering.ts';
import { VECTOR_UPDATE } from '../ir/memory-recorder.ts';
import type { IrNode } from '../ir/node.ts';
import { RECORD, STATUS } from '../ir/record.ts';
import { emitFloat } from './float-lowering.ts';
import { ACCESS_KIND, type HostFunctionIndices, OWNER_SHIFT } from './host-functions.ts';
import { FAST_INTRINSICS } from './intrinsic-lowering.ts';
import { TLB } from './layout.ts';

/**
 * Handlers that run() calls through a table: `(record) → STATUS`. Flags are in the state struct; an access that
 * misses the TLB is made by the host, whatever it is.
 */
export class ColdLowering extends HandlerLowering {
  protected readonly pc = 0;
  readonly #host: HostFunctionIndices;
  readonly #intrinsicNumber: (name: string) => number;
  #stores = false;
  /** Host addresses of loads that checked for writing, by node. */
  readonly #updateAddress = new Map<IrNode, number>();

  constructor(code: Code, base: number, host: HostFunctionIndices, intrinsicNumber: (name: string) => number) {
    super(code, base);
    this.#host = host;
    this.#intrinsicNumber = intrinsicNumber;
    Object.assign(this.emitters, this.#stateRows(), this.#memoryRows(), this.#controlRows());
  }

  /** After the body: go on, unless a store dropped decoded code. */
  finish(): void {
    if (this.#stores) {
      this.#leaveAfterStore(true);
    }
    this.code.i32(STATUS.NEXT);
  }

  #leaveAfterStore(completed: boolean): void {
    this.stateLoad('i32_load', STATE.afterStore);
    this.code.block('if');
    this.#setRip(() => this.instructionPointer(completed));
    this.stateLoad('i32_load', STATE.afterStore);
    this.code.op('return');
    this.code.end();
  }

  #return(status: number): void {
    this.code.i32(status);
    this.code.op('return');
  }

  #setRip(push: () => void): void {
    this.stateStore('i64_store', STATE.rip, () => {
      push();
      this.truncateIp();
    });
  }

  #stateRows(): Record<string, Emit> {
    return {
      flagResult: () => this.stateLoad('i64_load', STATE.flagResult),
      flagAux: () => this.stateLoad('i32_load', STATE.flagAux),
      setFlagResult: (node) => this.stateStore('i64_store', STATE.flagResult, () => this.value(arg(node, 0))),
      setFlagAux: (node) => this.stateStore('i32_store', STATE.flagAux, () => this.value(arg(node, 0))),
    };
  }

  #memoryRows(): Record<string, Emit> {
    return {
      load: (node) => {
        this.#address(node, node.width / 8, node.immediate === 1 ? ACCESS_KIND.UPDATE : ACCESS_KIND.LOAD);
        this.code.memory(this.loadOp(node.width), 0);
      },
      loadForUpdate: (node) => {
        this.#address(node, node.width / 8, ACCESS_KIND.UPDATE);
        const address = this.borrow('i32');
        this.code.tee(address);
        this.#updateAddress.set(node, address);
        this.code.memory(this.loadOp(node.width), 0);
      },
      storeAgain: (node) => {
        const address = this.#updateAddress.get(arg(node, 0)) ?? 0;
        this.code.get(address);
        this.value(arg(node, 2));
        this.code.memory(this.storeOp(node.width), 0);
        this.#commit(address);
      },
      store: (node) => {
        const address = this.borrow('i32');
        this.#address(node, node.width / 8, ACCESS_KIND.STORE);
        this.code.tee(address);
        this.value(arg(node, 1));
        this.code.memory(this.storeOp(node.width), 0);
        this.#commit(address);
      },
      loadVec: (node) => {
        const updated = (node.constant & VECTOR_UPDATE) !== 0n;
        this.#address(node, node.immediate / 8, updated ? ACCESS_KIND.UPDATE : ACCESS_KIND.LOAD);
        if (node.immediate === 128) this.code.simdMemory('v128_load', 0);
        else if (node.immediate === 64) this.code.simdMemory('v128_load64_zero', 0);
        else if (node.immediate === 32) this.code.simdMemory('v128_load32_zero', 0);
        else {
          this.code.memory('i64_load16_u', 0);
          this.code.simd('i64x2_splat');
          this.code.i64(0n);
          this.code.simdLane('i64x2_replace_lane', 1);
        }
      },
      storeVec: (node) => this.#storeVec(node),
      probeWrite: (node) => {
        this.#address(node, node.immediate, ACCESS_KIND.PROBE);
        this.code.op('drop');
      },
      checkAlignment: (node) => {
        this.value(arg(node, 0));
        this.code.i64(BigInt(node.immediate));
        this.code.op('i64_and');
        this.code.op('i64_eqz');
        this.code.op('i32_eqz');
        this.#raiseIf(13, 0);
      },
      segmentLinear: (node) => this.#segmentLinear(node),
    };
  }

  #storeVec(node: IrNode): void {
    const address = this.borrow('i32');
    const bits = node.immediate;
    this.#address(node, bits / 8, ACCESS_KIND.STORE);
    this.code.tee(address);
    this.value(arg(node, 1));
    if (bits === 128) {
      this.code.simdMemory('v128_store', 0);
    } else {
      this.code.simdLane('i64x2_extract_lane', 0);
      if (bits === 64) this.code.memory('i64_store', 0);
      else {
        this.code.op('i32_wrap_i64');
        this.code.memory(this.storeOp(bits), 0);
      }
    }
    this.#commit(address);
  }

  /** Pushes the host address of an access: by the TLB, or by the host (which may answer with the access buffer). */
  #address(node: IrNode, bytes: number, kind: number): void {
    const linear = this.code.allocate('i64');
    const entry = this.code.allocate('i32');
    const tag = kind === ACCESS_KIND.LOAD ? 0 : TLB.WRITE_HALF;
    const table = (): void => {
      this.stateLoad('i32_load', STATE.mmuContext);
      this.code.i32(Math.log2(TLB.CONTEXT_BYTES));
      this.code.op('i32_shl');
    };
    this.value(arg(node, 0));
    this.code.set(linear);
    this.tlbMiss(linear, entry, bytes, table, this.base + TLB.OFFSET + tag);
    this.code.block('if', 'i32');
    this.code.get(this.pc);
    this.#splitLinear(linear);
    this.code.i32(bytes | kind | (Number(node.constant & 3n) << OWNER_SHIFT));
    this.code.call(this.#host.accessAddress);
    this.code.tee(entry);
    this.code.op('i32_eqz');
    this.code.block('if');
    this.#return(STATUS.FAULT);
    this.code.end();
    this.code.get(entry);
    this.code.else();
    this.hostAddress(linear, entry, this.base + TLB.OFFSET + tag);
    this.code.end();
    this.code.release('i64', linear);
    this.code.release('i32', entry);
  }

  #splitLinear(linear: number): void {
    this.code.get(linear);
    this.code.op('i32_wrap_i64');
    this.code.get(linear);
    this.code.i64(32n);
    this.code.op('i64_shr_u');
    this.code.op('i32_wrap_i64');
  }

  #commit(address: number): void {
    this.#stores = true;
    this.code.get(address);
    this.code.i32(this.base + STATE.accessBuffer);
    this.code.op('i32_eq');
    this.code.block('if');
    this.code.call(this.#host.commitAccess);
    this.code.end();
  }

  #segmentLinear(node: IrNode): void {
    const offset = this.code.allocate('i64');
    this.value(arg(node, 0));
    this.code.set(offset);
    this.code.get(this.pc);
    this.#splitLinear(offset);
    this.code.i32(node.immediate);
    this.code.i32(Number(node.constant));
    this.#callOrFault(this.#host.segmentLinear);
    this.stateLoad('i64_load', STATE.scratch);
    this.code.release('i64', offset);
  }

  #callOrFault(functionIndex: number): void {
    this.code.call(functionIndex);
    this.code.op('i32_eqz');
    this.code.block('if');
    this.#return(STATUS.FAULT);
    this.code.end();
  }

  /** With a condition on the stack. */
  #raiseIf(vector: number, errorCode: number): void {
    this.code.block('if');
    this.#raise(vector, errorCode);
    this.code.end();
  }

  #raise(vector: number, errorCode: number): void {
    this.stateStore('i32_store', STATE.faultVector, () => this.code.i32(vector));
    this.stateStore('i32_store', STATE.faultError, () => this.code.i32(Math.max(errorCode, 0)));
    this.stateStore('i32_store', STATE.faultHasError, () => this.code.i32(errorCode >= 0 ? 1 : 0));
    this.#return(STATUS.FAULT);
  }

  #controlRows(): Record<string, Emit> {
    return {
      raise: (node) => this.#raise(node.immediate, Number(node.constant)),
      checkTarget: (node) => {
        this.badTarget(this.targetLocal(arg(node, 0)));
        this.#raiseIf(13, 0);
      },
      branch: (node) => {
        this.#setRip(() => this.value(arg(node, 0)));
        this.#return(STATUS.BRANCH);
      },
      branchRelative: (node) => this.#branchRelative(node),
      again: () => {
        this.#leaveAfterStore(false);
        this.#return(STATUS.AGAIN);
      },
      done: () => this.#return(STATUS.NEXT),
      repeatString: () => {
        this.code.get(this.pc);
        this.code.call(this.#host.repeatString);
      },
      float: (node) => {
        const [a, b] = [this.borrow('v128'), this.borrow('v128')];
        this.value(arg(node, 0));
        this.code.set(a);
        this.value(arg(node, 1));
        this.code.set(b);
        emitFloat(this.code, {
          node,
          a,
          b,
          base: this.base,
          slow: () => this.#callOrFault(this.#host.float),
        });
      },
      intrinsic: (node) => this.#intrinsic(node),
    };
  }

  #branchRelative(node: IrNode): void {
    const condition = node.args[0];
    if (condition !== undefined) {
      this.value(condition);
      this.code.block('if');
    }
    // With a 16-bit operand size, EIP is truncated to 16 bits (SDM Vol. 2A "Jcc").
    const wide = this.form.codeSize === 64;
    const target = this.borrow(wide ? 'i64' : 'i32');
    this.instructionPointer(true);
    this.recordField('i64_load', RECORD.immediate);
    this.code.op('i64_add');
    if (!wide) this.code.op('i32_wrap_i64');
    if (this.form.width === 16) {
      this.code.i32(0xffff);
      this.code.op('i32_and');
    }
    this.code.set(target);
    this.badTarget(target);
    this.#raiseIf(13, 0);
    this.#setRip(() => {
      this.code.get(target);
      if (!wide) this.code.op('i64_extend_i32_u');
    });
    this.#return(STATUS.BRANCH);
    if (condition !== undefined) this.code.end();
  }

  /** In WebAssembly for usual values where that can be, else by the host. */
  #intrinsic(node: IrNode): void {
    const args = node.args.map((each) => {
      const local = this.borrow(each.type ?? 'i64');
      this.value(each);
      this.code.set(local);
      return local;
    });
    const fast = FAST_INTRINSICS[node.text];
    if (fast === undefined) return this.#callIntrinsic(node, args);
    const result = this.borrow(node.type ?? 'i64');
    const done = this.code.block('block');
    const slow = this.code.block('block');
    fast({ code: this.code, base: this.base, args, slow });
    this.code.set(result);
    this.code.br(done);
    this.code.end(); // slow
    this.#callIntrinsic(node, args);
    this.code.set(result);
    this.code.end(); // done
    this.code.get(result);
  }

  /** Pushes the result of the host's implementation. */
  #callIntrinsic(node: IrNode, args: readonly number[]): void {
    node.args.forEach((each, i) => {
      const offset = STATE.scratch + 32 * i;
      this.code.i32(this.base);
      this.code.get(args[i] as number);
      if (each.type === 'v128') this.code.simdMemory('v128_store', offset);
      else {
        this.code.memory('i64_store', offset);
        this.stateStore('i64_store', offset + 8, () => this.code.i64(0n));
      }
    });
    this.code.i32(this.#intrinsicNumber(node.text));
    this.code.i32(node.args.length);
    this.#callOrFault(this.#host.intrinsic);
    if (node.type === 'v128') {
      this.code.i32(this.base);
      this.code.simdMemory('v128_load', STATE.scratch);
    } else {
      this.stateLoad('i64_load', STATE.scratch);
    }
  }
}
