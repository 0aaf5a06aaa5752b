// The memory that scoring needs, in sentences; must not compute bytes.

import type { MemoryEstimate } from '../contract/score.ts';
import { formatBytes } from './format.ts';

/** What is needed, part by part, and how the model gets along with the budget. */
export function memoryInParts(memory: MemoryEstimate): string {
  const { weights, hiddenStates, scratch, logits, total } = memory;
  if (memory.obstacle) return memory.obstacle;
  const [needs, held, states, work, rows] = [total, weights, hiddenStates, scratch, logits].map(
    formatBytes,
  );
  return (
    `Needs about ${needs}: weights ${held}, hidden states ${states}, scratch ${work}, logits ` +
    `${rows}.${streaming(memory)}`
  );
}

/** What is needed in all. */
export function memoryInAll(memory: MemoryEstimate): string {
  if (memory.obstacle) return memory.obstacle;
  return (
    `Needs about ${formatBytes(memory.total)}, largest buffer ` +
    `${formatBytes(memory.largestBuffer)}.${streaming(memory)}`
  );
}

function streaming({ streaming: streamed, budget, bytesRead }: MemoryEstimate): string {
  if (!streamed || budget === undefined) return '';
  const read = bytesRead === undefined ? '' : `, ${formatBytes(bytesRead)} in all`;
  return (
    ` The whole model does not fit into ${formatBytes(budget)}, so its weights are read from ` +
    `the files while it is scored${read}.`
  );
}
