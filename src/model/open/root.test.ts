// Which folder a graph belongs to, and what an export of it holds.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { readText } from '../../onnx/source.ts';
import { memoryFolder } from '../../onnx/testing/text.ts';
import { casePath } from '../../testing/fixtures.ts';
import { sortFiles } from '../export/files.ts';
import { manifestFolder } from '../export/folder.ts';
import { exportManifest } from '../export/manifest.ts';
import { graphChoices } from '../graphs/choices.ts';
import { currentGraphs } from './graphs.ts';
import { openModel } from './open.ts';
import { findRoot } from './root.ts';

const folderOf = (...paths: string[]) =>
  memoryFolder(Object.fromEntries(paths.map((path) => [path, '{}'])));

describe('findRoot', () => {
  it('takes the nearest config first and reaches up to the topmost of the model', async () => {
    const folder = memoryFolder({
      'config.json': '{}',
      'tokenizer.json': '{}',
      LICENSE: '',
      'cpu/fp32/genai_config.json': '{}',
      'cpu/fp32/model.onnx': '',
      'cpu/fp32/tokenizer.json': '{"own": 1}',
      'cuda/int4/genai_config.json': '{}',
      'cuda/int4/model.onnx': '',
      'cuda/int4/deeper/config.json': '{}',
      'cuda/int4/deeper/model.onnx': '',
      'words/config.json': '{}',
    });
    const root = await findRoot(folder, 'cpu/fp32/model.onnx');
    expect(root.top).toBe('');
    expect(root.configs).toEqual(['cpu/fp32/genai_config.json', 'config.json']);
    expect(root.variants).toEqual(['cuda/int4/']);
    expect(await readText(root.folder, 'tokenizer.json', 10)).toBe('{"own": 1}');
    expect(root.folder.open('LICENSE')).not.toBeNull();
  });

  it('keeps the checkpoints of a training apart', async () => {
    const folder = folderOf(
      ...['config.json', 'model.safetensors', 'runs/log.txt'],
      ...['checkpoint-10/config.json', 'checkpoint-10/model.safetensors'],
      ...['checkpoint-20/config.json', 'checkpoint-20/model.safetensors'],
    );
    const own = await findRoot(folder, 'checkpoint-10/model.safetensors');
    expect([own.top, own.configs]).toEqual(['checkpoint-10/', ['checkpoint-10/config.json']]);
    const whole = await findRoot(folder, 'model.safetensors');
    expect([whole.top, whole.variants]).toEqual(['', ['checkpoint-10/', 'checkpoint-20/']]);
  });

  it('takes all text files from one folder', async () => {
    const folder = folderOf(
      'config.json',
      'tokenizer_config.json',
      'chat_template.jinja',
      'cpu/config.json',
      'cpu/tokenizer.json',
      'cpu/model.onnx',
    );
    const { folder: files } = await findRoot(folder, 'cpu/model.onnx');
    expect(files.open('tokenizer.json')).not.toBeNull();
    expect(files.open('tokenizer_config.json')).toBeNull();
    expect(files.open('chat_template.jinja')).toBeNull();
    expect(files.files.map(({ path }) => path)).toEqual([
      'config.json',
      'tokenizer.json',
      'model.onnx',
    ]);
  });

  it('finds the tokenizer above a folder that has none, and without any config', async () => {
    const genai = folderOf('config.json', 'tokenizer.json', 'cpu/genai_config.json', 'cpu/m.onnx');
    expect((await findRoot(genai, 'cpu/m.onnx')).folder.open('tokenizer.json')).not.toBeNull();
    const bare = folderOf('a/tokenizer.json', 'a/onnx/model.onnx', 'b/model.onnx');
    const root = await findRoot(bare, 'a/onnx/model.onnx');
    expect(root).toMatchObject({ top: 'a/', configs: [], variants: [] });
    expect(root.folder.name).toBe('a');
  });

  it('ends below a config that declares another number of layers', async () => {
    const folder = memoryFolder({
      'config.json': '{"num_hidden_layers": 32}',
      'draft/config.json': '{"num_hidden_layers": 4}',
      'draft/onnx/model.onnx': '',
    });
    expect(await findRoot(folder, 'draft/onnx/model.onnx')).toMatchObject({
      top: 'draft/',
      configs: ['draft/config.json'],
    });
  });
});

describe('graphs of several models', () => {
  it('are told apart by the folder of their model', async () => {
    const graphs = await graphChoices(
      folderOf(
        'austen/config.json',
        'austen/onnx/model.onnx',
        'austen/onnx/model_q4.onnx',
        'bronte/genai_config.json',
        'bronte/model.onnx',
      ),
    );
    expect(graphs.map(({ path, model }) => [model, path])).toEqual([
      ['bronte/', 'bronte/model.onnx'],
      ['austen/', 'austen/onnx/model.onnx'],
      ['austen/', 'austen/onnx/model_q4.onnx'],
    ]);
  });

  const snapshots = {
    'models--jane--austen/snapshots/0old/config.json': '{}',
    'models--jane--austen/snapshots/0old/onnx/model.onnx': '',
    'models--jane--austen/snapshots/1new/config.json': '{}',
    'models--jane--austen/snapshots/1new/onnx/model.onnx': '',
    'models--jane--austen/blobs/5f': 'x',
  };

  it('of a download cache are those of the snapshot that refs/main names', async () => {
    const ref = { 'models--jane--austen/refs/main': '1new\n' };
    const [graph, ...more] = await currentGraphs(memoryFolder({ ...snapshots, ...ref }));
    expect(graph?.path).toBe('models--jane--austen/snapshots/1new/onnx/model.onnx');
    expect(more).toEqual([]);
    const root = await findRoot(memoryFolder(snapshots), graph?.path ?? '');
    expect(root.folder.name).toBe('austen');
  });

  it('of a download cache are all of them where no snapshot is named', async () => {
    expect(await currentGraphs(memoryFolder(snapshots))).toHaveLength(2);
    const gone = { ...snapshots, 'models--jane--austen/refs/main': '2gone' };
    expect(await currentGraphs(memoryFolder(gone))).toHaveLength(2);
  });
});

describe('the export of a graph in a subfolder', () => {
  it('edits every config on the way up and keeps the layout', async () => {
    const opened = await openModel(await openFolder(casePath('repo-root-genai-subfolder/model')));
    const manifest = await exportManifest(opened, [1, 3], { app: 'test' });
    expect(manifest.graph).toBe('cpu_and_mobile/cpu-fp32/model.onnx');
    const written = manifestFolder(manifest, opened.folder);
    const read = async (path: string) => JSON.parse((await readText(written, path, 1e6)) ?? '');
    const genai = await read('cpu_and_mobile/cpu-fp32/genai_config.json');
    expect(genai.model.decoder.num_hidden_layers).toBe(2);
    expect((await read('config.json')).num_hidden_layers).toBe(2);
    const again = await openModel(written, manifest.graph);
    expect(again.root.folder.open('tokenizer.json')?.size).toBe(
      opened.root.folder.open('tokenizer.json')?.size,
    );
  });
});

// Whatever a folder is called and holds, a root is found within it, or an error with a code.
describe('hostile folders', () => {
  const step = fc.constantFrom(
    'a',
    'onnx',
    'snapshots',
    'models--a--b',
    'models--',
    'refs',
    '0f',
    '..',
    '.',
    '',
    '__proto__',
    'constructor',
    '__MACOSX',
  );
  const name = fc.constantFrom(
    'config.json',
    'genai_config.json',
    'tokenizer.json',
    'model.onnx',
    'main',
    'model.onnx_data',
    'x.bin',
    '__proto__',
  );
  const path = fc
    .tuple(fc.array(step, { maxLength: 5 }), name)
    .map(([steps, last]) => [...steps, last].join('/'));
  const content = fc.constantFrom(
    '',
    '{}',
    '{"num_hidden_layers": 2}',
    '{"n_layer": 1e99}',
    '[[[',
    '0f',
    '../../x',
    '\u0000',
  );

  it('have a root within themselves', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(path, content), { maxLength: 12 }), async (entries) => {
        const files = Object.create(null) as Record<string, string>;
        for (const [at, text] of entries) files[at] = text;
        const folder = memoryFolder(files);
        const listed = new Set((await graphChoices(folder)).map((graph) => graph.path));
        const current = await currentGraphs(folder);
        expect(current.every((graph) => listed.has(graph.path))).toBe(true);
        expect(current.length > 0 || listed.size === 0).toBe(true);
        for (const graph of current) {
          const root = await findRoot(folder, graph.path);
          expect(graph.path.startsWith(root.top)).toBe(true);
          for (const config of root.configs) {
            expect(config.startsWith(root.top)).toBe(true);
            expect(folder.open(config)).not.toBeNull();
          }
          for (const variant of root.variants) {
            expect(variant.startsWith(root.top) && variant !== root.top).toBe(true);
            expect(graph.path.startsWith(variant)).toBe(false);
          }
          for (const file of root.folder.files) expect(root.folder.open(file.path)).not.toBeNull();
          const { copied, leftOut } = await sortFiles(
            folder,
            root,
            new Set([graph.path]),
            new Set(),
          );
          expect(copied.every((file) => file.path.startsWith(root.top))).toBe(true);
          expect(leftOut.length).toBeLessThanOrEqual(entries.length);
        }
      }),
      { seed: 20_261_130, numRuns: 3000 },
    );
  });

  it('of any depth are looked at in few steps', async () => {
    const deep = `${'d/'.repeat(30_000)}model.onnx`;
    const root = await findRoot(memoryFolder({ [deep]: '', 'config.json': '{}' }), deep);
    expect(root.top).toBe('');
  });
});
