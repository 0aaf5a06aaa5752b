// Stand-ins for analysis and model functions that land separately; this file goes once they are there.

import { EspalierError } from '../errors.ts';
import type { ModelSummary } from '../model/summary.ts';
import type { BlockScore } from '../worker/api.ts';

export function lowest(order: readonly number[], k: number, locked: readonly number[]): number[] {
  const free = order.filter((block) => !locked.includes(block));
  if (k > free.length) {
    throw new EspalierError(
      'bad-input',
      `${k} blocks cannot be dropped: only ${free.length} are not locked.`,
      'Unlock some blocks or drop fewer.',
    );
  }
  return free.slice(0, k);
}

export function planSize(summary: ModelSummary, removed: readonly number[]): { params: number; bytes: number; kvBytesPerToken: number } {
  let { params, bytes, kvBytesPerToken } = summary;
  for (const index of removed) {
    const block = summary.blocks[index];
    if (!block) continue;
    params -= block.params;
    bytes -= block.bytes;
    kvBytesPerToken -= block.kvBytesPerToken;
  }
  return { params, bytes, kvBytesPerToken };
}

export function equalGroups(scores: readonly BlockScore[]): number[][] {
  const order = scores.filter((s) => !s.refused).sort((a, b) => a.nll - b.nll);
  const groups: number[][] = [];
  let first: BlockScore | undefined;
  for (const score of order) {
    if (first && score.ci95[0] <= first.ci95[1] && score.nll - first.nll < 0.02) groups.at(-1)!.push(score.index);
    else {
      groups.push([score.index]);
      first = score;
    }
  }
  return groups;
}
