// Stand-in for the size of a plan, which lands in model/; this file goes once it is there.

import type { ModelSummary } from '../model/summary.ts';

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
