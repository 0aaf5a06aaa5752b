// Exports in float16: the right files, verified as any export is, with the source's likelihoods
// within 1e-3, here and on the native ONNX Runtime; transformers.js generates from them.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AutoModelForCausalLM, env, Tensor as JsTensor } from '@huggingface/transformers';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chunksOf } from '../../files/chunks.ts';
import { zipChunks } from '../../files/zipWrite.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { DataType, isRange } from '../../onnx/graph.ts';
import { fromHalf } from '../../onnx/half.ts';
import type { ByteRange, Folder } from '../../onnx/source.ts';
import { Decoder } from '../../runtime/decode/decoder.ts';
import { generateGreedily } from '../../runtime/decode/greedy.ts';
import type { Engine } from '../../runtime/device/engine.ts';
import { nodeLoader } from '../../runtime/device/ort.node.ts';
import { openWasm } from '../../runtime/device/wasmEngine.ts';
import { ScoreSession } from '../../runtime/score/session.ts';
import { TOLERANCES } from '../../runtime/verify/tolerances.ts';
import { verifyExport } from '../../runtime/verify/verify.ts';
import { fixturePath, golden, type SampleGolden, samplePath } from '../../testing/fixtures.ts';
import { blocksLeft, parseUnits, type Unit } from '../../units.ts';
import { type OpenedModel, openModel } from '../open/open.ts';
import { manifestFolder, manifestSource } from './folder.ts';
import { exportManifest } from './manifest.ts';
import { readProvenance } from './provenance.ts';
import type { Manifest } from './request.ts';
import { dtypeSteps, stepsObstacle } from './steps.ts';

const STEPS = dtypeSteps('fp16');
const scratch = mkdtempSync(join(tmpdir(), 'espalier-float16-'));
env.allowRemoteModels = false;
env.localModelPath = scratch;
let engine: Engine;
beforeAll(async () => {
  engine = await openWasm(nodeLoader);
});
afterAll(async () => {
  await engine.dispose();
  rmSync(scratch, { recursive: true, force: true });
});

interface Exported {
  opened: OpenedModel;
  manifest: Manifest;
  folder: Folder;
}

async function exported(path: string, removed: Unit[], graph?: string): Promise<Exported> {
  const opened = await openModel(await openFolder(path), graph);
  const manifest = await exportManifest(opened, removed, { app: 'test', steps: STEPS });
  return { opened, manifest, folder: manifestFolder(manifest, opened.folder) };
}

async function textOf(folder: Folder, path: string): Promise<string> {
  const source = folder.open(path)!;
  return new TextDecoder().decode(await source.read(0, source.size));
}

/** Writes the export to the disk and says where. */
async function written(name: string, { opened, manifest }: Exported): Promise<string> {
  for (const file of manifest.files) {
    const path = join(scratch, name, file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, await manifestSource(file, opened.folder).read(0, file.size));
  }
  return join(scratch, name);
}

describe.each([
  ['optimum-llama-fp32', [1]],
  ['optimum-gemma3-fp32', [1]],
  ['optimum-opt-fp32', []],
  ['optimum-bloom-fp32', []],
  ['optimum-gptneox-fp32', [2]],
  ['optimum-qwen3moe-fp32', []],
  ['optimum-smollm3-fp32', [0, 5]],
  ['genai-gemma2-fp32-cpu', ['1.attn', '2.ffn']],
  ['genai-lfm2-fp32-cpu', []],
  ['genai-phi3long-fp32-cpu', [2]],
  ['dynamo-llama-op23', [1]],
] as [string, Unit[]][])('%s without [%s] in float16', (name, removed) => {
  it('is verified: bytes, likelihood within 1e-3, decoding with the cache', async () => {
    const { opened, manifest, folder } = await exported(fixturePath(name), removed);
    const window = golden(name).windows[0] ?? [];
    const session = ScoreSession.open(opened, engine);
    const nll = await session.nllPerToken(removed, window);
    await session.dispose();
    const { status, checks } = await verifyExport(
      folder,
      manifest.graph,
      {
        window,
        nll,
        numBlocks: blocksLeft(opened.structure.blocks.length, removed),
        source: { opened, removed },
        steps: STEPS,
      },
      engine,
    );
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(status).toBe('verified');
    const likelihood = checks.find((check) => check.name === 'likelihood of one window');
    expect(likelihood?.detail).toContain('limits 0.001, 0.1; float16');
    const bytes = checks.find((check) => check.name === 'bytes of every tensor');
    expect(bytes?.detail).toMatch(
      /: \d+ equal to those of the source, [1-9]\d* to what the export computes from the source$/,
    );
    const again = await openModel(folder, manifest.graph);
    expect(again.summary.dtype).toBe('fp16');
    expect(again.structure.typeOf(again.structure.cuts[1] ?? '')).toBe(DataType.float16);
  });
});

describe('files', () => {
  it('have the names that transformers.js looks for, and its settings', async () => {
    const { manifest, folder } = await exported(samplePath(), [3, 7], 'onnx/model.onnx');
    expect(manifest.graph).toBe('onnx/model_fp16.onnx');
    expect(manifest.files.map(({ path }) => path)).toContain('onnx/model_fp16.onnx_data');
    expect(manifest.files.map(({ path }) => path)).not.toContain('onnx/model.onnx');
    expect(manifest.leftOut).toEqual(['onnx/model_q4.onnx', 'onnx/model_q4.onnx_data']);
    const config = JSON.parse(await textOf(folder, 'config.json'));
    expect(config['transformers.js_config']).toMatchObject({
      use_external_data_format: { 'model_fp16.onnx': true },
      dtype: 'fp16',
      kv_cache_dtype: { fp16: 'float16' },
    });
    const provenance = readProvenance(await textOf(folder, 'espalier.json'));
    expect(provenance.steps).toEqual([{ step: 'float16' }]);
    expect(provenance.source.graph).toBe('onnx/model.onnx');
    const readme = await textOf(folder, 'README.md');
    expect(readme).toContain('rounded to float16');
    expect(readme).not.toContain('byte for byte');
    expect(readme).toContain('dtype: "fp16"');
    expect(readme).toContain(
      'inputs and outputs have the names of the source, with 14 blocks of caches. Caches are ' +
        'float16 where those of the source are float32.',
    );
  });

  it('name a graph of the source in that precision, and how another name is loaded', async () => {
    const { opened } = await exported(fixturePath('optimum-llama-extN'), []);
    const { folder } = opened;
    const also = ['onnx/model_fp16.onnx', 'onnx/model_fp16.onnx_data'];
    const files = [...folder.files, ...also.map((path) => ({ path, size: 9 }))];
    const more = { ...opened, folder: { ...folder, files } };
    const { leftOut } = await exportManifest(more, [], { app: 'test', steps: STEPS });
    expect(leftOut).toEqual(also);

    const from = folder.open('onnx/model.onnx')!;
    const graphPath = 'onnx/my model.onnx';
    const renamed = {
      ...opened,
      graphPath,
      folder: {
        ...folder,
        open: (path: string) => (path === graphPath ? from : folder.open(path)),
      },
    };
    const made = await exportManifest(renamed, [], { app: 'test', steps: STEPS });
    expect(made.graph).toBe('onnx/my model_fp16.onnx');
    const readme = await textOf(manifestFolder(made, renamed.folder), 'README.md');
    expect(readme).toContain('{ model_file_name: "my model", dtype: "fp16" }');
  });

  it('keep the name that genai_config.json gives', async () => {
    const { manifest, folder } = await exported(fixturePath('genai-gemma2-fp32-cpu'), []);
    expect(manifest.graph).toBe('model.onnx');
    const { model } = JSON.parse(await textOf(folder, 'genai_config.json'));
    expect(model.decoder.filename).toBe('model.onnx');
    expect(await textOf(folder, 'README.md')).toContain(
      'They are float16 where those of the source are float32.',
    );
  });

  it('are the same in a zip, in pieces and after a trip to another thread', async () => {
    const { opened, manifest } = await exported(fixturePath('optimum-llama-fp32'), [1]);
    const data = manifest.files.find(({ path }) => path.endsWith('_data'))!;
    const source = manifestSource(data, opened.folder);
    const whole = await source.read(0, data.size);
    expect(source.blob(0, data.size)).toBeNull();
    const sent = manifestSource(structuredClone(data), opened.folder);
    for (const at of [0, 1, 63, 4097, data.size - 3]) {
      const length = Math.min(1001, data.size - at);
      expect(await sent.read(at, length)).toEqual(whole.slice(at, at + length));
    }
    const pieces: Uint8Array[] = [];
    for await (const piece of zipChunks('x', { files: [data], source: opened.folder }))
      pieces.push(piece as Uint8Array);
    const zip = Buffer.concat(pieces);
    expect(zip.includes(Buffer.from(whole.slice(0, 4096)))).toBe(true);
    expect(zip.indexOf(Buffer.from(whole))).toBeGreaterThan(0);
  });
});

describe('what makes no sense', () => {
  it.each([
    ['genai-llama-fp16-webgpu', undefined, /stored as fp16 already/],
    ['genai-llama-int4-webgpu', undefined, /stored as q4f16 already/],
    ['optimum-llama-int8', undefined, /stored as int8 already/],
    ['', 'onnx/model_q4.onnx', /stored as q4 already/],
  ])('%s %s is refused in words', async (name, graph, words) => {
    const path = name === '' ? samplePath() : fixturePath(name);
    const { summary } = await openModel(await openFolder(path), graph);
    expect(stepsObstacle(summary.dtype, STEPS)).toMatch(words);
    expect(stepsObstacle(summary.dtype, [])).toBeNull();
  });
});

it('refuses a weight that float16 cannot hold, by its name, when it is written', async () => {
  const { opened } = await exported(fixturePath('optimum-llama-fp32'), []);
  const [name, { data }] = [...opened.structure.model.graph.initializers].find(
    ([, tensor]) => isRange(tensor.data) && tensor.dims.length === 2,
  )!;
  const { file, offset } = data as ByteRange;
  const broken: Folder = {
    ...opened.folder,
    open(path) {
      const source = opened.folder.open(path);
      if (!source || path !== file) return source;
      const read = async (from: number, length: number) => {
        const bytes = await source.read(from, length);
        const at = offset + 400 - from;
        if (at >= 0 && at + 4 <= length) new DataView(bytes.buffer).setFloat32(at, -131072, true);
        return bytes;
      };
      return { size: source.size, read };
    },
  };
  const source = { ...opened, folder: broken };
  const { files } = await exportManifest(source, [], { app: 'test', steps: STEPS });
  const write = async (): Promise<void> => {
    for (const one of files) for await (const _ of chunksOf(one, broken));
  };
  await expect(write()).rejects.toThrow(
    `The tensor ${name} holds -131072, which float16 cannot: its largest value is 65504.`,
  );
});

/** The mean NLL that the native runtime gives for windows, from the file on the disk. */
async function nativeNll(folder: string, graph: string, windows: number[][]): Promise<number[]> {
  const session = await InferenceSession.create(join(folder, graph), { logSeverityLevel: 3 });
  const metadata = session.inputMetadata as readonly {
    name: string;
    type: string;
    shape: readonly unknown[];
  }[];
  const ints = (values: number[]): Tensor =>
    new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
  const found: number[] = [];
  for (const ids of windows) {
    const feeds: Record<string, Tensor> = {};
    for (const { name, type, shape } of metadata) {
      if (name === 'input_ids') feeds[name] = ints(ids);
      else if (name === 'attention_mask') feeds[name] = ints(ids.map(() => 1));
      else if (name === 'position_ids') feeds[name] = ints(ids.map((_, k) => k));
      else {
        const dims = shape.map((d, k) => (typeof d === 'number' ? d : Number(k === 0)));
        const memory = type === 'float16' ? new Uint16Array(0) : new Float32Array(0);
        feeds[name] = new Tensor(type as 'float32', memory as Float32Array, dims);
      }
    }
    const { logits } = await session.run(feeds);
    const width = logits!.dims.at(-1)!;
    const values = Array.from(logits!.data as Float32Array | Uint16Array, (x) =>
      logits!.type === 'float16' ? fromHalf(x) : x,
    );
    let sum = 0;
    for (const [t, target] of ids.slice(1).entries()) {
      const row = values.slice(t * width, (t + 1) * width);
      const most = Math.max(...row);
      sum += Math.log(row.reduce((n, x) => n + Math.exp(x - most), 0)) + most - row[target]!;
    }
    found.push(sum / (ids.length - 1));
  }
  await session.release();
  return found;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, x) => sum + x, 0) / values.length;

describe('on the native ONNX Runtime', () => {
  it.each([
    'optimum-llama-fp32',
    'optimum-gemma3-fp32',
    'optimum-gptneox-fp32',
    'dynamo-llama-op23',
  ])('%s has the golden NLL within 1e-3', async (name) => {
    const made = await exported(fixturePath(name), []);
    const path = await written(name, made);
    const { windows, baseline } = golden(name);
    const nll = mean(await nativeNll(path, made.manifest.graph, windows));
    expect(Math.abs(nll - baseline!.nll) / baseline!.nll).toBeLessThan(1e-3);
  });

  it('the sample has its golden NLL within 1e-3 on ten windows', async () => {
    const made = await exported(samplePath(), [], 'onnx/model.onnx');
    const path = await written('sample', made);
    expect(readFileSync(join(path, 'onnx/model_fp16.onnx_data')).length).toBeLessThan(6.1e6);
    const { windows, baseline_nll_per_sample } = golden<SampleGolden>('sample');
    const nlls = await nativeNll(path, made.manifest.graph, windows);
    const expected = mean(baseline_nll_per_sample);
    expect(Math.abs(mean(nlls) - expected) / expected).toBeLessThan(1e-3);
  });
});

describe('transformers.js', () => {
  const { prompt_ids, generation } = golden<SampleGolden>('sample');

  async function generate(
    name: string,
    dtype: 'fp16' | undefined,
    ids: readonly number[],
  ): Promise<number[]> {
    const model = await AutoModelForCausalLM.from_pretrained(name, {
      ...(dtype ? { dtype } : {}),
      device: 'cpu',
    });
    const row = (values: readonly number[]): JsTensor =>
      new JsTensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
    const output = (await model.generate({
      input_ids: row(ids),
      attention_mask: row(ids.map(() => 1)),
      max_new_tokens: 24,
      min_new_tokens: 24,
      do_sample: false,
    } as never)) as JsTensor;
    await model.dispose();
    return Array.from(output.data as BigInt64Array, Number).slice(ids.length);
  }

  it.each(generation)(
    'generates the golden ids from the sample without $removed $removedUnits, asked for fp16 ' +
      'or not',
    async ({ removed, removedUnits, greedy_ids, greedyMargins }) => {
      const units = parseUnits([...removed, ...removedUnits].join()).units ?? [];
      const name = `js-${units.join('-') || 'none'}`;
      await written(name, await exported(samplePath(), units, 'onnx/model.onnx'));
      const close = greedyMargins.findIndex((x) => x < TOLERANCES.float16.logits);
      const sure = close < 0 ? 24 : Math.min(24, close);
      expect(sure).toBeGreaterThan(2);
      for (const dtype of ['fp16', undefined] as const)
        expect((await generate(name, dtype, prompt_ids)).slice(0, sure)).toEqual(
          greedy_ids.slice(0, sure),
        );
    },
  );

  it('generates what our decoder does from a graph of optimum without a block', async () => {
    const made = await exported(fixturePath('optimum-llama-fp32'), [2]);
    await written('js-optimum', made);
    const ids = golden('optimum-llama-fp32').windows[0]!.slice(0, 12);
    const decoder = await Decoder.open(await openModel(made.folder, made.manifest.graph), engine);
    const own = await generateGreedily(decoder, ids, 24);
    await decoder.dispose();
    const close = own.margins.findIndex((margin) => margin < TOLERANCES.float16.logits);
    const sure = close < 0 ? 24 : close;
    expect(sure).toBeGreaterThan(3);
    expect((await generate('js-optimum', 'fp16', ids)).slice(0, sure)).toEqual(
      own.ids.slice(0, sure),
    );
  });
});
