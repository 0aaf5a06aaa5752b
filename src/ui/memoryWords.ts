// The memory that scoring needs, in sentences.

import type { MemoryEstimate } from '../contract/score.ts';
import { formatBytes } from '../quantities.ts';

/** What is needed, item by item, and whether the weights fit into the budget. */
export function memoryInParts(memory: MemoryEstimate): string {
  const { weights, hiddenStates, scratch, logits, total } = memory;
  if (memory.obstacle) return memory.obstacle;
  const items = [
    `weights ${formatBytes(weights)}`,
    `hidden states ${formatBytes(hiddenStates)}`,
    `scratch ${formatBytes(scratch)}`,
    `logits ${formatBytes(logits)}`,
  ];
  return `Needs about ${formatBytes(total)}: ${items.join(', ')}.${streaming(memory)}`;
}

/** What is needed in total. */
export function memoryInAll(memory: MemoryEstimate): string {
  if (memory.obstacle) return memory.obstacle;
  return (
    `Needs about ${formatBytes(memory.total)}, largest buffer ` +
    `${formatBytes(memory.largestBuffer)}.${streaming(memory)}`
  );
}

function streaming({ streaming: streamed, budget, bytesRead }: MemoryEstimate): string {
  if (!streamed || budget === undefined) return '';
  const read = bytesRead === undefined ? '' : `, ${formatBytes(bytesRead)} in total`;
  return (
    ` The whole model does not fit into ${formatBytes(budget)}, so weights are read from the ` +
    `files during scoring${read}.`
  );
}
