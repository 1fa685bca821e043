import type { IrBlock, IrNode } from './node.ts';

/**
 * Decides for every node of a recording whether it is emitted where it is used (once, as part of its consumer) or
 * computed into a local at its own place. One backward pass: uses by dead nodes do not count.
 */
export function placeNodes(root: IrBlock): void {
  const writes: number[] = [];
  visit(root, writes);
}

const isLive = (node: IrNode): boolean =>
  node.uses > 0 || node.effect === 'load' || node.effect === 'write' || node.effect === 'control';

/** `writes` collects positions of state changes seen so far, descending. */
function visit(block: IrBlock, writes: number[]): void {
  for (let i = block.nodes.length - 1; i >= 0; i--) {
    const node = block.nodes[i] as IrNode;
    if (!isLive(node)) continue;
    node.placement = placementOf(node, writes);
    if (node.whenFalse !== undefined) visit(node.whenFalse, writes);
    if (node.whenTrue !== undefined) visit(node.whenTrue, writes);
    if (node.effect === 'write' || node.effect === 'control') writes.push(node.position);
    for (const arg of node.args) {
      arg.uses++;
      arg.consumer = node;
    }
  }
}

/** Position at which the node's value is computed; `Infinity` never happens: anything not inlined stays at home. */
function placementOf(node: IrNode, writes: readonly number[]): number {
  const { consumer } = node;
  const inlinable = (node.effect === 'pure' || node.effect === 'read') && node.uses === 1 && consumer !== undefined;
  if (!inlinable) return node.position;
  if (consumer.block !== node.block && node.effect === 'read') return node.position;
  if (node.effect === 'read' || readsState(node)) {
    if (consumer.block !== node.block) return node.position;
    for (const position of writes) if (position > node.position && position < consumer.placement) return node.position;
  }
  return consumer.placement;
}

/** Whether a pure node will carry an inlined read with it when it moves. */
function readsState(node: IrNode): boolean {
  return node.args.some((arg) => arg.effect === 'read' || (arg.effect === 'pure' && readsState(arg)));
}

/** Whether the value is emitted inside its consumer. */
export const isInlined = (node: IrNode): boolean => node.placement !== node.position;
