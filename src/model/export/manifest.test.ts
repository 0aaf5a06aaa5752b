import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import * as ort from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import { fileFolder } from '../../files/folder.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { BytesReader } from '../../onnx/bytes.ts';
import { isRange } from '../../onnx/graph.ts';
import type { Folder } from '../../onnx/source.ts';
import { fixtureFolder } from '../../testing/derived.ts';
import { golden, samplePath, wholeCorpus } from '../../testing/fixtures.ts';
import { type OpenedModel, openModel } from '../open/open.ts';
import { otherPrecisions } from '../open/precisions.ts';
import { manifestFolder, manifestSource } from './folder.ts';
import { exportManifest } from './manifest.ts';
import { readProvenance } from './provenance.ts';
import type { Manifest } from './request.ts';

const scratch = mkdtempSync(join(tmpdir(), 'espalier-manifest-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function withFixture(
  name: string,
  file: string,
  use: (opened: OpenedModel) => Promise<void>,
): Promise<void> {
  const folder = await openFolder(name === 'sample' ? samplePath() : fixtureFolder(name));
  try {
    await use(await openModel(folder, file));
  } finally {
    await folder.close();
  }
}

async function textOf(folder: Folder, path: string): Promise<string> {
  const source = folder.open(path);
  return source ? new TextDecoder().decode(await source.read(0, source.size)) : '';
}

/** Bytes of every initializer by name. */
async function tensors(opened: OpenedModel): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  const reader = new BytesReader(opened.folder);
  for (const [name, { data }] of opened.structure.model.graph.initializers)
    found.set(name, await reader.open(data).read(0, data.length));
  return found;
}

async function write(manifest: Manifest, source: Folder, name: string): Promise<string> {
  const root = join(scratch, name);
  for (const file of manifest.files) {
    mkdirSync(dirname(join(root, file.path)), { recursive: true });
    writeFileSync(join(root, file.path), await manifestSource(file, source).read(0, file.size));
  }
  return root;
}

/** Logits of the last prompt position, the caches empty, from onnxruntime-node on written files. */
async function lastLogits(
  root: string,
  opened: OpenedModel,
  ids: readonly number[],
): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(join(root, opened.graphPath), {
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
  });
  const feeds: Record<string, ort.Tensor> = {};
  const row = (values: readonly number[]): ort.Tensor =>
    new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
  for (const { name, dims } of opened.structure.graph.inputs) {
    if (name === 'input_ids') feeds[name] = row(ids);
    else if (name === 'attention_mask') feeds[name] = row(ids.map(() => 1));
    else if (name === 'position_ids') feeds[name] = row([...ids.keys()]);
    else {
      const head = opened.config.headSize ?? 0;
      const shape = (dims ?? []).map((d, k, all) => {
        if (typeof d === 'number') return d;
        if (k === 0) return 1;
        return k === all.length - 1 ? head : 0;
      });
      feeds[name] = new ort.Tensor(
        'float32',
        new Float32Array(shape.reduce((n, d) => n * d, 1)),
        shape,
      );
    }
  }
  const { logits } = await session.run(feeds);
  await session.release();
  const data = logits?.data as Float32Array;
  return data.slice(data.length - (logits?.dims[2] ?? 0));
}

const supported = wholeCorpus().filter((row) => row.supported);

describe('an export of zero removals', () => {
  for (const row of supported) {
    it(`${row.folder}: every tensor is byte-equal to the source`, () =>
      withFixture(row.folder, row.file, async (opened) => {
        const manifest = await exportManifest(opened, [], { app: 'test' });
        const again = await openModel(manifestFolder(manifest, opened.folder), manifest.graph);
        const [before, after] = [await tensors(opened), await tensors(again)];
        expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
        for (const [name, bytes] of before)
          expect(Buffer.compare(bytes, after.get(name) ?? new Uint8Array()), name).toBe(0);
        expect(again.structure.graph.inputs.map((input) => input.name)).toEqual(
          opened.structure.graph.inputs.map((input) => input.name),
        );
      }));
  }
});

describe('a pruned export', () => {
  for (const row of supported) {
    it(`${row.folder}: config and blocks agree with the golden for every removal`, () =>
      withFixture(row.folder, row.file, async (opened) => {
        const { pruned, configFile } = golden(row.folder);
        for (const { removed, config, refused } of pruned) {
          if (refused) continue;
          const manifest = await exportManifest(opened, removed, { app: 'test' });
          const folder = manifestFolder(manifest, opened.folder);
          const json = JSON.parse(await textOf(folder, configFile.split(' ')[0] ?? ''));
          expect(configFile.includes('genai') ? json.model.decoder : json).toMatchObject(config);
          const again = await openModel(folder, manifest.graph);
          expect(again.structure.blocks.length).toBe(
            opened.structure.blocks.length - removed.length,
          );
        }
      }));
  }

  // A cache with a rolling window refuses to start empty; runtime/ feeds it one. Head norms have no
  // CPU kernel.
  const runnable = supported.filter(
    (row) =>
      row.dtype === 'fp32' &&
      row.hasLogits &&
      !row.folder.endsWith('noemb') &&
      !row.staticCache &&
      !row.folder.includes('qwen3-fp32-webgpu'),
  );
  for (const row of runnable) {
    it(`${row.folder}: ONNX Runtime opens it and gives the golden logits`, () =>
      withFixture(row.folder, row.file, async (opened) => {
        // Without the first block, the last, and two inner ones.
        for (const { removed, promptIds, top8, refused } of golden(row.folder).pruned.slice(2, 5)) {
          if (refused) continue;
          const manifest = await exportManifest(opened, removed, { app: 'test' });
          const root = await write(manifest, opened.folder, `${row.folder}-${removed.join('-')}`);
          const again = await openModel(manifestFolder(manifest, opened.folder), manifest.graph);
          const logits = await lastLogits(root, again, promptIds);
          for (const [id, value] of top8)
            expect(Math.abs((logits[id] as number) - value)).toBeLessThan(1e-3);
          rmSync(root, { recursive: true });
        }
      }));
  }
});

describe('the files of an export', () => {
  it('hold the chosen graph only, name the rest and tell transformers.js of the data file', () =>
    withFixture('sample', 'onnx/model_q4.onnx', async (opened) => {
      const manifest = await exportManifest(opened, [3], { app: '0.1.0' });
      expect(manifest.files.map((file) => file.path).sort()).toEqual(
        [
          'README.md',
          'config.json',
          'espalier.json',
          'generation_config.json',
          'onnx/model_q4.onnx',
          'onnx/model_q4.onnx_data',
          'special_tokens_map.json',
          'tokenizer.json',
          'tokenizer_config.json',
        ].sort(),
      );
      expect(manifest.leftOut.sort()).toEqual(['onnx/model.onnx', 'onnx/model.onnx_data']);
      const text = await textOf(manifestFolder(manifest, opened.folder), 'config.json');
      expect(JSON.parse(text)['transformers.js_config'].use_external_data_format).toEqual({
        'model_q4.onnx': true,
      });
      expect(text).toContain('"rope_theta": 10000.0');
      expect(text).toContain('"rms_norm_eps": 1e-05');
    }));

  it('are split into parts below the limit, each tensor aligned and written once', () =>
    withFixture('sample', 'onnx/model.onnx', async (opened) => {
      const manifest = await exportManifest(opened, [], { app: 'test', partBytes: 3_000_000 });
      const data = manifest.files.filter((file) => file.path.includes('_data'));
      expect(data.map((file) => file.path)).toEqual(
        [...data.keys()].map((k) => `onnx/model.onnx_data${k === 0 ? '' : `_${k}`}`),
      );
      for (const file of data) expect(file.size).toBeLessThanOrEqual(3_000_000);
      const json = JSON.parse(await textOf(manifestFolder(manifest, opened.folder), 'config.json'));
      expect(json['transformers.js_config'].use_external_data_format).toEqual({
        'model.onnx': data.length,
      });
      const again = await openModel(manifestFolder(manifest, opened.folder), manifest.graph);
      const places = [...again.structure.model.graph.initializers.values()]
        .map((tensor) => tensor.data)
        .filter(isRange);
      for (const { offset, length } of places)
        expect(offset % (length >= 2 ** 20 ? 65536 : 64)).toBe(0);
      const written = data.flatMap((file) => file.parts).filter(isRange);
      expect(new Set(written.map((range) => `${range.file} ${range.offset}`)).size).toBe(
        written.length,
      );
    }));

  it('can be read at any place, across padding and parts', () =>
    withFixture('optimum-llama-fp32', 'onnx/model.onnx', async (opened) => {
      const manifest = await exportManifest(opened, [1], { app: 'test' });
      const file = manifest.files.find(({ path }) => path.endsWith('_data'));
      if (!file) throw new Error('no data file');
      expect(file.parts.reduce((sum, part) => sum + part.length, 0)).toBe(file.size);
      const source = manifestSource(file, opened.folder);
      const whole = await source.read(0, file.size);
      await fc.assert(
        fc.asyncProperty(fc.nat(file.size), fc.nat(5000), async (offset, length) => {
          const end = Math.min(file.size, offset + length);
          expect(
            Buffer.compare(await source.read(offset, end - offset), whole.subarray(offset, end)),
          ).toBe(0);
        }),
        { numRuns: 60 },
      );
      await expect(source.read(file.size - 1, 2)).rejects.toThrow(/outside/);
    }));

  it('are Blobs of ranges of the source where the source has Blobs', () =>
    withFixture('optimum-llama-fp32', 'onnx/model.onnx', async (opened) => {
      const manifest = await exportManifest(opened, [1], { app: 'test' });
      const { folder } = opened;
      const files = await Promise.all(
        folder.files.map(async ({ path, size }) => ({
          path,
          file: new Blob([(await folder.open(path)?.read(0, size)) ?? '']),
        })),
      );
      const blobs = manifestFolder(manifest, fileFolder(folder.name, files));
      for (const { path, size } of manifest.files) {
        const blob = blobs.open(path)?.blob?.(0, size);
        const bytes =
          (await manifestFolder(manifest, folder).open(path)?.read(0, size)) ?? new Uint8Array();
        expect(
          Buffer.compare(new Uint8Array((await blob?.arrayBuffer()) ?? new ArrayBuffer(0)), bytes),
          path,
        ).toBe(0);
        const part = blobs.open(path)?.blob?.(3, size - 5);
        expect(await part?.text()).toBe(await blob?.slice(3, size - 2).text());
      }
      expect(
        manifestFolder(manifest, folder)
          .open(manifest.graph.replace('.onnx', '.onnx_data'))
          ?.blob?.(0, 1),
      ).toBe(null);
    }));

  it('record where they come from', () =>
    withFixture('genai-lfm2-fp32-cpu', 'model.onnx', async (opened) => {
      const manifest = await exportManifest(opened, [2, 0], {
        app: '0.1.0',
        versions: { 'onnxruntime-web': '1.30.0' },
      });
      const folder = manifestFolder(manifest, opened.folder);
      const read = readProvenance(await textOf(folder, 'espalier.json'));
      expect(read).toEqual(manifest.provenance);
      expect(read.removed).toEqual([0, 2]);
      expect(read.source.graphSha256).toMatch(/^[0-9a-f]{64}$/);
      expect(read.renumbering.map(({ block, newBlock }) => [block, newBlock])).toEqual([
        [1, 0],
        [3, 1],
        [4, 2],
        [5, 3],
      ]);
    }));
});

it('files that several precisions take along are counted once', async () => {
  await withFixture('split-smolvlm-q4', 'onnx/decoder_model_merged_q4.onnx', async (opened) => {
    const { folder, graphPath } = opened;
    const twin = 'onnx/decoder_model_merged.onnx';
    const data = 'onnx/vision_encoder.onnx_data';
    const decoder = folder.open(graphPath)!;
    const both: Folder = {
      ...folder,
      files: [...folder.files, { path: twin, size: decoder.size }, { path: data, size: 8 }],
      open: (path) => {
        if (path === data) return { size: 8, read: async () => new Uint8Array(8) };
        return folder.open(path === twin ? graphPath : path);
      },
    };
    const source = await openModel(both, graphPath);
    const others = await otherPrecisions(source);
    const manifest = await exportManifest(source, [1], { app: 'test', others });
    const config = JSON.parse(await textOf(manifestFolder(manifest, both), 'config.json'));
    const formats = config['transformers.js_config'].use_external_data_format;
    expect(formats['vision_encoder.onnx']).toBe(true);
    expect(formats['decoder_model_merged.onnx']).toBe(true);
    expect(manifest.files.filter(({ path }) => path === data).length).toBe(1);
  });
});
