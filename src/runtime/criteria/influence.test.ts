// Block Influence and angular distance: the sample's goldens through the chain, and the arithmetic
// on vectors made for it.

import { describe, expect, test } from 'vitest';
import { hasFiniteStates } from '../../analysis/criteriaTable.ts';
import { openModel } from '../../model/open/open.ts';
import { makeScorePrograms } from '../../model/programs/programs.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { golden, samplePath } from '../../testing/fixtures.ts';
import { toFloat32 } from '../device/host.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { Chain } from '../pass/chain.ts';
import { chunkWindows } from '../weights/windows.ts';
import { HiddenAccumulator } from './influence.ts';

/** Made by tools/sample_golden.py; key n of the angles: n contiguous blocks. */
interface HiddenGolden {
  windows: number[][];
  block_influence: number[];
  angular_last_token: Record<string, number[]>;
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  return a.length === b.length
    ? Math.max(...a.map((value, k) => Math.abs(value - b[k]!)))
    : Number.NaN;
}

/** The residual stream turned by `angle` per block in the plane of its first two axes. */
function turning(blocks: number, tokens: number, angle: number): Float32Array[] {
  return Array.from({ length: blocks + 1 }, (_, cut) =>
    Float32Array.from(
      { length: tokens * 5 },
      (_, k) => [Math.cos(cut * angle), Math.sin(cut * angle), 0, 0, 0][k % 5]! * (cut + 1),
    ),
  );
}

describe('hidden criteria', () => {
  test('of the sample are the goldens within 1e-5', async () => {
    const expected = golden<HiddenGolden>('sample');
    const engine = await openWasm(nodeLoader);
    const opened = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
    const programs = makeScorePrograms(opened, { device: engine.kind });
    const chain = new Chain(programs, opened.folder, engine);
    await chain.compile();
    await chain.weights.load([programs.embed, ...programs.blocks]);
    if (programs.side) await chain.weights.load([programs.side], { cpu: true });
    const found = new HiddenAccumulator(programs.blocks.length, programs.hiddenSize);
    // Two groups, and cuts chunk by chunk within a group.
    const chunks = chunkWindows(expected.windows, 3, opened.summary.vocabSize ?? 2048);
    for (const group of [chunks.slice(0, 2), chunks.slice(2)]) {
      let states = await Promise.all(group.map((chunk) => chain.embed(chunk)));
      for (let cut = 0; cut <= programs.blocks.length; cut++) {
        for (const [k, chunk] of group.entries()) {
          const state = states[k]!;
          found.add(cut, chunk.windows, chunk.length, toFloat32(await engine.read(state)));
        }
        if (cut === programs.blocks.length) break;
        const next = await Promise.all(
          group.map((chunk, k) => chain.block(cut, states[k]!, chunk)),
        );
        for (const state of states) state.free();
        states = next;
      }
      for (const state of states) state.free();
    }
    const { blockInfluence, angular } = found.result();
    expect(largestDifference(blockInfluence, expected.block_influence)).toBeLessThan(1e-5);
    for (const [n, values] of Object.entries(expected.angular_last_token))
      expect(largestDifference(angular[Number(n) - 1]!, values)).toBeLessThan(1e-5);
    expect(angular.map((row) => row.length)).toEqual(Array.from({ length: 16 }, (_, k) => 16 - k));
    await chain.dispose();
    await engine.dispose();
  });

  test('of a stream that turns by the same angle in each block', () => {
    const angle = 0.3;
    const found = new HiddenAccumulator(3, 5);
    turning(3, 2, angle).forEach((states, cut) => {
      found.add(cut, [0], 2, states);
    });
    turning(3, 4, angle).forEach((states, cut) => {
      found.add(cut, [1], 4, states);
    });
    const { blockInfluence, angular } = found.result();
    expect(largestDifference(blockInfluence, Array(3).fill(1 - Math.cos(angle)))).toBeLessThan(
      1e-6,
    );
    angular.forEach((row, k) => {
      expect(largestDifference(row, Array(3 - k).fill(((k + 1) * angle) / Math.PI))).toBeLessThan(
        1e-6,
      );
    });
  });

  test('tokens of all windows count alike, and windows start again at cut 0', () => {
    const found = new HiddenAccumulator(1, 2);
    found.add(0, [5, 2], 1, Float32Array.of(1, 0, 1, 0));
    found.add(0, [7], 3, Float32Array.of(9, 9, 9, 9, 9, 9));
    found.add(0, [7], 3, Float32Array.of(1, 0, 1, 0, 1, 0));
    found.add(1, [2], 1, Float32Array.of(0, 1));
    found.add(1, [7], 3, Float32Array.of(0, 3, 0, 3, 0, 3));
    expect(found.complete).toBe(false);
    expect(() => found.result()).toThrow(/2 windows are in/);
    found.add(1, [5], 1, Float32Array.of(2, 0));
    expect(found.result().blockInfluence).toEqual([0.8]);
    expect(found.result().angular[0]![0]).toBeCloseTo(1 / 3, 12);
  });

  test('vectors without a direction count as orthogonal', () => {
    const found = new HiddenAccumulator(2, 2);
    for (const [cut, states] of [
      [1, 1],
      [0, 0],
      [1, 2],
    ].entries())
      found.add(cut, [0], 1, Float32Array.from(states));
    expect(found.result().blockInfluence).toEqual([1, 1]);
    expect(found.result().angular[0]).toEqual([0.5, 0.5]);
    expect(hasFiniteStates(found.result())).toBe(true);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('a state with %d gives NaN', (value) => {
    const found = new HiddenAccumulator(3, 2);
    for (const [cut, states] of [
      [1, 1],
      [1, 1],
      [value, 1],
      [1, 3e38],
    ].entries())
      found.add(cut, [0], 1, Float32Array.from(states));
    const { blockInfluence, angular } = found.result();
    expect(blockInfluence).toEqual([expect.closeTo(0, 12), Number.NaN, Number.NaN]);
    expect(angular[1]).toEqual([Number.NaN, expect.closeTo(0.25, 12)]);
    expect(hasFiniteStates(found.result())).toBe(false);
  });

  test('states of the wrong size and cuts left out are bugs', () => {
    const found = new HiddenAccumulator(3, 2);
    expect(() => found.add(0, [0], 2, new Float32Array(3))).toThrow(/3 values instead of 4/);
    found.add(0, [0], 1, Float32Array.of(1, 1));
    expect(() => found.add(2, [0], 1, Float32Array.of(1, 1))).toThrow(
      /without the same tokens at cut 1/,
    );
  });
});
