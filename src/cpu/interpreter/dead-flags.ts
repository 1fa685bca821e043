import type { IrBlock, IrNode } from '../ir/node.ts';

/**
 * What a register-to-register form means for the flags before it.
 * exposes: it may fault, call out or branch, so all state must be exact. uses: it reads flags.
 * kills: it overwrites all of them without looking. passes: it leaves them alone.
 */
export type FlagEffect = 'exposes' | 'uses' | 'kills' | 'passes';

const WRITES = new Set(['setFlagResult', 'setFlagAux']);
const READS = new Set(['flagResult', 'flagAux']);
const REGISTER_WRITES = new Set(['setOperand', 'stateStore', 'setVariable', 'when']);

/** Reads flags of a recording; see FlagEffect. */
export function flagEffect(block: IrBlock): FlagEffect {
  const nodes = allNodes(block);
  const exposes = nodes.some(
    (node) =>
      node.effect === 'load' || node.effect === 'control' || (node.effect === 'write' && !isRegisterWrite(node)),
  );
  if (exposes) return 'exposes';
  if (nodes.some((node) => READS.has(node.op))) return 'uses';
  const written = new Set(block.nodes.map((node) => node.op).filter((op) => WRITES.has(op)));
  if (written.size === WRITES.size) return 'kills';
  // Written only under a condition: whoever reads them may see the old ones.
  return nodes.some((node) => WRITES.has(node.op)) ? 'uses' : 'passes';
}

const isRegisterWrite = (node: IrNode): boolean => WRITES.has(node.op) || REGISTER_WRITES.has(node.op);

function allNodes(block: IrBlock): IrNode[] {
  return block.nodes.flatMap((node) => [
    node,
    ...(node.whenTrue === undefined ? [] : allNodes(node.whenTrue)),
    ...(node.whenFalse === undefined ? [] : allNodes(node.whenFalse)),
  ]);
}
