// Which matrices of a model can be quantised, what they are, and why the others cannot.

import { describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { modelOf } from '../../onnx/testing/text.ts';
import { fixturePath, samplePath } from '../../testing/fixtures.ts';
import { openModel } from '../open/open.ts';
import { findBlocks } from '../structure/blocks.ts';
import { type QuantisableMatrix, quantisableMatrices } from './matrices.ts';
import { blockOf } from './packed.ts';

const matricesOf = async (path: string, graph?: string): Promise<readonly QuantisableMatrix[]> =>
  quantisableMatrices((await openModel(await openFolder(path), graph)).structure);

/** Parts by obstacle; '' for those without one. */
function byObstacle(all: readonly QuantisableMatrix[]): Record<string, string> {
  const found = new Map<string, Set<string>>();
  for (const { obstacle, part } of all) {
    const parts = found.get(obstacle ?? '') ?? new Set();
    found.set(obstacle ?? '', parts.add(part));
  }
  return Object.fromEntries([...found].map(([obstacle, parts]) => [obstacle, [...parts].join()]));
}

describe('matrices', () => {
  it('of the sample are five of each block and one table that is the head too', async () => {
    const all = await matricesOf(samplePath(), 'onnx/model.onnx');
    expect(byObstacle(all)).toEqual({ '': 'embedding,qkv,o,gate,up,down,head' });
    expect(all).toHaveLength(82);
    expect(all.filter(({ tied }) => tied).map(({ kind }) => kind)).toEqual(['embedding', 'head']);
    expect(all.find(({ part, block }) => part === 'down' && block === 3)).toMatchObject({
      tensor: 'model.layers.3.mlp.down_proj.MatMul.weight',
      outputs: 128,
      inputs: 320,
      order: 'in-out',
      tied: false,
    });
    // The table is the transposed head: one layout serves both where the block divides the width.
    expect(all[0]).toMatchObject({ outputs: 2048, inputs: 128, order: 'in-out' });
    expect([64, 256].map((block) => blockOf(all[0]!, { block: block as 64 | 256 }))).toEqual([
      64, 128,
    ]);
  });

  it('that are no float products say why', async () => {
    expect(byObstacle(await matricesOf(fixturePath('genai-lfm2-fp32-cpu')))).toEqual({
      '': expect.stringMatching(/^embedding,in_proj,out_proj,/),
      'com.microsoft.CausalConvWithState takes its weights as floats alone.': 'conv',
    });
    const few = await matricesOf(fixturePath('genai-qwen2-int4-webgpu-shared'));
    expect(Object.keys(byObstacle(few))).toEqual(['It has few bits already.']);
    const split = await matricesOf(fixturePath('split-genai-qwen25vl-fp32'));
    expect(byObstacle(split)).toMatchObject({
      'It lies in the graph of the embedding, which is written as it is.': 'embedding',
    });
  });

  it('in forms that cannot be written say which', () => {
    const weight = (name: string, rows: number, columns: number): string =>
      `init ${name} f32 [${rows},${columns}]`;
    const { graph, ...rest } = modelOf(`
      in input_ids i64 [S]
      out logits f32 [S,32]
      ${weight('table', 32, 40)}
      x = Gather(table, input_ids)
      ${weight('w1', 40, 32)}
      q = MatMul(x, w1)
      ${weight('w2', 40, 32)}
      half = Mul(w2, w2)
      k = MatMul(x, half)
      ${weight('w3', 32, 40)}
      xt = Transpose(x)
      left = MatMul(w3, xt)
      kt = Transpose(k)
      s = MatMul(q, kt)
      p = Softmax(s)
      ${weight('w4', 40, 40)}
      v = com.microsoft.FusedGemm(x, w4)
      h = MatMul(p, v)
      lt = Transpose(left)
      ${weight('w5', 32, 40)}
      l = MatMul(lt, w5)
      sum = Add(h, l)
      r = Add(x, sum)
      ${weight('w6', 40, 8)}
      small = MatMul(r, w6)
      ${weight('w7', 8, 40)}
      back = MatMul(small, w7)
      y = Add(r, back)
      ${weight('w8', 40, 32)}
      logits = MatMul(y, w8)`);
    let offset = 0;
    for (const [name, tensor] of graph.initializers) {
      const data = { file: 'weights', offset, length: tensor.data.length };
      offset += data.length;
      graph.initializers.set(name, { ...tensor, data });
    }
    const all = quantisableMatrices(findBlocks({ ...rest, graph }, 1));
    expect(Object.fromEntries(all.map(({ tensor, obstacle }) => [tensor, obstacle]))).toEqual({
      table: 'Its rows have 40 values, which is no multiple of 16, the smallest block.',
      w1: null,
      w2: 'The graph computes it from other constants.',
      w3: 'It stands on the left of its product.',
      w4: 'com.microsoft.FusedGemm takes its weights as floats alone.',
      w5: null,
      w6: null,
      w7: 'It has 8 inputs, fewer than the smallest block of 16.',
      w8: null,
    });
  });
});
