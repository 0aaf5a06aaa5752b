// Hostile folders of several graphs: whatever the graphs and genai_config.json hold, opening,
// pruning and planning an export end in success or a coded error, soon and within the folder.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../onnx/codec.ts';
import type { Model, ValueInfo } from '../../onnx/graph.ts';
import { boundWork, damaged, guardedFolder, judge, steps } from '../../onnx/testing/hostile.ts';
import { editedJson, jsonRecipe } from '../../onnx/testing/hostileJson.ts';
import { manifestFolder } from '../export/folder.ts';
import { exportManifest } from '../export/manifest.ts';
import { openModel } from '../open/open.ts';
import { edited, edits } from '../testing/hostileGraph.ts';
import { PLAIN, residualModel } from '../testing/residual.ts';
import { branchModel } from './branches.ts';
import { graphChoices } from './choices.ts';
import { mergePair } from './pair.ts';

const SEED = 20_261_130;
const cases = (numRuns: number): fc.Parameters<unknown> => ({
  seed: SEED,
  numRuns,
  endOnFailure: false,
});
const bytesOf = (model: Model): Uint8Array =>
  encodeModel(model, (_, range) => new Uint8Array(range.length));
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** The decoder cut at its embedding: the graph that makes embeddings, and the rest. */
function split(model: Model): { embedding: Model; decoder: Model } {
  const { graph } = model;
  const lookup = graph.nodes.filter(({ outputs }) => outputs.includes('r0'));
  const embeds: ValueInfo = { name: 'r0', type: 1, dims: ['B', 'S', 4] };
  const table = new Set(['t0']);
  const weights = (inEmbedding: boolean) =>
    new Map([...graph.initializers].filter(([name]) => table.has(name) === inEmbedding));
  return {
    embedding: {
      ...model,
      graph: {
        ...graph,
        nodes: lookup,
        initializers: weights(true),
        inputs: graph.inputs.filter(({ name }) => name === 'input_ids'),
        outputs: [embeds],
      },
    },
    decoder: {
      ...model,
      graph: {
        ...graph,
        nodes: graph.nodes.filter((node) => !lookup.includes(node)),
        initializers: weights(false),
        inputs: [embeds, ...graph.inputs.filter(({ name }) => name !== 'input_ids')],
      },
    },
  };
}

const whole = residualModel(PLAIN);
const parts = split(whole);
const [DECODER, EMBEDDING] = [bytesOf(parts.decoder), bytesOf(parts.embedding)];
const MERGED = bytesOf(mergePair(whole, whole));
const GENAI = {
  model: {
    type: 'x',
    decoder: { filename: 'decoder.onnx', num_hidden_layers: 3, inputs: { inputs_embeds: 'r0' } },
    embedding: { filename: 'embedding.onnx', inputs: { input_ids: 'input_ids' } },
    vision: { filename: 'vision.onnx', config_filename: 'processor.json' },
  },
};

/** Opens the only model of a folder, prunes it and opens the export. */
async function useFolder(files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  const folder = guardedFolder(files);
  const size = folder.files.reduce((n, file) => n + file.size, 0);
  const [choice] = await graphChoices(folder);
  const opened = await openModel(folder, choice?.path).finally(() =>
    expect(folder.read.bytes, 'bytes read').toBeLessThanOrEqual(16 * size),
  );
  const { blocks } = opened.structure;
  const [first] = blocks.filter(({ unremovable }) => unremovable === null);
  const removed = blocks.length > 1 && first ? [first.index] : [];
  const manifest = await exportManifest(opened, removed, { app: 'test' });
  await openModel(manifestFolder(manifest, folder), manifest.graph);
}

describe(`hostile folders of several graphs (seed ${SEED})`, () => {
  boundWork({ steps: 4e6, bytes: 64 * 2 ** 20 });

  it('are read and pruned where nothing is hostile', async () => {
    await useFolder({ 'decoder_model.onnx': DECODER, 'embed_tokens.onnx': EMBEDDING });
    await useFolder({ 'decoder_model_merged.onnx': MERGED });
    await useFolder({
      'decoder.onnx': DECODER,
      'embedding.onnx': EMBEDDING,
      'genai_config.json': json(GENAI),
    });
  });

  it('take damaged and edited decoders and embeddings', async () => {
    const hostile = fc.oneof(
      fc.tuple(fc.boolean(), steps(3)).map(([which, recipe]) => ({ which, recipe, damage: true })),
      fc.tuple(fc.boolean(), edits(3)).map(([which, recipe]) => ({ which, recipe, damage: false })),
    );
    await fc.assert(
      fc.asyncProperty(hostile, async ({ which, recipe, damage }) => {
        const bytes = which ? DECODER : EMBEDDING;
        const changed = damage ? damaged(bytes, recipe as never) : edited(bytes, recipe as never);
        const files = {
          'decoder_model.onnx': which ? changed : DECODER,
          'embed_tokens.onnx': which ? EMBEDDING : changed,
          'd.bin': new Uint8Array(64),
        };
        await judge(() => useFolder(files), [which, recipe]);
      }),
      cases(2000),
    );
  });

  it('take damaged and edited merged decoders', async () => {
    await fc.assert(
      fc.asyncProperty(steps(3), edits(3), fc.boolean(), async (bytes, graph, damage) => {
        const changed = damage ? damaged(MERGED, bytes) : edited(MERGED, graph);
        const files = { 'decoder_model_merged.onnx': changed, 'd.bin': new Uint8Array(64) };
        await judge(() => useFolder(files), [bytes, graph, damage]);
      }),
      cases(1200),
    );
  });

  it('take edited graphs with and without a past', async () => {
    const [without, withPast] = [
      bytesOf(branchModel(mergePair(whole, whole), 'else_branch')),
      bytesOf(whole),
    ];
    await fc.assert(
      fc.asyncProperty(fc.boolean(), edits(3), async (which, recipe) => {
        const files = {
          'decoder_model.onnx': which ? edited(without, recipe) : without,
          'decoder_with_past_model.onnx': which ? withPast : edited(withPast, recipe),
          'd.bin': new Uint8Array(64),
        };
        await judge(() => useFolder(files), [which, recipe]);
      }),
      cases(600),
    );
  });

  it('take any genai_config.json', async () => {
    await fc.assert(
      fc.asyncProperty(jsonRecipe, async (recipe) => {
        const files = {
          'decoder.onnx': DECODER,
          'embedding.onnx': EMBEDDING,
          'genai_config.json': new TextEncoder().encode(editedJson(GENAI, recipe)),
        };
        await judge(() => useFolder(files), [recipe]);
      }),
      cases(400),
    );
  });
});
