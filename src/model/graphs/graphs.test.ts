// Which files make a model, and what joins them: by names, by genai_config.json, by what they do.

import { describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { checkGraph } from '../../onnx/check.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { memoryFolder, modelOf } from '../../onnx/testing/text.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import { openModel } from '../open/open.ts';
import { PLAIN, residualModel } from '../testing/residual.ts';
import { branchModel, findMerged, withBranches } from './branches.ts';
import { graphChoices } from './choices.ts';
import { joinEmbedding } from './joined.ts';
import { mergePair } from './pair.ts';

const folderOf = (paths: readonly string[], more: Record<string, unknown> = {}) =>
  memoryFolder({
    ...Object.fromEntries(paths.map((path) => [path, new Uint8Array(4)])),
    ...Object.fromEntries(
      Object.entries(more).map(([path, value]) => [
        path,
        new TextEncoder().encode(JSON.stringify(value)),
      ]),
    ),
  });

/** Each choice as its decoder and the graphs that belong to it. */
const listed = async (...at: Parameters<typeof folderOf>): Promise<string[]> =>
  (await graphChoices(folderOf(...at))).map(({ path, components = [] }) =>
    [path, ...components.map((part) => `${part.role} ${part.path}`)].join(', '),
  );

describe('choices', () => {
  it('put a decoder and its components together, each in the nearest precision', async () => {
    expect(
      await listed([
        'onnx/decoder_model_merged.onnx',
        'onnx/decoder_model_merged_q4f16.onnx',
        'onnx/embed_tokens.onnx',
        'onnx/embed_tokens_fp16.onnx',
        'onnx/vision_encoder_q4f16.onnx',
        'onnx/projector.onnx',
      ]),
    ).toEqual([
      'onnx/decoder_model_merged.onnx, embedding onnx/embed_tokens.onnx, ' +
        'vision onnx/vision_encoder_q4f16.onnx, other onnx/projector.onnx',
      'onnx/decoder_model_merged_q4f16.onnx, embedding onnx/embed_tokens_fp16.onnx, ' +
        'vision onnx/vision_encoder_q4f16.onnx, other onnx/projector.onnx',
    ]);
  });

  it('pair decoders with and without a past by precision', async () => {
    expect(
      await listed([
        'onnx/decoder_model.onnx',
        'onnx/decoder_model_quantized.onnx',
        'onnx/decoder_with_past_model.onnx',
        'onnx/encoder_model.onnx',
      ]),
    ).toEqual([
      'onnx/decoder_model.onnx, with-past onnx/decoder_with_past_model.onnx, ' +
        'encoder onnx/encoder_model.onnx',
      'onnx/decoder_model_quantized.onnx, encoder onnx/encoder_model.onnx',
    ]);
  });

  it('are what genai_config.json names', async () => {
    const genai = {
      model: {
        decoder: { filename: './text.onnx' },
        embedding: { filename: 'embedding.onnx' },
        speech: { filename: 'missing.onnx' },
      },
    };
    expect(
      await listed(['text.onnx', 'embedding.onnx', 'extra.onnx'], { 'genai_config.json': genai }),
    ).toEqual(['text.onnx, embedding embedding.onnx']);
  });

  it('leave unrelated graphs apart', async () => {
    expect(await listed(['a.onnx', 'b.onnx'])).toEqual(['a.onnx', 'b.onnx']);
  });
});

describe('a decoder in stages', () => {
  it('is refused by the names of its stages', async () => {
    const config = { model: { decoder: { pipeline: [{ embeddings: {} }, { context: {} }] } } };
    const graph = encodeModel(residualModel(PLAIN), (_, r) => new Uint8Array(r.length));
    const folder = memoryFolder({
      'context.onnx': graph,
      'genai_config.json': new TextEncoder().encode(JSON.stringify(config)),
    });
    await expect(openModel(folder)).rejects.toMatchObject({
      code: 'unsupported-graph',
      message: expect.stringMatching(/pipeline of 2 graphs \(embeddings, context\)/),
    });
  });
});

describe('branches', () => {
  it('come out of a merged decoder and go back in unchanged', async () => {
    const folder = await openFolder(fixturePath('merged-opt-fp32'));
    const { model } = (await openModel(folder)).decoders[0];
    await folder.close();
    const again = withBranches(model, {
      then_branch: branchModel(model, 'then_branch'),
      else_branch: branchModel(model, 'else_branch'),
    });
    expect(again.graph.outputs).toEqual(model.graph.outputs);
    expect([...again.graph.initializers.keys()]).toEqual([...model.graph.initializers.keys()]);
    for (const name of ['then_branch', 'else_branch'] as const)
      expect(branchModel(again, name).graph.nodes).toEqual(branchModel(model, name).graph.nodes);
  });

  it('of which one reads no past are told apart, whichever it is', () => {
    const merged = mergePair(
      residualModel({ ...PLAIN, caches: false, filler: 4 }),
      residualModel({ ...PLAIN, filler: 4 }),
    );
    expect(findMerged(merged)).toMatchObject({ withPast: 'then_branch', withPastWhen: true });
  });
});

describe('an embedding graph', () => {
  const atOpset = (version: number, lines: readonly string[]) => ({
    ...modelOf(lines.join('\n')),
    opsets: new Map([['', version]]),
  });
  const embedding = (opset: number, type = 'f32') =>
    atOpset(opset, [
      'in input_ids i64 [B,S]',
      `init table ${type} [8,4]`,
      `out inputs_embeds ${type} [B,S,4]`,
      'inputs_embeds = Gather(table, input_ids)',
    ]);
  const decoder = modelOf(
    ['in inputs_embeds f32 [B,S,4]', 'out logits f32 [B,S,4]', 'logits = Neg(inputs_embeds)'].join(
      '\n',
    ),
  );

  it('gives one graph from token ids to logits', () => {
    const { graph } = joinEmbedding(embedding(18), decoder, 'inputs_embeds');
    expect(graph.inputs.map(({ name }) => name)).toEqual(['input_ids']);
    expect(graph.nodes.map(({ op }) => op)).toEqual(['Gather', 'Neg']);
    expect(checkGraph(graph)).toEqual([]);
  });

  it('in another element type than the decoder takes is refused', () => {
    expect(() => joinEmbedding(embedding(18, 'f16'), decoder, 'inputs_embeds')).toThrow(
      /element type 10, not 1/,
    );
  });

  it('may use an older operator set unless one of its operators changed', () => {
    const old = atOpset(11, [
      'in input_ids i64 [B,S]',
      'init table f32 [8,4]',
      'out inputs_embeds f32 [B,S,4]',
      'rows = Gather(table, input_ids)',
      'inputs_embeds = Softmax(rows)',
    ]);
    expect(() => joinEmbedding(old, decoder, 'inputs_embeds')).toThrow(/Softmax changed/);
  });
});
