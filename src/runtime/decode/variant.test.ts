// A variant on the real runtime: runs, generation, prompts, refusals, and that it gives everything
// back; reads only committed fixtures.

import { beforeAll, describe, expect, test } from 'vitest';
import { GREEDY } from '../../analysis/sampling.ts';
import type { Progress } from '../../contract/progress.ts';
import type { VariantRequest } from '../../contract/variant.ts';
import { isCancelled } from '../../errors.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import type { ByteSource, Folder } from '../../onnx/source.ts';
import { fixturePath, golden, type SampleGolden, samplePath } from '../../testing/fixtures.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { LoadedVariant, type VariantOptions } from './variant.ts';

const sample = golden<SampleGolden>('sample');
const intact = sample.generation[0]?.greedy_ids ?? [];
let source: OpenedModel;

beforeAll(async () => {
  source = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
});

const open = (
  opened: OpenedModel,
  request: Partial<VariantRequest> = {},
  options: VariantOptions = {},
): Promise<LoadedVariant> =>
  LoadedVariant.open(
    opened,
    { removed: [], device: 'auto', selfTest: null, graphCapture: false, ...request },
    nodeLoader,
    options,
  );

const started = (): Promise<LoadedVariant> => open(source);

async function using<T>(
  variant: LoadedVariant,
  work: (variant: LoadedVariant) => Promise<T>,
): Promise<T> {
  try {
    return await work(variant);
  } finally {
    await variant.close();
  }
}

/** The folder with some files in place of its own; null takes a file away. */
function withFiles(folder: Folder, files: Record<string, string | null>): Folder {
  const sources = new Map<string, ByteSource | null>();
  for (const [path, text] of Object.entries(files)) {
    const bytes = new TextEncoder().encode(text ?? '');
    const read = async (offset: number, length: number) => bytes.slice(offset, offset + length);
    sources.set(path, text === null ? null : { size: bytes.length, read });
  }
  const own = folder.files.filter(({ path }) => !sources.has(path));
  const added = [...sources].flatMap(([path, file]) => (file ? [{ path, size: file.size }] : []));
  return {
    name: folder.name,
    files: [...own, ...added],
    open: (path) => (sources.has(path) ? (sources.get(path) ?? null) : folder.open(path)),
  };
}

describe('runs', () => {
  test('times, bytes and ids of original and pruned, in any order', async () =>
    using(await started(), async (variant) => {
      const shape = { ids: sample.prompt_ids, tokens: 24, batch: 1, sampling: GREEDY };
      const first = await variant.run(shape);
      expect(first.ids).toEqual(intact);
      expect(first).toMatchObject({ promptTokens: sample.prompt_ids.length, tokens: 24, batch: 1 });
      expect(first.ttft).toBeGreaterThan(0);
      expect(first.seconds).toBeGreaterThan(first.ttft);
      expect(first.hostSeconds).toBeLessThan(first.seconds - first.ttft);
      const rows = await variant.run({ ...shape, batch: 3 });
      expect(rows.ids).toEqual(intact);
      const sampled = { ...shape, sampling: { temperature: 1, topK: 20, topP: 0.9, seed: 7 } };
      const one = await variant.run(sampled);
      expect(one.ids).not.toEqual(intact);
      expect((await variant.run(sampled)).ids).toEqual(one.ids);
      expect((await variant.run({ ...sampled, batch: 2 })).ids).toEqual(one.ids);
      const single = await variant.run({ ...shape, tokens: 1 });
      expect(single.ids).toEqual(intact.slice(0, 1));
      // 2 x 16 caches of 2 heads x 32 floats, and 23 tokens fewer in them: the last of the 24 is
      // not fed.
      expect(first.deviceBytes - single.deviceBytes).toBe(2 * 16 * 2 * 32 * 4 * 23);
    }));

  test('what is loaded, with progress', async () => {
    const progress: Progress[] = [];
    await using(
      await open(source, { removed: [7, 9] }, { onProgress: (p) => progress.push(p) }),
      async ({ info }) => {
        expect(info).toMatchObject({
          device: { kind: 'wasm' },
          runtime: 'onnxruntime-web 1.30.0 (plain)',
          cache: 'growing',
          graphCapture: false,
          notes: [],
          numBlocks: 14,
          contextLength: 512,
          vocabSize: 2048,
          hasTokenizer: true,
          chat: 'none',
        });
        expect(info.fileBytes).toBeLessThan(source.summary.bytes);
        expect(info.loadSeconds).toBeGreaterThan(0);
      },
    );
    await using(await open(source, { graphCapture: true }), async ({ info }) =>
      expect(info).toMatchObject({
        graphCapture: false,
        notes: ['Graph capture is not used: it needs WebGPU.'],
      }),
    );
    const read = progress.filter(({ phase }) => phase === 'read');
    expect(read.at(-1)?.done).toBe(read.at(-1)?.total);
    expect(progress.at(-1)).toMatchObject({ phase: 'compile', done: 1, total: 1 });
  });
});

describe('generation', () => {
  test('in slices: ids as in one go, text that only grows, own seconds', async () =>
    using(await started(), async (variant) => {
      const { ids: prompt } = await variant.encode({ kind: 'ids', ids: sample.prompt_ids });
      await variant.begin({ ids: prompt, tokens: 24, sampling: GREEDY, stopAtEos: true });
      const ids: number[] = [];
      let text = '';
      let seconds = 0;
      for (;;) {
        const step = await variant.advance(0);
        ids.push(...step.ids);
        expect(step.ids.length).toBe(1);
        expect(step.text.startsWith(text)).toBe(true);
        expect(step.seconds).toBeGreaterThan(seconds);
        expect(step.tokens).toBe(ids.length);
        [text, seconds] = [step.text, step.seconds];
        if (step.done) break;
      }
      expect(ids).toEqual(intact);
      expect(sample.generation[0]?.text).toContain(text.trim());
      expect(await variant.advance(0)).toMatchObject({ ids: [], done: 'length' });
    }));

  test('of a prompt shorter than the sliding window of its caches', async () => {
    const opened = await openModel(await openFolder(fixturePath('genai-gemma4u-fp32-cpu')));
    await using(await open(opened), async (variant) => {
      const generated = async (ids: number[], tokens: number): Promise<number[]> => {
        await variant.begin({ ids, tokens, sampling: GREEDY, stopAtEos: false });
        const found: number[] = [];
        for (;;) {
          const step = await variant.advance(0);
          found.push(...step.ids);
          if (step.done) return found;
        }
      };
      const ids = await generated([138, 198, 241], 4);
      expect(ids).toHaveLength(4);
      // Past the window the same tokens follow, whatever part of them was the prompt.
      const more = await generated([138, 198, 241, ...ids], 8);
      expect(await generated([138, 198, 241], 12)).toEqual([...ids, ...more]);
    });
  });

  test('ends at an end-of-sequence token of any config, when asked to', async () => {
    const end = intact[5] ?? 0;
    for (const file of [
      { 'generation_config.json': JSON.stringify({ eos_token_id: [1, end] }) },
      {
        'config.json': (await textOf(source.folder, 'config.json')).replace(
          '"eos_token_id": 1',
          `"eos_token_id": ${end}`,
        ),
      },
    ]) {
      const opened = await openModel(withFiles(source.folder, file), 'onnx/model.onnx');
      await using(await open(opened), async (variant) => {
        const start = { ids: sample.prompt_ids, tokens: 24, sampling: GREEDY };
        await variant.begin({ ...start, stopAtEos: true });
        expect(await variant.advance(10_000)).toMatchObject({
          ids: intact.slice(0, 6),
          done: 'eos',
        });
        await variant.begin({ ...start, stopAtEos: false });
        expect(await variant.advance(10_000)).toMatchObject({ ids: intact, done: 'length' });
      });
    }
  });
});

describe('refusals', () => {
  test('context, ids, prompts and counts', async () =>
    using(await started(), async (variant) => {
      const shape = { ids: sample.prompt_ids, tokens: 497, batch: 1, sampling: GREEDY };
      await expect(variant.run(shape)).rejects.toMatchObject({
        code: 'bad-input',
        message: expect.stringContaining('513'),
      });
      await expect(variant.run(shape)).rejects.toThrow('512');
      await expect(variant.begin({ ...shape, stopAtEos: true })).rejects.toMatchObject({
        code: 'bad-input',
      });
      await expect(variant.run({ ...shape, tokens: 1, ids: [2048] })).rejects.toThrow('2048');
      await expect(variant.run({ ...shape, tokens: 0 })).rejects.toMatchObject({
        code: 'bad-input',
      });
      await expect(variant.run({ ...shape, tokens: 1, batch: 0 })).rejects.toMatchObject({
        code: 'bad-input',
      });
      await expect(variant.encode({ kind: 'ids', ids: [-1] })).rejects.toMatchObject({
        code: 'bad-input',
      });
      await expect(variant.encode({ kind: 'raw', text: '' })).rejects.toMatchObject({
        code: 'bad-input',
      });
      await expect(variant.encode({ kind: 'chat', messages: [] })).rejects.toMatchObject({
        code: 'tokenizer',
      });
      expect((await variant.run({ ...shape, tokens: 24 })).ids).toEqual(intact);
    }));

  test('blocks that do not exist, a device that is not there, a graph without a head', async () => {
    await expect(open(source, { removed: [99] })).rejects.toMatchObject({ code: 'bad-input' });
    await expect(open(source, { device: 'webgpu' })).rejects.toMatchObject({ code: 'no-webgpu' });
    const embeddings = await openModel(await openFolder(fixturePath('genai-llama-fp32-cpu-noemb')));
    await expect(open(embeddings)).rejects.toMatchObject({ code: 'unsupported-graph' });
  });

  test('a missing or broken tokenizer: ids still work, the error is kept', async () => {
    const missing = await openModel(
      withFiles(source.folder, { 'tokenizer.json': null }),
      'onnx/model.onnx',
    );
    await using(await open(missing), async (variant) => {
      expect(variant.info).toMatchObject({ hasTokenizer: false, chat: 'none' });
      await expect(variant.encode({ kind: 'raw', text: 'The' })).rejects.toMatchObject({
        code: 'tokenizer',
      });
      expect((await variant.encode({ kind: 'ids', ids: [50, 697] })).ids).toEqual([50, 697]);
      await variant.begin({ ids: [50, 697], tokens: 2, sampling: GREEDY, stopAtEos: true });
      expect(await variant.advance(1000)).toMatchObject({ text: '', tokens: 2 });
    });
    // An end token without an id, nor has the unknown token one.
    const json = {
      model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [], unk_token: '<unk>' },
      added_tokens: [],
      pre_tokenizer: null,
      decoder: null,
    };
    const small = {
      'tokenizer.json': JSON.stringify(json),
      'tokenizer_config.json': '{"eos_token": "</s>"}',
    };
    await using(
      await open(await openModel(withFiles(source.folder, small), 'onnx/model.onnx')),
      async (variant) => {
        expect(variant.info.hasTokenizer).toBe(true);
        expect((await variant.encode({ kind: 'raw', text: 'ba' })).ids).toEqual([1, 0]);
      },
    );
    const broken = await openModel(
      withFiles(source.folder, { 'tokenizer.json': '{' }),
      'onnx/model.onnx',
    );
    await using(await open(broken), async ({ info }) => expect(info.chat).toHaveProperty('error'));
    const template = await openModel(
      withFiles(source.folder, { 'chat_template.jinja': '{% if %}' }),
      'onnx/model.onnx',
    );
    await using(await open(template), async (variant) => {
      expect(variant.info).toMatchObject({
        hasTokenizer: true,
        chat: { error: expect.stringContaining('template') },
      });
      await expect(
        variant.encode({ kind: 'chat', messages: [{ role: 'user', content: 'Hi' }] }),
      ).rejects.toMatchObject({
        code: 'tokenizer',
      });
    });
  });

  test('a signal ends loading, closing ends a run', async () => {
    const abort = new AbortController();
    const loading = open(source, {}, { signal: abort.signal, onProgress: () => abort.abort() });
    expect(await loading.catch(isCancelled)).toBe(true);
    const variant = await started();
    const run = variant.run({ ids: sample.prompt_ids, tokens: 400, batch: 8, sampling: GREEDY });
    const closed = new Promise<void>((resolve) => setTimeout(() => resolve(variant.close()), 20));
    expect(await run.catch(isCancelled)).toBe(true);
    await closed;
    expect(
      await variant.run({ ids: [1], tokens: 1, batch: 1, sampling: GREEDY }).catch(isCancelled),
    ).toBe(true);
  });
});

test('ten times loaded, run and closed: the ledger is empty', async () => {
  for (let cycle = 0; cycle < 10; cycle++) {
    const variant = await open(source, { removed: cycle % 2 ? [1, 2] : [] });
    await variant.run({ ids: sample.prompt_ids, tokens: 4, batch: 2, sampling: GREEDY });
    await variant.close();
    expect(variant.ownBytes).toBe(0);
  }
});

async function textOf(folder: Folder, path: string): Promise<string> {
  const file = folder.open(path);
  return file ? new TextDecoder().decode(await file.read(0, file.size)) : '';
}
