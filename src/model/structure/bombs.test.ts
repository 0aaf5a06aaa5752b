// Files that are small and would be much work: every step stays near linear in what the file holds,
// and the limits end what does not.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../onnx/graph.ts';
import { guardedFolder, judge } from '../../onnx/testing/hostile.ts';
import { startCounting, type Work, type WorkCounter } from '../../testing/work.ts';
import { exportManifest } from '../export/manifest.ts';
import { openModel } from '../open/open.ts';
import { MAX_BLOCK_NODES, MAX_BLOCK_OPERANDS } from '../programs/classes.ts';
import { bombBytes, bombs } from '../testing/bombs.ts';
import { PLAIN, residualModel } from '../testing/residual.ts';
import { findBlocks } from './blocks.ts';
import { removeUnits } from './remove.ts';

/** Of the limits. */
const SCALES = [0.03, 0.09] as const;
/** Of the limits, for SHARED: below and beyond its own. */
const SHARED_SCALES = [0.04, 0.12] as const;
/** Most for each byte of a file: twice what the worst of these takes. */
const PER_BYTE = { steps: 50, bytes: 3500 };
/**
 * How much that may grow from the small scale to the large one: what grows as the square is seen
 * before it makes up a sixth of the steps. Bytes are a sample.
 */
const GROWTH = { steps: 1.1, bytes: 1.3 };
/** Most bytes allocated at the large scale, those freed meanwhile included. */
const MOST_BYTES = 512 * 2 ** 20;
/** Every block takes these along, until MAX_BLOCK_NODES or MAX_BLOCK_OPERANDS ends it. */
const SHARED = Object.keys(bombs(1)).filter((name) => name.endsWith('that all blocks read'));

let counter: WorkCounter;

beforeAll(async () => {
  counter = await startCounting();
});

afterAll(() => counter.stop());

async function workOf(name: string, scale: number): Promise<Work & { size: number; end: string }> {
  const bytes = bombBytes(name, scale);
  const folder = guardedFolder({ 'model.onnx': bytes });
  let end = '';
  const work = await counter.count(async () => {
    end = await judge(async () => {
      const opened = await openModel(folder);
      const removed = opened.structure.blocks[1]?.unremovable === null ? [1] : [];
      await exportManifest(opened, removed, { app: 'test' });
    });
  });
  return { ...work, size: bytes.length, end };
}

describe('decoders blown up towards the limits', () => {
  it.each(Object.keys(bombs(1)).filter((name) => !SHARED.includes(name)))('%s', async (name) => {
    const [small, large] = [await workOf(name, SCALES[0]), await workOf(name, SCALES[1])];
    expect(large.end).toBe(small.end);
    expect(large.bytes).toBeLessThan(MOST_BYTES);
    for (const unit of ['steps', 'bytes'] as const) {
      const perByte = [small[unit] / small.size, large[unit] / large.size] as const;
      expect(perByte[1], `${unit} per byte`).toBeLessThan(PER_BYTE[unit]);
      expect(perByte[1] / perByte[0], `growth of ${unit} per byte`).toBeLessThan(GROWTH[unit]);
    }
  });

  it.each(SHARED)('%s', async (name) => {
    const [small, large] = [
      await workOf(name, SHARED_SCALES[0]),
      await workOf(name, SHARED_SCALES[1]),
    ];
    // Accepted, they are cut out with every block; refused, they are counted and no more.
    expect([small.end, large.end]).toEqual(['accepted', 'too-large']);
    expect(small.steps).toBeLessThan(50 * MAX_BLOCK_NODES + 25 * MAX_BLOCK_OPERANDS);
    expect(large.steps / large.size).toBeLessThan(PER_BYTE.steps);
    for (const { bytes } of [small, large]) expect(bytes).toBeLessThan(MOST_BYTES);
  });
});

it('finding and removing blocks takes twice the steps for twice the 3,700 nodes', async () => {
  const decoder = (blocks: number): Model =>
    residualModel({ ...PLAIN, blocks, casts: true, filler: 225 });
  const [half, whole] = [decoder(15), decoder(30)];
  expect(whole.graph.nodes.length).toBeGreaterThan(7400);
  const steps = async (model: Model, blocks: number, removed: number[]): Promise<number> => {
    const work = await counter.count(() => {
      const pruned = removeUnits(findBlocks(model, blocks), removed);
      expect(pruned.graph.outputs.length).toBe(2 * (blocks - removed.length) + 1);
    });
    return work.steps;
  };
  const [small, large] = [await steps(half, 15, [3, 7]), await steps(whole, 30, [3, 7, 20])];
  expect(large / small).toBeLessThan(2.1);
  expect(large / whole.graph.nodes.length).toBeLessThan(400);
});
