// What is left of a block without a sublayer where the residual stream is not only added to.

import { describe, expect, it } from 'vitest';
import type { Model } from '../../onnx/graph.ts';
import { graphOf } from '../../onnx/testing/text.ts';
import { PLAIN, residualModel } from '../testing/residual.ts';
import { findBlocks } from './blocks.ts';
import { bypassOf } from './bypass.ts';
import { removeUnits } from './remove.ts';
import { removalObstacle } from './removeGraph.ts';
import { feedForwardNodes } from './sublayers.ts';

/** The graph with a node after the one that makes `value`; all readers read its output instead. */
function after(model: Model, value: string, line: string): Model {
  const added = graphOf(line);
  const [node] = added.nodes;
  const to = node?.outputs[0] ?? '';
  const nodes = model.graph.nodes.flatMap((own) => {
    const inputs = own.inputs.map((x) => (x === value ? to : x));
    return own.outputs.includes(value) && node ? [own, node] : [{ ...own, inputs }];
  });
  const initializers = new Map([...model.graph.initializers, ...added.initializers]);
  return { ...model, graph: { ...model.graph, nodes, initializers } };
}

/** Block 0 reads r0, adds its attention to a0f and its feed-forward to a1a. */
const plain = residualModel(PLAIN);
const scaled = after(plain, 'a1a', 'init half f32 []\nscaled = Mul(half, a1a)');

/** What reads the stream after block 0. */
const readers = (model: Model, value: string): string[] =>
  model.graph.nodes.filter((node) => node.inputs.includes(value)).map((node) => node.op);

describe('a block without its feed-forward', () => {
  it('is the middle value where the stream is only added to', () => {
    const structure = findBlocks(plain, null);
    expect(structure.blocks[0]).toMatchObject({ input: 'r0', mid: 'a0f', output: 'a1a' });
    expect(bypassOf(structure, '0.ffn')).toEqual({
      replace: new Map([['a1a', 'a0f']]),
      kept: [],
      obstacle: null,
    });
  });

  it('keeps a factor on the stream at its end', () => {
    const structure = findBlocks(scaled, null);
    expect(structure.blocks[0]).toMatchObject({ mid: 'a0f', output: 'scaled' });
    const { replace, kept, obstacle } = bypassOf(structure, '0.ffn');
    expect([[...replace], obstacle]).toEqual([[['a1a', 'a0f']], null]);
    expect(kept.map((p) => structure.graph.nodes[p]?.op)).toEqual(['Mul']);
    expect(kept.map((p) => feedForwardNodes(structure)[p])).toEqual([2]);
    const left = removeUnits(structure, ['0.ffn']);
    const mul = left.graph.nodes.find((node) => node.outputs[0] === 'scaled');
    expect(mul?.inputs).toEqual(['half', 'a0f']);
    expect(readers(left, 'scaled')).toEqual(readers(scaled, 'scaled'));
    expect(findBlocks(left, null).blocks.map((block) => block.lacks)).toEqual(['ffn', null, null]);
    expect(removeUnits(structure, [0]).graph.initializers.has('half')).toBe(false);
  });

  it('keeps a factor on the stream before its attention is added', () => {
    const nodes = plain.graph.nodes.flatMap((node) =>
      node.outputs[0] === 'a0f'
        ? [
            ...graphOf('twice = Mul(r0, two)').nodes,
            { ...node, inputs: node.inputs.map((x) => (x === 'r0' ? 'twice' : x)) },
          ]
        : [node],
    );
    const { initializers } = graphOf('init two f32 []');
    const model: Model = {
      ...plain,
      graph: {
        ...plain.graph,
        nodes,
        initializers: new Map([...plain.graph.initializers, ...initializers]),
      },
    };
    const structure = findBlocks(model, null);
    expect([...bypassOf(structure, '0.attn').replace]).toEqual([['a0f', 'twice']]);
    const left = removeUnits(structure, ['0.attn']);
    expect(left.graph.nodes.find((node) => node.outputs[0] === 'a1a')?.inputs).toContain('twice');
  });

  it('is not offered where a norm, or a factor made of the tokens, lies on the stream', () => {
    for (const [line, op] of [
      ['init g f32 [4]\nlast = SimplifiedLayerNormalization{axis=-1}(a1a, g)', 'Simplified'],
      ['last = Mul(a1a, a1a)', 'Mul'],
    ] as const) {
      const structure = findBlocks(after(plain, 'a1a', line), null);
      expect(structure.blocks[0]).toMatchObject({ mid: 'a0f', output: 'last' });
      expect(removalObstacle(structure, ['0.ffn'])).toMatch(
        new RegExp(`^The feed-forward of block 0 cannot be taken out alone: .*\\(${op}`),
      );
      expect(removalObstacle(structure, ['0.attn'])).toBe(null);
      expect(removalObstacle(structure, ['1.ffn'])).toBe(null);
    }
  });
});
