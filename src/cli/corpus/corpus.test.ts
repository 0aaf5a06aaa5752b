// Which rows of the three lists are checked, which graph of a folder, and what counts as equal.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import type { CountingFolder } from '../../node/folder.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { nodeLoader } from '../../runtime/device/ort.node.ts';
import { openWasm } from '../../runtime/device/wasmEngine.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import { checkLegalRemovals, checkStructure } from './check.ts';
import { type CorpusEntry, graphOf, hasNoKernel, mustOpen, readCorpus } from './entries.ts';
import { configSection, same } from './pruned.ts';
import { noFindings } from './types.ts';
import { checkAgainstWholeGraphs, checkNoKernel, testWindows } from './unlisted.ts';

const entry = (fields: Partial<CorpusEntry>): CorpusEntry => ({
  folder: 'x',
  dtype: 'fp32',
  numBlocks: null,
  ...fields,
});

describe('lists', () => {
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'corpus-'));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it('are found by their name, whichever is there', () => {
    expect(() => readCorpus(root)).toThrow('has no readable corpus.json');
    writeFileSync(join(root, 'corpus3.json'), JSON.stringify([entry({ folder: 'a' })]));
    expect(readCorpus(root)).toMatchObject({ file: 'corpus3.json', entries: [{ folder: 'a' }] });
    writeFileSync(join(root, 'corpus3.json'), '{"folder": "a"}');
    expect(() => readCorpus(root)).toThrow('has no readable corpus3.json');
  });

  it('say what a row is', () => {
    expect(mustOpen(entry({ supported: false }))).toBe(false);
    expect(mustOpen(entry({ expected: { opens: true } }))).toBe(true);
    expect(hasNoKernel(entry({ notes: ['x', 'no onnxruntime CPU kernel: only structure'] }))).toBe(
      true,
    );
    expect(hasNoKernel(entry({ notes: ['tied head'] }))).toBe(false);
  });

  it('name the graph by file, by component, or not at all', () => {
    const components = { decoder: 'b.onnx' };
    expect(graphOf(entry({ file: 'a.onnx', components }))).toBe('a.onnx');
    expect(graphOf(entry({ components }))).toBe('b.onnx');
    expect(graphOf(entry({}))).toBeUndefined();
  });
});

it('configs are compared by the section that a golden names', () => {
  const config = { a: 1, text_config: { b: 2 } };
  const genai = { model: { decoder: { c: 3 } } };
  expect(configSection('config.json', config, genai)).toBe(config);
  expect(configSection('config.json text_config', config, genai)).toEqual({ b: 2 });
  expect(configSection('genai_config.json', config, genai)).toEqual({ c: 3 });
  expect(configSection('genai_config.json model.decoder', config, genai)).toEqual({ c: 3 });
  expect(configSection('genai_config.json model.decoder', config, null)).toBeNull();
  expect(same({ a: [1, { b: 2 }], c: null }, { c: null, a: [1, { b: 2 }] })).toBe(true);
  expect(same({ a: 1 }, { a: 1, b: 2 })).toBe(false);
  expect(same([1, 2], [1])).toBe(false);
});

describe('an open folder', () => {
  let folder: CountingFolder;
  let opened: OpenedModel;
  beforeAll(async () => {
    folder = await openFolder(fixturePath('optimum-llama-fp32'));
    opened = await openModel(folder, 'onnx/model.onnx');
  });
  afterAll(() => folder.close());

  it('may join classes of a list that took constants for structure, and may not part them', () => {
    const row = entry({ numBlocks: 5, structuralClasses: [0, 1, 2, 3, 4] });
    const found = noFindings();
    checkStructure(opened, row, found, true);
    expect(found).toMatchObject({ misses: [], notes: ['1 classes where the list has 5'] });
    checkStructure(opened, row, found, false);
    expect(found.misses).toEqual(['classes is [0,0,0,0,0], expected [0,1,2,3,4]']);
    const parted = noFindings();
    const two = opened.summary.blocks.map((block) => ({ ...block, class: block.index % 2 }));
    const summary = { ...opened.summary, blocks: two };
    checkStructure(
      { ...opened, summary },
      { ...row, structuralClasses: [0, 0, 0, 0, 0] },
      parted,
      true,
    );
    expect(parted.misses).toHaveLength(1);
  });

  it('is held to the blocks that may go alone', async () => {
    const found = noFindings();
    await checkLegalRemovals(opened, entry({ legalSingleRemovals: [0, 1, 2, 4] }), found);
    expect(found.misses).toEqual(['block 3: goes alone, and may not']);
  });

  it('without a golden is held against whole graphs', async () => {
    const found = noFindings();
    const values = { device: 'wasm' } as Parameters<typeof checkAgainstWholeGraphs>[2];
    await checkAgainstWholeGraphs(opened, 'fp32', values, found);
    expect(found).toMatchObject({ misses: [], prunedChecked: 6 });
    expect(found.maxNllDiff).toBeLessThan(1e-4);
    expect(new Set(testWindows(384).flat()).size).toBeGreaterThan(60);
  });

  it('that runs here is no row without a kernel', async () => {
    const engine = await openWasm(nodeLoader);
    const found = noFindings();
    await checkNoKernel(opened, engine, found);
    await engine.dispose();
    expect(found.misses).toHaveLength(2);
  });
});
