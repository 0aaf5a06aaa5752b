// Every fixture folder against what the reference algorithm finds in it, and the same graphs
// disguised.

import { beforeAll, describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { DataType, type Model } from '../../onnx/graph.ts';
import { readModel } from '../../onnx/read.ts';
import { renameValues } from '../../onnx/rename.ts';
import { type CorpusRow, corpus, fixturePath, wholeCorpus } from '../../testing/fixtures.ts';
import { residualModel } from '../testing/residual.ts';
import { findBlocks } from './blocks.ts';
import { readConfig } from './config.ts';
import { removeUnits } from './remove.ts';
import type { Structure } from './structure.ts';

const TYPE: Readonly<Record<string, number>> = {
  FLOAT: DataType.float,
  FLOAT16: DataType.float16,
  INT64: DataType.int64,
  INT32: DataType.int32,
  BOOL: DataType.bool,
};

/** Words of a refusal that name the obstacle, by the reference's own words. */
const OBSTACLES: readonly [RegExp, readonly RegExp[]][] = [
  [/merged decoder/, [/merged decoder/, /If/]],
  [
    /values cross/,
    [
      /2 values cross between block 0 and block 1/,
      /layers\.0\/self_attn\/o_proj\/MatMul_output_0/,
      /layers\.1\/input_layernorm\/Cast_output_0/,
    ],
  ],
];

async function open(row: CorpusRow): Promise<{ model: Model; find: () => Structure }> {
  const folder = await openFolder(fixturePath(row.folder));
  const model = await readModel(folder, row.file);
  const { layers } = await readConfig(folder);
  await folder.close();
  return { model, find: () => findBlocks(model, layers) };
}

/** Obstacles to the reference alone: shared caches and further lookups (stream/stream.test.ts). */
const NO_OBSTACLES = ['neg-kv-shared', 'neg-per-layer-embedding'];

describe.each(corpus())('$folder', (row) => {
  if (NO_OBSTACLES.includes(row.folder)) {
    it('has its blocks, although the reference refuses it', async () => {
      const { find } = await open(row);
      expect(find().blocks.length).toBe(row.configNumLayers);
    });
    return;
  }
  if (!row.supported) {
    it('is refused with a sentence that names the obstacle', async () => {
      const { find } = await open(row);
      const [, words] = OBSTACLES.find(([reference]) => reference.test(row.refusal ?? '')) ?? [];
      expect(words).toBeDefined();
      for (const word of words ?? []) expect(find).toThrow(word);
    });
    return;
  }

  it('has the blocks, cuts and side values of the reference', async () => {
    const { model, find } = await open(row);
    const structure = find();
    expect(model.graph.nodes.length).toBe(row.nodes);
    expect(structure.blocks.length).toBe(row.numBlocks);
    expect(structure.cuts).toEqual(row.cuts);
    expect(structure.blocks.map((b) => b.mid)).toEqual(
      row.midCuts ?? structure.blocks.map(() => null),
    );
    expect(structure.sideValues).toEqual(
      (row.sideValues ?? []).map(({ name, blocks }) => ({ name, blocks })),
    );
    expect(structure.sideValues.map((v) => structure.typeOf(v.name))).toEqual(
      (row.sideValues ?? []).map((v) => TYPE[v.dtype]),
    );
    expect(structure.anchor).toBe(row.anchor);
    expect(structure.perTokenLogits).toBe(row.perToken);
    expect(structure.blocks.filter((b) => b.unremovable !== null).map((b) => b.index)).toEqual(
      row.unremovable,
    );
  });

  it('loses each single block soundly, and nothing changes without removal', async () => {
    const { model, find } = await open(row);
    const structure = find();
    expect(removeUnits(structure, []).graph.nodes.length).toBe(model.graph.nodes.length);
    for (const block of structure.blocks) {
      if (row.unremovable?.includes(block.index)) continue;
      const pruned = removeUnits(structure, [block.index]);
      expect(findBlocks(pruned, structure.blocks.length - 1).blocks.length).toBe(
        structure.blocks.length - 1,
      );
    }
  });
});

describe('hostile looks', () => {
  let model: Model;
  let cuts: string[];
  beforeAll(async () => {
    const opened = await open(corpus().find((r) => r.folder === 'optimum-llama-fp32')!);
    model = opened.model;
    cuts = opened.find().cuts;
  });

  it('finds the blocks of a graph whose names mean nothing', () => {
    const names = new Map<string, string>();
    const keep = new Set([...model.graph.inputs, ...model.graph.outputs].map((v) => v.name));
    for (const n of model.graph.nodes)
      for (const o of n.outputs) if (!keep.has(o)) names.set(o, `v${names.size}`);
    for (const x of model.graph.initializers.keys()) names.set(x, `v${names.size}`);
    const graph = renameValues(model.graph, names);
    const anonymous = {
      ...model,
      graph: { ...graph, nodes: graph.nodes.map((n) => ({ ...n, name: '' })) },
    };
    const structure = findBlocks(anonymous, 5);
    expect(structure.cuts).toEqual(cuts.map((c) => names.get(c)));
    expect(removeUnits(structure, [2]).graph.nodes.every((n) => n.name === '')).toBe(true);
  });

  it('refuses only the removal of a block whose output the graph gives out', () => {
    const outputs = [...model.graph.outputs, { name: cuts[3]!, type: DataType.float, dims: null }];
    const structure = findBlocks({ ...model, graph: { ...model.graph, outputs } }, 5);
    expect(structure.blocks.flatMap((b) => (b.unremovable === null ? [] : [b.index]))).toEqual([2]);
    expect(structure.blocks[2]?.unremovable).toContain(cuts[3]);
  });

  it('names the cache input that has no counterpart', () => {
    const outputs = model.graph.outputs.filter((o) => o.name !== 'present.3.value');
    expect(() => findBlocks({ ...model, graph: { ...model.graph, outputs } }, 5)).toThrow(
      /past_key_values\.3\.value has no matching output/,
    );
  });

  it('takes a cached decoder without a head, but gives it no perplexity', () => {
    const renamed = renameValues(model.graph, new Map([['logits', 'hidden_states']]));
    const structure = findBlocks({ ...model, graph: renamed }, 5);
    expect([structure.headless, structure.perTokenLogits, structure.logits]).toEqual([
      true,
      false,
      'hidden_states',
    ]);
    expect(structure.cuts).toEqual(cuts);
  });

  it('refuses encoders, classifiers and graphs without blocks or token input', async () => {
    const cacheless = (await open(wholeCorpus().find((r) => r.folder === 'optimum-llama-nokv')!))
      .model;
    const encoder = renameValues(cacheless.graph, new Map([['logits', 'last_hidden_state']]));
    expect(() => findBlocks({ ...cacheless, graph: encoder }, 5)).toThrow(
      /no logits.*last_hidden_state.*encoder/,
    );
    const classes = model.graph.outputs.map((o) =>
      o.name === 'logits' ? { ...o, dims: ['B', 3] } : o,
    );
    expect(() => findBlocks({ ...model, graph: { ...model.graph, outputs: classes } }, 5)).toThrow(
      /3 classes/,
    );
    const features = model.graph.inputs.map((input) =>
      input.name === 'input_ids' ? { ...input, type: DataType.float } : input,
    );
    const audio = renameValues(
      { ...model.graph, inputs: features },
      new Map([['input_ids', 'input_features']]),
    );
    expect(() => findBlocks({ ...model, graph: audio }, 5)).toThrow(
      /neither an input_ids nor an inputs_embeds input/,
    );
    const bare = residualModel({
      blocks: 2,
      caches: false,
      parallel: false,
      fused: false,
      sizeFrom: -1,
      casts: false,
      filler: 0,
      listed: false,
      reversed: false,
    });
    // Neither attention nor anything else that mixes tokens.
    for (const n of bare.graph.nodes)
      if (n.op === 'Softmax' || /^(sc|h)\d$/.test(n.outputs[0] ?? '')) n.op = 'Add';
    expect(() => findBlocks(bare, null)).toThrow(/No blocks were found/);
  });
});
