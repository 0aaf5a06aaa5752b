// Opening folders: every layout, the numbers shown before any weight is read, and what is said of
// folders that cannot be opened.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../errors.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { DataType, type Model } from '../../onnx/graph.ts';
import { memoryFolder, modelOf } from '../../onnx/testing/text.ts';
import {
  corpus,
  fixturePath,
  golden,
  type SampleGolden,
  samplePath,
} from '../../testing/fixtures.ts';
import { graphChoices } from '../graphs/choices.ts';
import { structuralClasses } from '../programs/classes.ts';
import { findBlocks } from '../structure/blocks.ts';
import { perLayer } from '../testing/perLayer.ts';
import { PLAIN, type ResidualShape, residualModel } from '../testing/residual.ts';
import { openModel } from './open.ts';
import { findProblems } from './problems.ts';
import { planSize } from './size.ts';
import { summarize } from './summarize.ts';
import type { ModelSummary } from './summary.ts';

async function summaryOf(path: string, graph?: string): Promise<ModelSummary> {
  const folder = await openFolder(path);
  const { summary } = await openModel(folder, graph);
  await folder.close();
  return summary;
}

const tiny = (): Uint8Array =>
  encodeModel(residualModel(PLAIN), (_, r) => new Uint8Array(r.length));

describe('the sample', () => {
  it.each(['onnx/model.onnx', 'onnx/model_q4.onnx'])(
    'has the golden size as %s, whatever its precision',
    async (path) => {
      const expected = golden<SampleGolden>('sample');
      const s = await summaryOf(samplePath(), path);
      expect(s.params).toBe(expected.params);
      expect(s.blocks.map((b) => b.params)).toEqual(
        Array.from({ length: 16 }, () => expected.block_params),
      );
      expect(s.embedding.params).toBe(2048 * 128);
      expect(s.head).toMatchObject({ params: 128, tied: true });
      expect(s.kvBytesPerToken).toBe(8192);
      expect(s).toMatchObject({
        family: 'llama',
        layout: 'transformers.js',
        numBlocks: 16,
        hiddenSize: 128,
        vocabSize: 2048,
        contextLength: 512,
        canScore: true,
      });
      expect(s.dtype).toBe(path.includes('q4') ? 'q4' : 'fp32');
      const sizes = (await openFolder(samplePath())).files.filter((f) => f.path.startsWith(path));
      expect(s.bytes).toBe(sizes.reduce((n, f) => n + f.size, 0));
    },
  );

  it('gets smaller by exactly the removed blocks', async () => {
    const s = await summaryOf(samplePath(), 'onnx/model.onnx');
    const plan = planSize(s, [3, 7, 7]);
    const entries = (s.blocks[3]?.graphBytes ?? 0) + (s.blocks[7]?.graphBytes ?? 0);
    const bytes = (s.exportBytes ?? 0) - 2 * 172288 * 4 - entries;
    expect(plan).toEqual({ params: s.params - 2 * 172288, bytes, kvBytesPerToken: 8192 - 2 * 512 });
    expect(planSize(s, [])).toEqual({
      params: s.params,
      bytes: s.exportBytes,
      kvBytesPerToken: s.kvBytesPerToken,
    });
    for (const b of s.blocks)
      expect((b.attention?.params ?? 0) + (b.feedForward?.params ?? 0)).toBe(b.params);
  });

  it('lists both graphs with their sizes', async () => {
    const graphs = await graphChoices(await openFolder(samplePath()));
    expect(graphs).toEqual([
      { path: 'onnx/model.onnx', model: '', dtype: 'fp32', bytes: 106273 + 12124160 },
      { path: 'onnx/model_q4.onnx', model: '', dtype: 'q4', bytes: 136027 + 1949696 },
    ]);
    await expect(openModel(await openFolder(samplePath()))).rejects.toThrow(
      /2 graphs in the folder sample: onnx\/model.onnx, onnx\/model_q4.onnx/,
    );
  });
});

describe('summaries of the fixtures', () => {
  const rows = corpus().filter((r) => r.supported);

  const takesEmbeddings = (row: { notes: string[] }): boolean =>
    row.notes.includes('input is inputs_embeds');

  it.each(rows)('$folder', async (row) => {
    const s = await summaryOf(fixturePath(row.folder));
    expect(s).toMatchObject({
      layout: row.layout,
      numBlocks: row.numBlocks,
      graph: row.file,
      nodes: row.nodes,
      cuts: row.cuts,
      vocabSize: 384,
      hiddenSize: 64,
    });
    expect(s.blocks.map((b) => b.class)).toEqual(row.structuralClasses);
    expect(s.sideValues.map((v) => v.type.toUpperCase())).toEqual(
      row.sideValues?.map((v) => v.dtype),
    );
    expect(s.canScore).toBe(!takesEmbeddings(row));
    expect(s.params).toBe(
      s.embedding.params + s.head.params + s.blocks.reduce((n, b) => n + b.params, 0),
    );
    expect(s.bytes).toBeGreaterThan(
      s.embedding.bytes + s.head.bytes + s.blocks.reduce((n, b) => n + b.bytes, 0),
    );
  });

  it('counts the same parameters in every precision and export of one model', async () => {
    const llamas = rows.filter((r) => r.family === 'llama');
    expect(llamas.length).toBeGreaterThan(4);
    for (const row of llamas) {
      const s = await summaryOf(fixturePath(row.folder));
      expect(s.params).toBe(takesEmbeddings(row) ? 203456 - 384 * 64 : 203456);
      expect(s.blocks.map((b) => b.params)).toEqual([30848, 30848, 30848, 30848, 30848]);
    }
  });

  it('calls weights by the signedness they have', async () => {
    const folder = await openFolder(fixturePath('optimum-llama-int8'));
    const opened = await openModel(folder);
    const { structure, config } = opened;
    await folder.close();
    expect(summarize(opened, opened, config).dtype).toBe('int8');
    for (const tensor of structure.graph.initializers.values())
      if (tensor.type === DataType.int8) tensor.type = DataType.uint8;
    expect(summarize(opened, opened, config).dtype).toBe('uint8');
  });

  it('lists states of fixed size apart from caches', async () => {
    const s = await summaryOf(fixturePath('genai-lfm2-fp32-cpu'));
    expect(s.otherStates).toEqual(
      [0, 1, 3, 5].map((block) => ({ name: `past.${block}.conv`, block, bytes: 64 * 2 * 4 })),
    );
    expect(s.blocks.map((b) => b.kvBytesPerToken)).toEqual([0, 0, 256, 0, 256, 0]);
  });

  it('names the ids that stand for images, where none are fed', async () => {
    const s = await summaryOf(fixturePath('split-genai-qwen25vl-fp32'));
    expect(s.placeholders).toEqual([380, 381]);
    expect((await summaryOf(fixturePath('optimum-llama-fp32'))).placeholders).toBeUndefined();
  });

  it('says what a device cannot do', async () => {
    const codes = async (folder: string): Promise<string[]> =>
      (await summaryOf(fixturePath(folder))).problems.map((p) => p.code);
    expect(await codes('genai-gemma2-fp32-cpu')).toEqual(['soft-cap']);
    expect(await codes('genai-qwen3-fp32-webgpu')).toEqual(['query-key-norm']);
    expect(await codes('optimum-gptneox-fp32')).toEqual(['no-halves']);
    expect(await codes('genai-llama-int4-webgpu')).toEqual(['accuracy-level']);
    expect(await codes('optimum-llama-fp32')).toEqual([]);
  });
});

describe('what opening tells of scoring', () => {
  const tell = async (
    shape: ResidualShape,
    edit: (m: Model) => void = () => {},
  ): Promise<ModelSummary> => {
    const model = residualModel(shape);
    edit(model);
    const bytes = encodeModel(model, (_, r) => new Uint8Array(r.length));
    return (await openModel(memoryFolder({ 'model.onnx': bytes }))).summary;
  };

  it('flags an input of unknown meaning, and no side values made of token ids', async () => {
    expect(await tell({ ...PLAIN, sizeFrom: 0 })).toMatchObject({ canScore: true, problems: [] });
    const position = await tell({ ...PLAIN, sizeFrom: 0 }, ({ graph }) => {
      graph.inputs.push({ name: 'token_type_ids', type: 7, dims: ['S'] });
      const size = graph.nodes.find((n) => n.outputs[0] === 'size');
      if (size) size.inputs = ['token_type_ids'];
    });
    expect(position.canScore).toBe(false);
    expect(position.problems).toEqual([
      { code: 'not-scorable', message: expect.stringContaining('"token_type_ids" of rank 1') },
    ]);
    // Computed for each window.
    expect(await tell({ ...PLAIN, sizeFrom: -1 })).toMatchObject({ canScore: true, problems: [] });
  });

  it('goes through 7,000 nodes', () => {
    const structure = findBlocks(residualModel({ ...PLAIN, blocks: 80, filler: 70 }), 80);
    expect(structure.graph.nodes.length).toBeGreaterThan(7000);
    const source = { structure, config: { headSize: 4 }, summary: { hiddenSize: 4, vocabSize: 8 } };
    const classes = structuralClasses(structure);
    expect(findProblems(source, classes).canScore).toBe(true);
  });
});

describe('layouts and bad folders', () => {
  it('opens the same graph flat, in onnx/ and beside a genai config', async () => {
    const layouts = [
      {
        files: {
          'model.onnx': tiny(),
          'config.json': '{"model_type": "x", "num_hidden_layers": 3}',
        },
        layout: 'flat',
      },
      {
        files: { 'onnx/model.onnx': tiny(), 'config.json': '{"text_config": {"n_layer": 3}}' },
        layout: 'transformers.js',
      },
      {
        files: {
          'model.onnx': tiny(),
          'genai_config.json': '{"model": {"type": "x", "decoder": {"num_hidden_layers": 3}}}',
        },
        layout: 'genai',
      },
      { files: { 'model.onnx': tiny() }, layout: 'flat' },
    ] as const;
    for (const { files, layout } of layouts) {
      const opened = await openModel(memoryFolder(files));
      expect(opened.summary).toMatchObject({ layout, numBlocks: 3 });
    }
  });

  it('refuses the stages of a pipeline as one model', async () => {
    const pipeline = [
      { embeddings: { filename: 'embeddings.onnx' }, context: { filename: 'context.onnx' } },
      { head: { filename: 'lm_head.onnx' } },
    ];
    const folder = memoryFolder({
      'genai_config.json': JSON.stringify({ model: { decoder: { pipeline } } }),
      'embeddings.onnx': tiny(),
      'context.onnx': tiny(),
      'lm_head.onnx': tiny(),
    });
    await expect(openModel(folder)).rejects.toThrow(
      /^genai_config.json divides .* pipeline of 3 graphs \(embeddings, context, head\)/,
    );
  });

  it('says what is missing or does not fit', async () => {
    const open = (files: Record<string, Uint8Array | string>): Promise<unknown> =>
      openModel(memoryFolder(files));
    await expect(open({ 'config.json': '{}' })).rejects.toThrow(
      /no model in the folder memory: no ONNX, safetensors or GGUF file\./,
    );
    await expect(open({ 'model.safetensors': 'x' })).rejects.toThrow(
      /There is no config\.json beside model\.safetensors/,
    );
    await expect(
      open({ 'model.onnx': tiny(), 'config.json': '{"num_hidden_layers": 4}' }),
    ).rejects.toThrow(/says 4 layers.* 3 separable blocks/);
    await expect(
      open({ 'model.onnx': tiny(), 'config.json': '{"num_hidden_layers": 2}' }),
    ).rejects.toThrow(/says 2 layers.* 3 separable blocks/);
    await expect(
      open({
        'model.onnx': tiny(),
        'genai_config.json': '{"model": {"decoder": {"num_hidden_layers": 5}}}',
      }),
    ).rejects.toThrow(/says 5 layers/);
    const stale = {
      'config.json': '{"num_hidden_layers": 3}',
      'genai_config.json': '{"model": {"decoder": {"num_hidden_layers": 5}}}',
    };
    await expect(open({ 'model.onnx': tiny(), ...stale })).rejects.toThrow(
      /config.json says 3 layers, but genai_config.json says 5/,
    );
    await expect(open({ 'model.onnx': tiny(), 'config.json': '{' })).rejects.toThrow(
      /config.json is not valid JSON/,
    );
    await expect(open({ 'model.onnx': tiny(), 'config.json': '[]' })).rejects.toThrow(
      /config.json is not a JSON object/,
    );
    const lfm = new Uint8Array(readFileSync(fixturePath('genai-lfm2-fp32-cpu/model.onnx')));
    await expect(open({ 'model.onnx': lfm })).rejects.toThrow(
      /model.onnx.data is not in the folder/,
    );
    await expect(
      open({ 'model.onnx': lfm, 'model.onnx.data': new Uint8Array(5000) }),
    ).rejects.toThrow(/model.onnx.data is too short.* 5000 bytes/);
  });

  it('reads the numbers that Python writes outside JSON', async () => {
    const text =
      '{"num_hidden_layers": 3, "a": Infinity, "b": [-Infinity, NaN], "note": "NaN ' +
      '\\"Infinity", "n_ctx": 9}';
    const { config } = await openModel(memoryFolder({ 'model.onnx': tiny(), 'config.json': text }));
    expect(config.raw.config).toMatchObject({
      a: Infinity,
      b: [-Infinity, null],
      note: 'NaN "Infinity',
    });
    expect(config).toMatchObject({ layers: 3, contextLength: 9 });
  });

  it('names data files and precisions of many graphs', async () => {
    const bytes = new Uint8Array(10);
    const files = Object.fromEntries(
      [
        'onnx/model_fp16.onnx',
        'onnx/model_fp16.onnx_data',
        'onnx/model_fp16.onnx_data_1',
        'onnx/model_q4f16.onnx',
        'onnx/model_quantized.onnx',
        'onnx/.hidden.onnx',
        'model.onnx',
        'model.onnx.data',
      ].map((p) => [p, bytes]),
    );
    expect(await graphChoices(memoryFolder(files))).toEqual([
      { path: 'model.onnx', model: '', dtype: 'fp32', bytes: 20 },
      { path: 'onnx/model_fp16.onnx', model: '', dtype: 'fp16', bytes: 30 },
      { path: 'onnx/model_q4f16.onnx', model: '', dtype: 'q4f16', bytes: 10 },
      { path: 'onnx/model_quantized.onnx', model: '', dtype: 'int8', bytes: 10 },
    ]);
  });

  it('refuses a graph in which a value has two producers or none', async () => {
    const open = (text: (node: string) => string): Promise<unknown> => {
      const model = residualModel(PLAIN);
      const node = model.graph.nodes.find((n) => n.outputs[0] === 'u1');
      if (node) node.inputs = node.inputs.map(text);
      if (node && text('') !== '') node.outputs = ['q0'];
      return openModel(
        memoryFolder({ 'model.onnx': encodeModel(model, (_, r) => new Uint8Array(r.length)) }),
      );
    };
    await expect(open((x) => x)).resolves.toBeDefined();
    await expect(open((x) => x || 'twice')).rejects.toMatchObject({
      code: 'corrupt-file',
      message: expect.stringMatching(/q0 is produced twice/),
    });
    await expect(open((x) => x && `${x}?`)).rejects.toMatchObject({
      code: 'corrupt-file',
      message: expect.stringMatching(/reads .*\?, which/),
    });
  });

  it('says of an embedding graph that the rest of its model is missing', async () => {
    const graph =
      'in input_ids i64 [B,S]\ninit t f32 [8,4]\nout inputs_embeds f32 [B,S,4]\n' +
      'inputs_embeds = Gather(t, input_ids)';
    const bytes = encodeModel(modelOf(graph), () => new Uint8Array());
    await expect(openModel(memoryFolder({ 'embed_tokens.onnx': bytes }))).rejects.toMatchObject({
      code: 'unsupported-graph',
      message: expect.stringMatching(/its output is inputs_embeds.*has no blocks/),
      hint: expect.stringContaining('decoder graph'),
    });
  });

  it('counts the tables of per-layer inputs with the embedding', async () => {
    const { summary } = await openModel(
      memoryFolder({ 'model.onnx': encodeModel(perLayer(), () => new Uint8Array()) }),
    );
    // Two tables of 8 tokens, and the projection of the embedding.
    expect(summary.embedding.params).toBe(8 * 4 + 8 * 12 + 4 * 12);
  });

  it('opens or refuses any mutation of a graph with a coded error', async () => {
    const sources = [
      tiny(),
      new Uint8Array(readFileSync(fixturePath('genai-lfm2-fp32-cpu/model.onnx'))),
    ];
    const data = new Uint8Array(924160);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1),
        fc.array(fc.tuple(fc.nat(2 ** 20), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        async (which, edits) => {
          const bytes = sources[which]!.slice();
          for (const [at, value] of edits) bytes[at % bytes.length] = value;
          try {
            await openModel(memoryFolder({ 'model.onnx': bytes, 'model.onnx.data': data }));
          } catch (error) {
            if (!(error instanceof EspalierError)) throw error;
            expect(error.hint).not.toBe('');
          }
        },
      ),
      { numRuns: 250 },
    );
  });
});
