// The sentences about sizes that surprise.

import { describe, expect, it } from 'vitest';
import type { ModelSummary } from '../../model/open/summary.ts';
import { setUp } from '../testing/setUp.ts';
import { isStoredTwice, sizeRemark } from './sizes.ts';

/** Blocks at 4 bits under an embedding in float32, as a q4 export of a small model. */
const q4 = (summary: ModelSummary): ModelSummary => ({
  ...summary,
  bytes: 3_000_000,
  embedding: { params: 262_144, bytes: 1_800_000 },
  blocks: summary.blocks.map((block) => ({ ...block, bytes: 70_000 })),
});

describe('sizeRemark', () => {
  it('names the embedding when the size falls less than the parameters', async () => {
    const { actions, get } = setUp({}, { adjust: q4 });
    await actions.openSample();
    expect(sizeRemark(get())).toBeNull();
    actions.setRemoved([3, 4, 5, 6]);
    expect(sizeRemark(get())).toBe(
      'The size falls less than the parameters: the embedding, 1.8 MB of 3.0 MB, stays as it is.',
    );
  });

  it('says nothing where size and parameters fall alike', async () => {
    const { actions, get } = setUp();
    await actions.openSample();
    actions.setRemoved([3, 4, 5, 6]);
    expect(sizeRemark(get())).toBeNull();
  });

  it('finds an embedding that is stored once more as the head', async () => {
    const adjust = (summary: ModelSummary): ModelSummary => ({
      ...summary,
      head: { params: 262_272, bytes: 1_049_088, tied: false },
    });
    const { actions, get } = setUp({}, { adjust });
    await actions.openSample();
    const { summary } = get().model.current!;
    expect(isStoredTwice(summary)).toBe(true);
    // Of a checkpoint it is a head of its own.
    expect(isStoredTwice({ ...summary, graphDtype: 'fp32' })).toBe(false);
    const plain = setUp();
    await plain.actions.openSample();
    expect(isStoredTwice(plain.get().model.current!.summary)).toBe(false);
  });
});
