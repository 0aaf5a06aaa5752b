// Layouts that people keep their models in: each opens and gives the golden likelihoods on the real
// runtime.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeZip } from 'client-zip';
import { describe, expect, it } from 'vitest';
import type { Progress } from '../contract/progress.ts';
import type { ScoreSettings } from '../contract/score.ts';
import { asFolder } from '../files/pickedFolder.ts';
import { deflatedZip } from '../files/testing/deflatedZip.ts';
import { manifestSource } from '../model/export/folder.ts';
import { exportManifest } from '../model/export/manifest.ts';
import { openModel } from '../model/open/open.ts';
import { openFolder } from '../node/testing/openFolder.ts';
import { loaderWithoutGpu } from '../runtime/testing/cpuDevices.ts';
import { calibrationText, fixturePath, golden } from '../testing/fixtures.ts';
import { StudioService } from './service.ts';

const OPTIMUM = 'optimum-llama-fp32';
const GENAI = 'genai-qwen3-fp32-webgpu';
/**
 * Letters of several scripts, a combining accent, a character outside the basic plane, and what
 * addresses would take for something else.
 */
const STRANGE = 'Größe e\u0301té 模型 🌳 #1 100%';

type Files = Map<string, Uint8Array<ArrayBuffer>>;

async function filesOf(name: string): Promise<Files> {
  const folder = await openFolder(fixturePath(name));
  const files: Files = new Map(
    folder.files.map(({ path }) => [
      path,
      new Uint8Array(readFileSync(join(fixturePath(name), path))),
    ]),
  );
  await folder.close();
  return files;
}

function renamed(files: Files, change: (path: string) => string): Files {
  return new Map([...files].map(([path, bytes]) => [change(path), bytes]));
}

/** Files as a drop gives them. */
function dropped(files: Files, folder = '') {
  const prefix = folder && `/${folder}/`;
  const found = asFolder(
    [...files].map(([path, bytes]) => ({
      path: `${prefix}${path}`,
      file: new File([bytes], path.split('/').at(-1)!),
    })),
    'dropped files',
  );
  return { kind: 'files', ...found! } as const;
}

/** The same model with its weights in external files of at most `partBytes`. */
async function split(files: Files, partBytes: number): Promise<Files> {
  const sources = new Map(
    [...files].map(([path, bytes]) => [
      path,
      { size: bytes.length, read: async (o: number, n: number) => bytes.slice(o, o + n) },
    ]),
  );
  const folder = {
    name: 'source',
    files: [...sources].map(([path, { size }]) => ({ path, size })),
    open: (path: string) => sources.get(path) ?? null,
  };
  const manifest = await exportManifest(await openModel(folder), [], { app: 'a test', partBytes });
  const written: Files = new Map();
  for (const file of manifest.files)
    written.set(file.path, await manifestSource(file, folder).read(0, file.size));
  return written;
}

async function expectGolden(
  name: string,
  source: ReturnType<typeof dropped>,
  graph?: string,
): Promise<void> {
  const { windows, baseline } = golden(name);
  const studio = new StudioService(loaderWithoutGpu, async () => calibrationText());
  const opened = await studio.open(graph === undefined ? { source } : { source, graph }, () => {});
  expect(opened.kind).toBe('opened');
  const settings: ScoreSettings = {
    text: { kind: 'ids', name, windows: windows.slice(0, 1) },
    samples: 1,
    length: windows[0]!.length,
    sampler: 'even',
    seed: 0,
    bos: null,
    device: 'wasm',
  };
  const score = await studio.score(settings, () => {});
  expect(Math.abs(score.baseline.nllPerWindow[0]! - baseline!.nllPerWindow[0]!)).toBeLessThan(1e-4);
}

describe('a model opens and gives the golden likelihoods', () => {
  it('with its weights inside the graph', async () => {
    await expectGolden(OPTIMUM, dropped(await filesOf(OPTIMUM), OPTIMUM));
  });

  it.each([
    [OPTIMUM, 'onnx/model.onnx_data', 'onnx/model.onnx_data_1'],
    ['genai-llama-fp16-webgpu', 'model.onnx.data', 'model.onnx.data_1'],
  ])('split over several files (%s)', async (name, first, second) => {
    const files = await split(await filesOf(name), 150_000);
    expect([...files.keys()]).toEqual(expect.arrayContaining([first, second]));
    const source = dropped(files, name);
    if (name === OPTIMUM) await expectGolden(name, source);
    else
      expect(
        (await new StudioService(loaderWithoutGpu, async () => '').open({ source }, () => {})).kind,
      ).toBe('opened');
    // A part that is missing is named.
    files.delete(second);
    const studio = new StudioService(loaderWithoutGpu, async () => '');
    await expect(studio.open({ source: dropped(files, name) }, () => {})).rejects.toMatchObject({
      code: 'missing-file',
      message: expect.stringContaining(second),
    });
  });

  it('with spaces and letters of any script in the names of all files', async () => {
    const strange = renamed(await filesOf(OPTIMUM), (path) =>
      path.replace('model.onnx', `${STRANGE}.onnx`),
    );
    const files = await split(strange, 300_000);
    expect([...files.keys()]).toContain(`onnx/${STRANGE}.onnx_data_1`);
    await expectGolden(OPTIMUM, dropped(files, STRANGE));
  });

  it('from single files without a folder', async () => {
    const files = await split(await filesOf(OPTIMUM), 1e9);
    const source = dropped(renamed(files, (path) => path.split('/').at(-1)!));
    expect(source.name).toBe('dropped files');
    await expectGolden(OPTIMUM, source);
  });

  it('from a zip of its folder, stored and compressed', async () => {
    const files = renamed(await filesOf(GENAI), (path) => `${STRANGE}/${path}`);
    const entries = [...files].map(([name, input]) => ({ name, input, lastModified: new Date(0) }));
    const stored = new Uint8Array(await new Response(makeZip(entries)).arrayBuffer());
    for (const bytes of [stored, deflatedZip(files)]) {
      const source = dropped(new Map([['model.zip', bytes]]));
      const opened = await new StudioService(loaderWithoutGpu, async () => '').open(
        { source },
        () => {},
      );
      expect(opened).toMatchObject({ kind: 'opened', model: { name: STRANGE } });
    }
    const small = renamed(await filesOf(OPTIMUM), (path) => `${STRANGE}/${path}`);
    await expectGolden(OPTIMUM, dropped(new Map([['model.zip', deflatedZip(small)]])));
  });

  it('in one of several precisions, once it is chosen', async () => {
    const files = await filesOf(OPTIMUM);
    for (const [path, bytes] of await split(
      renamed(files, (path) => path.replace('model.onnx', 'model_fp16.onnx')),
      1e9,
    ))
      files.set(path, bytes);
    const source = dropped(files, OPTIMUM);
    const studio = new StudioService(loaderWithoutGpu, async () => '');
    const choice = await studio.open({ source }, () => {});
    expect(choice).toMatchObject({
      kind: 'choose',
      graphs: [{ dtype: 'fp32' }, { dtype: 'fp16' }],
    });
    for (const graph of ['onnx/model.onnx', 'onnx/model_fp16.onnx'])
      await expectGolden(OPTIMUM, source, graph);
  });
});

describe('compressed zips', () => {
  const zipSource = (bytes: Uint8Array<ArrayBuffer>) => dropped(new Map([['model.zip', bytes]]));
  const open = (bytes: Uint8Array<ArrayBuffer>) =>
    new StudioService(loaderWithoutGpu, async () => '').open(
      { source: zipSource(bytes) },
      () => {},
    );

  it('that would unpack to many times their size are refused', async () => {
    await expect(
      open(deflatedZip(new Map([['model.onnx', new Uint8Array(1e6)]]))),
    ).rejects.toMatchObject({
      code: 'too-large',
      message: expect.stringContaining('8 times'),
    });
  });

  it('whose bytes are damaged or of another size name the file', async () => {
    const files = await filesOf(OPTIMUM);
    const graph = files.get('onnx/model.onnx')!;
    const zip = deflatedZip(new Map([['model.onnx', graph]]));
    const cut = zip.slice();
    cut.fill(0xff, 200, 4000);
    await expect(open(cut)).rejects.toMatchObject({
      code: 'corrupt-file',
      message: expect.stringContaining('model.onnx'),
    });
    const longer = zip.slice();
    const central = longer.length - 22 - 46 - 'model.onnx'.length;
    new DataView(longer.buffer).setUint32(central + 24, graph.length + 1, true);
    await expect(open(longer)).rejects.toMatchObject({
      code: 'corrupt-file',
      message: expect.stringMatching(/model.onnx in the zip .*unpack/),
    });
  });
});

it('tells how far the graph is read, in bytes', async () => {
  const source = dropped(await filesOf(OPTIMUM), OPTIMUM);
  const reported: Progress[] = [];
  await new StudioService(loaderWithoutGpu, async () => '').open({ source }, (progress) =>
    reported.push(progress),
  );
  const size = source.files.find(({ path }) => path === 'onnx/model.onnx')!.file.size;
  expect(
    reported.every(({ unit, total, done }) => unit === 'bytes' && total === size && done <= size),
  ).toBe(true);
  expect(reported.at(-1)).toMatchObject({ done: size, phase: 'read' });
});
