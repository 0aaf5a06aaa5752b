// What can be made narrower in the graphs of several exporters.

import { describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath, samplePath } from '../../testing/fixtures.ts';
import { openModel } from '../open/open.ts';
import { widthBlocks } from './find.ts';
import type { BlockWidth } from './types.ts';

const blocksOf = async (path: string, graph?: string): Promise<readonly BlockWidth[]> =>
  widthBlocks((await openModel(await openFolder(path), graph)).structure);

describe('width', () => {
  it('of the sample is two groups and 320 channels in each block', async () => {
    const all = await blocksOf(samplePath(), 'onnx/model.onnx');
    expect(all).toHaveLength(16);
    for (const { attention, feedForward, obstacles } of all) {
      expect(obstacles).toEqual([]);
      expect(attention).toMatchObject({
        groups: 2,
        queriesPerGroup: 2,
        headSize: 32,
        valueSize: 32,
        groupWeights: 128 * 32 * (2 + 1 + 1 + 2),
      });
      expect(feedForward).toMatchObject({ channels: 320, channelWeights: 3 * 128 });
    }
    const { attention, feedForward } = all[3]!;
    expect(attention!.matrices).toMatchObject([
      {
        tensor: 'model.layers.3.attn.qkv_proj.MatMul.weight',
        part: 'qkv',
        inputs: 128,
        outputs: 256,
        order: 'in-out',
      },
      {
        tensor: 'model.layers.3.attn.o_proj.MatMul.weight',
        part: 'o',
        inputs: 128,
        outputs: 128,
        order: 'in-out',
      },
    ]);
    // Heads 0 and 1 read group 0; keys and values follow the queries.
    const heads = [0, 0, 1, 1, 0, 1, 0, 1];
    expect([...attention!.matrices[0]!.owners]).toEqual(
      Array.from({ length: 256 }, (_, k) => heads[Math.floor(k / 32)]),
    );
    expect(feedForward!.matrices.map(({ part }) => part)).toEqual(['gate', 'up', 'down']);
  });

  // Written out, with -1 for the heads; heads in rows; queries, keys and values in turn; two
  // branches of one file; rotations of parts; blocks of integers; one group.
  it.each([
    ['optimum-llama-fp32', 'q,k,v,o', [2, 2, 16], 96],
    ['genai-gemma4u-fp32-cpu', 'qkv,o', [2, 2, 16], 64],
    ['optimum-gptneox-fp32', 'qkv,o', [4, 1, 16], 128],
    ['merged-opt-fp32', 'q,k,v,o', [4, 1, 8], 64],
    ['split-genai-qwen25vl-fp32', 'q,k,v,o', [2, 2, 8], 64],
    ['genai-qwen2-int4-webgpu-shared', 'qkv,o', [2, 2, 16], 96],
    ['gguf-llama256-q4_k_m', 'q,k,v,o', [1, 4, 64], 256],
  ] as const)('of %s', async (name, parts, [groups, queriesPerGroup, headSize], channels) => {
    const [{ attention, feedForward, obstacles }] = (await blocksOf(fixturePath(name))) as [
      BlockWidth,
    ];
    expect(obstacles).toEqual([]);
    expect(attention).toMatchObject({ groups, queriesPerGroup, headSize });
    expect(attention!.matrices.map(({ part }) => part).join()).toBe(parts);
    expect(feedForward!.channels).toBe(channels);
  });

  it('counts biases among the weights of a group and of a channel', async () => {
    const [{ attention, feedForward }] = (await blocksOf(fixturePath('hf-gpt2-fp32'))) as [
      BlockWidth,
    ];
    expect(attention!.groupWeights).toBe(8 * 32 * 4 + 8 * 3);
    expect(feedForward!.channelWeights).toBe(32 * 2 + 1);
  });

  it('is none of matrices whose floats are made of integers, and says so', async () => {
    const [block] = await blocksOf(fixturePath('genai-llama-int4-webgpu-qdq'));
    expect(block).toMatchObject({ attention: null, feedForward: null });
    expect(block!.obstacles.join()).toMatch(/as floats that are made of them/);
  });

  it('is that of one half where the other is not clear', async () => {
    const half = async (name: string): Promise<[boolean, boolean, number][]> =>
      (await blocksOf(fixturePath(name))).map(({ attention, feedForward, obstacles }) => [
        attention !== null,
        feedForward !== null,
        obstacles.length,
      ]);
    expect((await half('optimum-qwen3moe-fp32'))[0]).toEqual([true, false, 1]);
    expect((await half('genai-lfm2-fp32-cpu')).slice(1, 3)).toEqual([
      [false, true, 1],
      [true, true, 0],
    ]);
    expect((await half('optimum-bloom-fp32'))[0]).toEqual([false, true, 1]);
  });
});
