// Graphs whose blocks share more than the residual stream, or have no attention: real exports and
// small graphs written as text.

import { describe, expect, it } from 'vitest';
import { openFolder } from '../../../node/testing/openFolder.ts';
import type { Model } from '../../../onnx/graph.ts';
import { readModel } from '../../../onnx/read.ts';
import { renameValues } from '../../../onnx/rename.ts';
import { casePath, fixturePath } from '../../../testing/fixtures.ts';
import type { Unit } from '../../../units.ts';
import { perLayer } from '../../testing/perLayer.ts';
import { PLAIN, residualModel } from '../../testing/residual.ts';
import { findBlocks } from '../blocks.ts';
import { hiddenOutputs } from '../hiddenOutputs.ts';
import { planRemoval } from '../removal.ts';
import { removeUnits } from '../remove.ts';
import { removalObstacle } from '../removeGraph.ts';
import { graphNames } from '../roles.ts';

const fixture = async (name: string): Promise<Model> =>
  readModel(await openFolder(fixturePath(name)), 'onnx/model.onnx');
const inCase = async (name: string, file = 'onnx/model.onnx'): Promise<Model> =>
  readModel(await openFolder(casePath(`${name}/model`)), file);

const inputsOf = (model: Model): string[] => model.graph.inputs.map(({ name }) => name);
const outputsOf = (model: Model): string[] => model.graph.outputs.map(({ name }) => name);

describe('shared caches', () => {
  it.each([6, null])('of the last blocks are found (layers by the config: %s)', async (layers) => {
    const structure = findBlocks(await fixture('kvshare-plain'), layers);
    expect(structure.blocks.map(({ borrows }) => borrows)).toEqual([null, null, null, null, 3, 3]);
    expect(structure.blocks.map(({ stateIndex }) => stateIndex)).toEqual([0, 1, 2, 3, -1, -1]);
    expect(structure.blocks.map(({ mid }) => mid !== null)).toEqual(Array(6).fill(true));
    expect(structure.blocks.map(({ unremovable }) => unremovable)).toEqual([
      null,
      null,
      null,
      'Block 3 lends its cache to blocks 4 and 5: it can only be removed together with them.',
      null,
      null,
    ]);
  });

  it.each<[Unit[], string | null]>([
    [[3, 4, 5], null],
    [[4], null],
    [['3.ffn'], null],
    [['3.attn', '4.attn', 5], null],
    [
      [3, 4],
      'Block 3 lends its cache to blocks 4 and 5: it can only be removed together with them.',
    ],
    [
      ['3.attn'],
      'The attention of block 3 lends its cache to blocks 4 and 5: it can only be removed ' +
        'together with theirs.',
    ],
  ])('keep a plan legal: %s', async (units, obstacle) => {
    const structure = findBlocks(await fixture('kvshare-plain'), 6);
    expect(removalObstacle(structure, units)).toBe(obstacle);
  });

  it('are numbered through, and found again', async () => {
    const structure = findBlocks(await fixture('kvshare-plain'), 6);
    const pruned = removeUnits(structure, [1, 4]);
    expect(inputsOf(pruned).filter((name) => name.endsWith('key'))).toEqual(
      [0, 1, 2].map((i) => `past_key_values.${i}.key`),
    );
    expect(findBlocks(pruned, 4).blocks.map(({ borrows }) => borrows)).toEqual([
      null,
      null,
      null,
      2,
    ]);
    expect(findBlocks(removeUnits(structure, [3, 4, 5]), 3).blocks.length).toBe(3);
  });

  it('in the middle of a model lend to their neighbour alone', async () => {
    const structure = findBlocks(await fixture('neg-kv-shared'), 5);
    expect(structure.blocks.map(({ borrows }) => borrows)).toEqual([null, null, null, 2, null]);
    expect(structure.blocks[2]?.unremovable).toBe(
      'Block 2 lends its cache to block 3: it can only be removed together with it.',
    );
    const pruned = removeUnits(structure, [3]);
    expect(inputsOf(pruned)).toContain('past_key_values.3.key');
  });
});

describe('values beside the residual stream', () => {
  it('may be further lookups of the token ids', async () => {
    const structure = findBlocks(await fixture('neg-per-layer-embedding'), 5);
    expect(structure.cuts[0]).toBe('/model/embed_tokens/Gather_output_0');
    expect(structure.sideValues.find(({ name }) => name === 'ple')?.blocks).toEqual([2]);
    expect(structure.blocks.every(({ unremovable }) => unremovable === null)).toBe(true);
  });

  it('may be computed from the embedding, each block reading its own part', () => {
    const model = perLayer();
    const structure = findBlocks(model, null);
    expect(structure.blocks.length).toBe(3);
    expect(structure.cuts[0]).toBe('r0');
    expect(structure.sideValues.map(({ name, blocks }) => [name, blocks])).toEqual(
      expect.arrayContaining([0, 1, 2].map((i) => [`part${i}`, [i]])),
    );
    const pruned = removeUnits(structure, [1]);
    // The parts that are left are those of their original blocks.
    const parts = pruned.graph.nodes.filter(({ inputs }) => inputs[0] === 'all');
    expect(parts.map(({ inputs }) => inputs[1])).toEqual(['sel0', 'sel2']);
  });

  it('are an obstacle where every block reads them whole', () => {
    const model = perLayer((i) => `part${i} = Identity(all)`);
    expect(() => findBlocks(model, 3)).toThrow(/values cross/);
  });
});

describe('blocks without attention', () => {
  it.each([6, null])('are found by what mixes tokens (layers: %s)', async (layers) => {
    const structure = findBlocks(await fixture('dynamo-bamba-fp32-nokv'), layers);
    expect(structure.cuts).toEqual([
      'embedding',
      'add_731',
      'add_1351',
      'add_1703',
      'add_2323',
      'add_2943',
      'add_3295',
    ]);
    expect(structure.blocks.map(({ stateIndex }) => stateIndex)).toEqual([-1, -1, 2, -1, -1, 5]);
    expect(structure.blocks.every(({ mid, unremovable }) => mid && unremovable === null)).toBe(
      true,
    );
  });

  it('may be all that is left', async () => {
    const structure = findBlocks(await fixture('dynamo-bamba-fp32-nokv'), 6);
    const left = findBlocks(removeUnits(structure, [2, 5]), 4);
    expect(left.anchor).toBe('residual');
    expect(left.cuts.length).toBe(5);
  });

  it('are counted by residual sums where nothing mixes tokens', () => {
    const model = residualModel({ ...PLAIN, caches: false, sizeFrom: -1 });
    for (const node of model.graph.nodes)
      if (node.op === 'Softmax' || node.outputs[0]?.startsWith('sc')) node.op = 'Add';
    for (const node of model.graph.nodes) if (/^h\d$/.test(node.outputs[0] ?? '')) node.op = 'Add';
    expect(findBlocks(model, 3).blocks.length).toBe(3);
  });

  it('are refused in words that say what was counted', async () => {
    const model = await fixture('dynamo-bamba-fp32-nokv');
    expect(() => findBlocks(model, 7)).toThrow(
      /^The config says 7 layers, but the graph has 6 separable blocks: only 6 have attention or/,
    );
    expect(() => findBlocks(model, 5)).toThrow(/has 6 separable blocks\.$/);
  });
});

describe('the token input', () => {
  const genai = { model: { decoder: { inputs: { input_ids: 'prompt_tokens' } } } };

  it('has the name that genai_config gives, or is the one that a table is indexed by', async () => {
    const model = await inCase('genai-named-token-input', 'model.onnx');
    for (const names of [graphNames(genai), graphNames(null)]) {
      const structure = findBlocks(model, 4, names);
      expect(structure.tokenInput).toBe('prompt_tokens');
      expect(structure.blocks.length).toBe(4);
    }
    expect(findBlocks(model, 4, graphNames(genai)).roleOf('prompt_tokens')).toBe('tokens');
  });

  it('is told from positions under another name', async () => {
    const model = await inCase('genai-named-token-input', 'model.onnx');
    const graph = renameValues(model.graph, new Map([['position_ids', 'where']]));
    expect(findBlocks({ ...model, graph }, 4).tokenInput).toBe('prompt_tokens');
  });

  it('has caches of the names that genai_config gives', () => {
    const model = residualModel({ ...PLAIN, sizeFrom: -1 });
    const odd = new Map(
      [0, 1, 2].flatMap((i) => [
        [`past_key_values.${i}.key`, `k${i}_before`] as const,
        [`past_key_values.${i}.value`, `v${i}_before`] as const,
        [`present.${i}.key`, `new_keys_${i}`] as const,
        [`present.${i}.value`, `new_values_${i}`] as const,
      ]),
    );
    const renamed = { ...model, graph: renameValues(model.graph, odd) };
    const decoder = {
      inputs: { past_key_names: 'k%d_before', past_value_names: 'v%d_before' },
      outputs: { present_key_names: 'new_keys_%d', present_value_names: 'new_values_%d' },
    };
    const structure = findBlocks(renamed, 3, graphNames({ model: { decoder } }));
    expect(structure.blocks[1]?.states.map(({ input, output }) => [input, output])).toEqual([
      ['k1_before', 'new_keys_1'],
      ['v1_before', 'new_values_1'],
    ]);
    expect(outputsOf(removeUnits(structure, [0]))).toContain('new_keys_0');
  });
});

describe('outputs and caches of all layers', () => {
  it('hidden states are numbered through; those of removed blocks are named', async () => {
    const structure = findBlocks(await inCase('hidden-state-outputs'), 4);
    const removal = planRemoval(structure, [1, 3]);
    expect([...removal.hidden.gone]).toEqual(['hidden_states.2', 'hidden_states.4']);
    const pruned = removeUnits(structure, [1, 3]);
    expect(outputsOf(pruned).filter((name) => name.startsWith('hidden'))).toEqual([
      'hidden_states.0',
      'hidden_states.1',
      'hidden_states.2',
    ]);
    const [group] = hiddenOutputs(findBlocks(pruned, 2));
    expect(group?.map(({ name, after }) => [name, after])).toEqual([
      ['hidden_states.0', -1],
      ['hidden_states.1', 0],
      ['hidden_states.2', 1],
    ]);
  });

  it('hidden states after the final norm stay the last', async () => {
    const model = await inCase('hidden-state-outputs');
    const structure = findBlocks(model, 4);
    const normed = structure.graph.nodes.find(
      ({ op }, p) => op === 'Mul' && structure.region[p] === 5,
    )!.outputs[0]!;
    const nodes = model.graph.nodes.map((node) =>
      node.outputs[0] === 'hidden_states.4' ? { ...node, inputs: [normed] } : node,
    );
    const found = findBlocks({ ...model, graph: { ...model.graph, nodes } }, 4);
    const removal = planRemoval(found, [1, 3]);
    expect([...removal.hidden.gone]).toEqual(['hidden_states.2', 'hidden_states.3']);
    expect(removal.names.get('hidden_states.4')).toBe('hidden_states.2');
  });

  it('one cache for all layers is one obstacle, which names it', async () => {
    const model = await inCase('one-cache-for-all-layers');
    expect(() => findBlocks(model, 4)).toThrow(
      /^All layers share one cache tensor \(key_cache and value_cache of 5 dimensions\)/,
    );
  });
});
