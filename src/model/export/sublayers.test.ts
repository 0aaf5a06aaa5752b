// Exports without single sublayers of blocks: what ONNX Runtime computes from the written files,
// and what the files say.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CountingFolder } from '../../node/folder.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { memoryFolder } from '../../onnx/testing/text.ts';
import { fixtureFolder } from '../../testing/derived.ts';
import { golden, type SampleGolden, samplePath } from '../../testing/fixtures.ts';
import { blocksLeft, parseUnits, type Unit } from '../../units.ts';
import { type OpenedModel, openModel } from '../open/open.ts';
import { manifestFolder, manifestSource } from './folder.ts';
import { exportManifest } from './manifest.ts';
import { readProvenance } from './provenance.ts';

const scratch = mkdtempSync(join(tmpdir(), 'espalier-parts-'));
let folder: CountingFolder;
let sample: OpenedModel;

beforeAll(async () => {
  folder = await openFolder(samplePath());
  sample = await openModel(folder, 'onnx/model.onnx');
});
afterAll(async () => {
  rmSync(scratch, { recursive: true, force: true });
  await folder.close();
});

async function write(opened: OpenedModel, removed: readonly Unit[]): Promise<string> {
  const manifest = await exportManifest(opened, removed, { app: 'test' });
  const root = mkdtempSync(join(scratch, 'export-'));
  for (const file of manifest.files) {
    mkdirSync(dirname(join(root, file.path)), { recursive: true });
    writeFileSync(
      join(root, file.path),
      await manifestSource(file, opened.folder).read(0, file.size),
    );
  }
  return root;
}

const row = (values: readonly number[]): Tensor =>
  new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);

/** Logits [position][token] of a text, the caches empty. */
async function logitsOf(
  session: InferenceSession,
  ids: readonly number[],
): Promise<Float32Array[]> {
  const feeds: Record<string, Tensor> = {
    input_ids: row(ids),
    attention_mask: row(ids.map(() => 1)),
  };
  if (session.inputNames.includes('position_ids')) feeds.position_ids = row([...ids.keys()]);
  const { kvHeads, headSize } = sample.config;
  for (const name of session.inputNames)
    if (name.startsWith('past'))
      feeds[name] = new Tensor('float32', new Float32Array(0), [1, kvHeads ?? 0, 0, headSize ?? 0]);
  const { logits } = await session.run(feeds);
  if (!logits) throw new Error('the graph gave no logits');
  const width = logits.dims[2] ?? 0;
  const data = logits.data as Float32Array;
  return ids.map((_, t) => data.slice(t * width, (t + 1) * width));
}

function nll(row: Float32Array, target: number): number {
  const top = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return Math.log(row.reduce((sum, x) => sum + Math.exp(x - top), 0)) + top - row[target]!;
}

describe('the sample without parts', () => {
  const { generation, prompt_ids, windows } = golden<SampleGolden>('sample');
  for (const entry of generation.filter(({ removedUnits }) => removedUnits.length > 0)) {
    const removed = parseUnits([...entry.removed, ...entry.removedUnits].join()).units ?? [];
    it(`[${removed}] gives the golden logits, NLL and greedy ids when written`, async () => {
      const root = await write(sample, removed);
      const session = await InferenceSession.create(join(root, 'onnx/model.onnx'), {
        logSeverityLevel: 3,
        intraOpNumThreads: 1,
      });
      const last = (await logitsOf(session, prompt_ids)).at(-1)!;
      for (const [k, id] of entry.top8_ids.entries())
        expect(Math.abs(last[id]! - entry.top8_logits[k]!)).toBeLessThan(1e-3);
      let sum = 0;
      let count = 0;
      for (const window of windows) {
        const rows = await logitsOf(session, window);
        for (const [t, target] of window.slice(1).entries()) sum += nll(rows[t]!, target);
        count += window.length - 1;
      }
      expect(Math.abs(sum / count - entry.nll)).toBeLessThan(1e-4);
      const ids = [...prompt_ids];
      for (const [k, id] of entry.greedy_ids.entries()) {
        if (entry.greedyMargins[k]! < 1e-3) break;
        const next = (await logitsOf(session, ids)).at(-1)!;
        expect(next.indexOf(next.reduce((a, b) => Math.max(a, b)))).toBe(id);
        ids.push(id);
      }
      await session.release();
    });
  }
});

describe('the files of an export without parts', () => {
  it('count the blocks that have attention and say what each block is made of', async () => {
    const removed: Unit[] = ['0.ffn', 7, '9.attn'];
    const manifest = await exportManifest(sample, removed, { app: 'test' });
    const written = manifestFolder(manifest, folder);
    const text = async (path: string): Promise<string> => {
      const source = written.open(path);
      return source ? new TextDecoder().decode(await source.read(0, source.size)) : '';
    };
    expect(JSON.parse(await text('config.json')).num_hidden_layers).toBe(14);
    const told = readProvenance(await text('espalier.json'));
    expect(told).toEqual(manifest.provenance);
    expect(told.removed).toEqual(removed);
    expect(told.parts?.map((parts) => parts.join('+'))).toEqual([
      'attn',
      ...Array<string>(7).fill('attn+ffn'),
      'ffn',
      ...Array<string>(6).fill('attn+ffn'),
    ]);
    expect(told.renumbering.slice(6, 10)).toEqual([
      { block: 6, newBlock: 6, state: 6, newState: 6 },
      { block: 8, newBlock: 7, state: 8, newState: 7 },
      { block: 9, newBlock: 8, state: 9, newState: null },
      { block: 10, newBlock: 9, state: 10, newState: 8 },
    ]);
    const readme = await text('README.md');
    expect(readme).toContain(
      'without block 7, the attention of block 9 and the feed-forward of block 0: 15 of ' +
        '16 blocks are left, 14 of them with',
    );
    expect(readme).toContain('| 8 | 9 | feed-forward | none |');
    expect(readme).toContain('What cannot run it');
    expect(readme).toContain('{ dtype: "fp32" }');
  });

  it('open again, are pruned again and exported again', async () => {
    for (const name of [
      'sample',
      'optimum-llama-fp32',
      'genai-lfm2-fp32-cpu',
      'genai-llama-int4-webgpu',
      'optimum-opt-fp32',
    ]) {
      const source = name === 'sample' ? folder : await openFolder(fixtureFolder(name));
      const opened = name === 'sample' ? sample : await openModel(source);
      const first: Unit[] = ['0.attn', '2.ffn', 3];
      const once = await exportManifest(opened, first, { app: 'test' });
      const half = await openModel(manifestFolder(once, source), once.graph);
      expect(half.summary.numBlocks).toBe(blocksLeft(opened.summary.numBlocks, first));
      expect(half.structure.blocks.map((block) => block.lacks).slice(0, 4)).toEqual([
        'attn',
        null,
        'ffn',
        null,
      ]);
      expect(half.summary.problems.map((problem) => problem.code)).toContain('lost-parts');
      expect(half.summary.canScore).toBe(opened.summary.canScore);
      expect(half.summary.blocks[0]?.attention).toBe(null);
      expect(half.summary.blocks[0]?.kvBytesPerToken).toBe(0);
      expect(half.summary.blocks[2]?.feedForward).toBe(null);
      const twice = await exportManifest(half, [0, '1.attn'], { app: 'test' });
      const again = await openModel(manifestFolder(twice, half.folder), twice.graph);
      expect(again.structure.blocks.map((block) => block.lacks).slice(0, 2)).toEqual([
        'attn',
        'ffn',
      ]);
      expect(twice.provenance.renumbering.slice(0, 2).map(({ newState }) => newState)).toEqual([
        null,
        half.structure.blocks[1]?.stateIndex,
      ]);
      expect(
        twice.files.filter(({ path }) => /readme|espalier\.md/i.test(path)).map(({ path }) => path),
      ).toEqual(['README.md']);
      if (source !== folder) await source.close();
    }
  });

  it("leave the user's README alone", async () => {
    const files: Record<string, Uint8Array> = { 'readme.md': new TextEncoder().encode('# Mine') };
    for (const { path, size } of folder.files)
      if (!path.includes('q4'))
        files[path] = (await folder.open(path)?.read(0, size)) ?? new Uint8Array();
    const opened = await openModel(memoryFolder(files));
    const manifest = await exportManifest(opened, [], { app: 'test' });
    expect(manifest.files.map(({ path }) => path).filter((path) => path.endsWith('.md'))).toEqual([
      'readme.md',
      'ESPALIER.md',
    ]);
    expect(manifest.provenance.parts).toBe(undefined);
  });
});
