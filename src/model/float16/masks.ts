// Constants beyond float16's range that mean "never look here": which they are, and what they
// become.

import { MASK_INPUTS, MOVERS } from './operators.ts';
import type { Wires } from './wires.ts';

/** How masks are put together from constants before a Softmax sees them. */
const MIXING: ReadonlySet<string> = new Set(['Add', 'Sub', 'Mul', 'Min', 'Max', 'Cast', 'Div']);
const COMPARING: ReadonlySet<string> = new Set([
  'Equal',
  'Less',
  'LessOrEqual',
  'Greater',
  'GreaterOrEqual',
  'IsInf',
  'IsNaN',
  'Shape',
]);

/** True when all that reads a value is an attention's Softmax, or on its way there. */
export function isAttentionMask(wires: Wires, value: string): boolean {
  const seen = new Set<string>();
  const pending = [wires.root(value)];
  let ends = 0;
  for (let x = pending.pop(); x !== undefined; x = pending.pop()) {
    if (seen.has(x)) continue;
    seen.add(x);
    const readers = wires.readers(x);
    if (readers.length === 0) return false;
    for (const { node, slot } of readers) {
      if (node.op === 'Softmax' || MASK_INPUTS.get(node.op)?.includes(slot)) ends++;
      else if (MOVERS.has(node.op) || MIXING.has(node.op)) {
        for (const y of node.outputs) if (y) pending.push(wires.root(y));
      } else if (!COMPARING.has(node.op)) return false;
    }
  }
  return ends > 0;
}

/** True when a value is nothing but a limit of Clip. */
export function isClipLimit(wires: Wires, value: string): boolean {
  const readers = wires.readers(value);
  return readers.length > 0 && readers.every(({ node, slot }) => node.op === 'Clip' && slot > 0);
}
