// What the page answers to files that are no model, or not what they seem: the words, as a table.

import { describe, expect, it } from 'vitest';
import type { PickedFolder } from '../../files/pickedFolder.ts';
import { asFolder } from '../../files/pickedFolder.ts';
import { noDisk, setUp } from '../testing/setUp.ts';
import { sortDropped, sortJson } from './dropped.ts';

/** Files of a drop by path; contents do not matter unless given. */
function dropOf(files: Record<string, string>, name = 'dropped files'): PickedFolder {
  const at = Object.entries(files).map(([path, text]) => ({
    path,
    file: new File([text], path.split('/').at(-1)!),
  }));
  return asFolder(at, name) ?? { name, files: [] };
}

const some = (...paths: string[]) => dropOf(Object.fromEntries(paths.map((path) => [path, 'x'])));

async function answerTo(folder: PickedFolder, isOpen = false) {
  const all = setUp({}, {}, { ...noDisk, readDrop: async () => folder });
  if (isOpen) await all.actions.openSample();
  // Node has no DataTransfer; the port above does not look at it.
  await all.actions.drop({} as DataTransfer);
  return all;
}

const WHOLE = /^Open the whole folder of the model/;

const REFUSED: [what: string, PickedFolder, message: string, hint: RegExp][] = [
  [
    'an empty folder',
    dropOf({}, 'nothing'),
    'There is nothing in the folder nothing that can be read here.',
    /browsers do not show links.*--local-dir.*command line/,
  ],
  [
    'a download cache, whose snapshots are links',
    some(`models--jane--austen/blobs/${'0a'.repeat(32)}`, 'models--jane--austen/refs/main'),
    'The folder models--jane--austen is a download cache; the files of its models are links, ' +
      'which are not to be seen here.',
    /^Browsers do not show links.*--local-dir/,
  ],
  [
    'a later part of a GGUF model',
    some('lone-00002-of-00003.gguf'),
    'The file lone-00002-of-00003.gguf is a later part of a split GGUF model, whose first part is ' +
      'not there.',
    /all parts/,
  ],
  [
    'an image encoder',
    some('gguf/mmproj-a-f16.gguf', 'gguf/README.md'),
    'There is no model in the folder gguf that can be opened: mmproj-a-f16.gguf is the image ' +
      'encoder of a model for llama.cpp (mmproj), not the model.',
    /language model/,
  ],
  [
    'a PyTorch file',
    some('pytorch_model.bin'),
    'The file pytorch_model.bin holds weights in the format of PyTorch (pickle), which can run ' +
      'code and is not read here.',
    /^Open the safetensors version .*save_pretrained/,
  ],
  [
    'a PyTorch folder',
    some('m/config.json', 'm/pytorch_model-00001-of-00002.bin', 'm/tokenizer.json'),
    'There is no model in the folder m that can be opened: pytorch_model-00001-of-00002.bin holds ' +
      'weights in the format of PyTorch (pickle), which can run code and is not read here.',
    /^Open the safetensors version .*save_pretrained/,
  ],
  [
    'an adapter',
    some('lora/adapter_config.json', 'lora/adapter_model.safetensors', 'lora/tokenizer.json'),
    'There is no model in the folder lora that can be opened: adapter_config.json belongs to an ' +
      'adapter (PEFT), which is no model by itself.',
    /^Merge it/,
  ],
  [
    "a checkpoint in its maker's layout",
    some('raw/consolidated.safetensors', 'raw/params.json'),
    'There is no model in the folder raw that can be opened: consolidated.safetensors is a ' +
      "checkpoint in the layout of its maker's own code.",
    /config\.json and model\.safetensors/,
  ],
  [
    'a picture',
    some('photo.png'),
    'The file photo.png is no model: not ONNX, safetensors or GGUF.',
    /^Open the folder/,
  ],
  [
    'a paper',
    some('paper.pdf'),
    'The file paper.pdf is no model: not ONNX, safetensors or GGUF.',
    /^Open the folder/,
  ],
  [
    'weights alone',
    some('model.onnx_data'),
    'The file model.onnx_data looks like the weights of an ONNX graph without the graph itself.',
    /both files/,
  ],
  [
    'a tokenizer folder',
    some('tok/tokenizer.json', 'tok/tokenizer_config.json'),
    'There is no model in the folder tok: no ONNX, safetensors or GGUF file.',
    /^Open the folder/,
  ],
  [
    'an archive',
    some('model.tar.gz'),
    'The file model.tar.gz is an archive that the page cannot read.',
    /^Unpack it/,
  ],
  [
    'a folder named like a graph',
    some('model.onnx/weights.pb'),
    'There is no model in the folder model.onnx: no ONNX, safetensors or GGUF file.',
    /^Open the folder/,
  ],
  [
    'two folders with models',
    some('a/model.onnx', 'b/onnx/model.onnx'),
    '2 model folders were dropped at once: a and b.',
    /one model at a time/,
  ],
  [
    'two texts at once',
    some('a.txt', 'b.txt'),
    'There is no model in the 2 dropped files: no ONNX, safetensors or GGUF file.',
    /^Open the folder/,
  ],
  ['an empty text', dropOf({ 'notes.txt': '' }), 'The file notes.txt is empty.', /text/],
  [
    'a tokenizer alone',
    dropOf({ 'tokenizer.json': '{"model": {}}' }),
    'The file tokenizer.json is one file of a model, not the model.',
    WHOLE,
  ],
  [
    'a config alone',
    dropOf({ 'config.json': '{"model_type": "llama"}' }),
    'The file config.json is one file of a model, not the model.',
    WHOLE,
  ],
  [
    'JSON that is none',
    dropOf({ 'windows.json': '[[1, 2],\n oops]' }),
    'windows.json is not valid JSON: the first fault is at line 2, column 2 (“o”).',
    /espalier\.json.*\[\[1, 2, 3\], \[4, 5, 6\]\]/,
  ],
  [
    'JSON that breaks off',
    dropOf({ 'espalier.json': '{"format": "espalier-ex' }),
    'espalier.json is not valid JSON: it breaks off at line 1, column 24.',
    /espalier\.json, which restores a plan/,
  ],
  [
    'other JSON',
    dropOf({ 'package.json': '{"name": "x"}' }),
    'package.json is neither an espalier.json, windows of token ids nor instructions.',
    /three kinds of JSON/,
  ],
];

describe('a drop that cannot be used', () => {
  it.each(REFUSED)('%s', async (_, folder, message, hint) => {
    for (const isOpen of [false, true]) {
      const { get, studio } = await answerTo(folder, isOpen);
      expect(get().errors.open?.message).toBe(message);
      expect(get().errors.open?.hint).toMatch(hint);
      // It is announced, and a message shows it wherever the page is scrolled to.
      expect(get().view.fault?.place).toBe('open');
      expect(get().view.announcement).toContain(message);
      expect(studio.calls.filter(({ name }) => name === 'open')).toHaveLength(isOpen ? 1 : 0);
      expect(get().model.current !== null).toBe(isOpen);
    }
  });

  it('says what is missing for a table and an espalier.json without a model', async () => {
    const table = await answerTo(dropOf({ 'block_order.csv': '3,1,2' }));
    expect(table.get().errors.restore?.message).toContain('no model is open');
    const plan = await answerTo(dropOf({ 'plan.json': '{"format": "espalier-export"}' }));
    expect(plan.get().errors.restore?.message).toContain('no model is open');
  });
});

describe('a text without a model', () => {
  it('is kept, and offered when a model is opened', async () => {
    const { get, actions } = await answerTo(dropOf({ 'notes.txt': 'Some words.' }));
    expect(get().view.toast?.text).toMatch(/^notes\.txt is kept\. Open a model first/);
    expect(get().errors).toEqual({});
    await actions.openSample();
    expect(get().view.dropped).toEqual({ name: 'notes.txt', text: 'Some words.' });
    actions.answerDropped('score');
    expect(get().score.settings.text).toMatchObject({ kind: 'text', name: 'notes.txt' });
    expect(get().view.dropped).toBeNull();
  });
});

describe('a drop that can be used', () => {
  it('is a text also when it is all that a folder holds', () => {
    expect(sortDropped(some('texts/a.txt')).kind).toBe('text');
  });

  const modelOf = (folder: PickedFolder) => {
    const dropped = sortDropped(folder);
    return (
      dropped.kind === 'model' && [dropped.folder.name, dropped.folder.files.length, dropped.note]
    );
  };

  it('is a model: a folder, a zip, a lone graph, or the contents of a folder', () => {
    expect(modelOf(some('m/config.json', 'm/onnx/model.onnx'))).toEqual(['m', 2, '']);
    expect(modelOf(some('m.zip'))).toEqual(['m.zip', 1, '']);
    expect(modelOf(some('lone.onnx'))).toEqual(['lone.onnx', 1, '']);
    // Both folders of it belong to the config beside them.
    expect(modelOf(some('config.json', 'onnx/model.onnx', 'more/model.onnx'))).toEqual([
      'dropped files',
      3,
      '',
    ]);
  });

  it('is a checkpoint, a GGUF file or the parts of one, named after it', () => {
    const checkpoint = some('m/config.json', 'm/model.safetensors', 'm/tokenizer.json');
    expect(modelOf(checkpoint)).toEqual(['m', 3, '']);
    expect(modelOf(some('lone-q8_0.gguf'))).toEqual(['lone-q8_0.gguf', 1, '']);
    const parts = some('big-00001-of-00002.gguf', 'big-00002-of-00002.gguf', 'tokenizer.json');
    expect(modelOf(parts)).toEqual(['big', 3, '']);
    const two = some('a/a-q8_0.gguf', 'b/config.json', 'b/model.safetensors');
    expect(() => sortDropped(two)).toThrow('2 model folders were dropped at once: a and b.');
  });

  it('is the one model among several folders, and the page says so', () => {
    expect(modelOf(some('a/model.onnx', 'notes/x.md', 'notes/y.md'))).toEqual([
      'a',
      1,
      'Only a is opened: there is no model in notes.',
    ]);
  });

  it('is JSON of a kind that is understood', () => {
    expect(sortJson('espalier.json', '{}')).toBe('provenance');
    expect(sortJson('old.json', '{"format": "espalier-export"}')).toBe('provenance');
    expect(sortJson('w.json', '[[1, 2]]')).toBe('windows');
    expect(sortJson('w.json', '{"windows": [[1, 2]]}')).toBe('windows');
  });
});
