// Models without a graph: which files are offered, what opening them reads, what it says of them,
// and what is refused by name.

import { describe, expect, it } from 'vitest';
import { type Folder, readText } from '../../../onnx/source.ts';
import { diskFolder } from '../../../onnx/testing/diskFolder.ts';
import { memoryFolder } from '../../../onnx/testing/text.ts';
import { ggufFile, type Pair, tinyGguf } from '../../../tensors/testing/gguf.ts';
import { fixturePath } from '../../../testing/fixtures.ts';
import { difference, identify } from '../../export/identity.ts';
import { exportManifest } from '../../export/manifest.ts';
import { graphChoices } from '../../graphs/choices.ts';
import { openModel } from '../open.ts';
import { planSize } from '../size.ts';
import { openTensorSource } from '../tensorSource.ts';
import { textConfig } from './refusals.ts';

const NAMES = ['hf-llama-sharded', 'gguf-llama-q4_0'] as const;
const folderOf = (name: string) => diskFolder(fixturePath(name));
const open = (name: string) => openModel(folderOf(name));

/** A folder, and the ranges that are read of each of its files. */
function watched(folder: Folder) {
  const reads: { path: string; from: number; to: number }[] = [];
  const watching: Folder = {
    ...folder,
    open(path) {
      const source = folder.open(path);
      if (!source) return null;
      const note = (from: number, length: number) => reads.push({ path, from, to: from + length });
      return {
        size: source.size,
        read(offset, length) {
          note(offset, length);
          return source.read(offset, length);
        },
      };
    },
  };
  return { folder: watching, reads };
}

/** Files of a folder with other texts in place of some. */
async function changed(
  name: string,
  change: (config: Record<string, unknown>) => Record<string, unknown>,
  more: Record<string, string> = {},
) {
  const folder = folderOf(name);
  const config = JSON.parse((await readText(folder, 'config.json', 1e6)) ?? '');
  const texts = memoryFolder({ 'config.json': JSON.stringify(change(config)), ...more });
  return {
    ...folder,
    files: [...folder.files.filter(({ path }) => !texts.open(path)), ...texts.files],
    open: (path: string) => texts.open(path) ?? folder.open(path),
  };
}

describe('opening', () => {
  it.each(NAMES)('%s reads headers, and no tensor', async (name) => {
    const { folder, reads } = watched(folderOf(name));
    const { tensorSource } = await openModel(folder);
    const files = tensorSource?.files.files ?? [];
    expect(files.length).toBeGreaterThan(0);
    for (const { path, dataStart } of files) {
      const own = reads.filter((read) => read.path === path);
      expect(own.length).toBeGreaterThan(0);
      // A header is read once.
      expect(own.reduce((sum, { from, to }) => sum + to - from, 0)).toBeLessThanOrEqual(dataStart);
      expect(Math.max(...own.map(({ to }) => to))).toBeLessThanOrEqual(dataStart);
    }
  });

  it('tells the sizes of what is stored, not of what is computed from it', async () => {
    const [float, half, few] = await Promise.all(
      ['hf-llama-fp32', 'hf-llama-bf16', 'gguf-llama-q8_0'].map(open),
    );
    expect(float!.summary).toMatchObject({ layout: 'safetensors', dtype: 'fp32', numBlocks: 5 });
    expect(half!.summary).toMatchObject({ dtype: 'bf16', exporter: 'Transformers 4.57.6' });
    expect(few!.summary).toMatchObject({ layout: 'gguf', dtype: 'q8_0' });
    for (const { folder, summary, graphPath, tensorSource } of [float!, half!, few!]) {
      const { size } = folder.open(graphPath)!;
      expect(summary).toMatchObject({ bytes: size, exportBytes: size });
      const all = [...tensorSource!.files.tensors.values()];
      const stored = all.reduce((sum, { data }) => sum + data.length, 0);
      const told = [summary.embedding, summary.head, ...summary.blocks];
      const constants = told.reduce((sum, one) => sum + one.bytes, 0) - stored;
      expect(constants).toBeGreaterThanOrEqual(0);
      expect(constants).toBeLessThan(200);
    }
    const params = [float!, half!, few!].map(({ summary }) => summary.params);
    expect(params[0]).toBe(params[2]);
    expect(half!.summary.blocks[0]!.params * 2 + 200).toBeGreaterThan(
      half!.summary.blocks[0]!.bytes,
    );
  });

  it.each(['hf-llama-bf16', 'hf-llama-sharded', 'gguf-llama-q8_0', 'gguf-gemma3-q8_0'])(
    'predicts the size of %s without two blocks within 1 %',
    async (name) => {
      const opened = await open(name);
      const { files } = await exportManifest(opened, [1, 3], { app: 'test' });
      const written = files
        .filter(({ path }) => /\.(gguf|safetensors)$/.test(path))
        .reduce((sum, { size }) => sum + size, 0);
      expect(planSize(opened.summary, [1, 3]).bytes / written).toBeCloseTo(1, 2);
    },
  );

  it('counts a tied table once', async () => {
    const { summary } = await open('hf-llama-tied');
    expect(summary.head.tied).toBe(true);
    expect(summary.embedding.params + summary.head.params).toBeLessThan(1.1 * 384 * 32);
  });

  it('has the name of the whole model when a part is opened', async () => {
    const split = (no: number): Pair[] => [
      ['split.no', 2, no],
      ['split.count', 2, 2],
    ];
    const tensors = [{ name: 'output_norm.weight', type: 0, dims: [8] }];
    const parts = memoryFolder({
      'm-00001-of-00002.gguf': tinyGguf('llama', 1, split(0)),
      'm-00002-of-00002.gguf': ggufFile({ pairs: split(1), tensors }),
    });
    const folder = { ...parts, name: 'm-00002-of-00002.gguf' };
    const opened = await openTensorSource(folder, 'm-00001-of-00002.gguf');
    expect(opened.folder.name).toBe('m');
    expect((await openTensorSource(parts, 'm-00001-of-00002.gguf')).folder.name).toBe('memory');
  });

  it('puts config and tokenizer of a GGUF file beside it', async () => {
    const { folder, root, config } = await open('gguf-llama-q8_0');
    const names = ['config.json', 'generation_config.json', 'tokenizer.json'];
    for (const name of names) {
      expect(root.folder.open(name)).not.toBeNull();
      expect(folder.made?.(name)?.length).toBe(folder.open(name)?.size);
    }
    expect(folder.made?.('tiny-llama-Q8_0.gguf')).toBeNull();
    expect(config.raw.config).toMatchObject({ model_type: 'llama', num_hidden_layers: 5 });
    // What lies there is not replaced.
    const own = memoryFolder({ 'tokenizer.json': '{"own": 1}', 'generation_config.json': '{}' });
    const plain = folderOf('gguf-llama-q8_0');
    const beside = await openModel({
      ...plain,
      files: [...plain.files, ...own.files],
      open: (path) => own.open(path) ?? plain.open(path),
    });
    expect(beside.folder.made?.('tokenizer.json')).toBeNull();
    expect(await readText(beside.root.folder, 'tokenizer.json', 99)).toBe('{"own": 1}');
    expect(await readText(beside.root.folder, 'generation_config.json', 99)).toBe('{}');
  });

  it('of a multimodal checkpoint takes the text model and its config', async () => {
    const inside = (type: string, rope: object) => (config: Record<string, unknown>) => ({
      model_type: type,
      tie_word_embeddings: true,
      text_config: { ...config, tie_word_embeddings: undefined, ...rope },
    });
    const plain = await open('hf-llama-tied');
    const llava = await openModel(await changed('hf-llama-tied', inside('llava', {})));
    expect(llava.summary).toMatchObject({ family: 'llava', numBlocks: 5, head: { tied: true } });
    expect(llava.structure.cuts).toEqual(plain.structure.cuts);
    // One position for text, time and place is a plain rotation.
    const sections = { rope_scaling: { type: 'mrope', mrope_section: [2, 3, 3] } };
    const text = { ...sections, model_type: 'qwen2_5_vl_text', rope_theta: 1e6 };
    const config = { num_hidden_layers: 1, ...text };
    expect(textConfig({ model_type: 'qwen2_5_vl', text_config: config })).toEqual({
      ...config,
      model_type: 'qwen2',
      rope_scaling: null,
    });
    const other = { rope_parameters: { rope_type: 'yarn', mrope_section: [1], factor: 2 } };
    expect(textConfig({ model_type: 'qwen3_vl_text', ...other })).toEqual({
      model_type: 'qwen3',
      rope_parameters: { rope_type: 'yarn', factor: 2 },
    });
  });

  it('knows a model by its headers, its config and samples of its weights', async () => {
    const identityOf = async (folder: Folder) => {
      const opened = await openModel(folder);
      return identify(opened, opened.structure.model);
    };
    const one = await identityOf(folderOf('hf-llama-tied'));
    expect(difference(one, await identityOf(folderOf('hf-llama-tied')))).toBeNull();
    const other = await changed('hf-llama-tied', (config) => ({ ...config, rms_norm_eps: 1e-5 }));
    expect(difference(one, await identityOf(other))).toMatch(/not the one that was scored/);
    const { files } = await identityOf(folderOf('gguf-llama-q8_0'));
    expect(files.map(({ path }) => path)).toEqual(['tiny-llama-Q8_0.gguf']);
  });
});

describe('choices', () => {
  it('are graphs first, then checkpoints, whose shards are one, and GGUF files', async () => {
    const files = {
      'onnx/model.onnx': '',
      'config.json': '{"torch_dtype": "bfloat16"}',
      'model.safetensors.index.json': '{}',
      'model-00001-of-00002.safetensors': '12345',
      'model-00002-of-00002.safetensors': '123',
      'consolidated.safetensors': '',
      'adapter_model.safetensors': '',
      'optimizer.safetensors': '',
      '.cache/x.safetensors': '',
      'gguf/a-Q4_K_M.gguf': '12',
      'gguf/b-bf16-00001-of-00003.gguf': '1',
      'gguf/b-bf16-00002-of-00003.gguf': '1',
      'gguf/mmproj-a-f16.gguf': '',
      'parts/model-00001-of-00002.safetensors': '1',
      'parts/model-00002-of-00002.safetensors': '1',
    };
    const choices = await graphChoices(memoryFolder(files));
    const own = { model: '', dtype: 'bf16', format: 'safetensors' };
    expect(choices).toEqual([
      { path: 'onnx/model.onnx', model: '', dtype: 'fp32', bytes: 0 },
      { path: 'gguf/a-Q4_K_M.gguf', model: '', dtype: 'q4_k_m', bytes: 2, format: 'gguf' },
      { ...own, path: 'model.safetensors.index.json', bytes: 8 },
      {
        path: 'gguf/b-bf16-00001-of-00003.gguf',
        model: '',
        dtype: 'bf16',
        bytes: 2,
        format: 'gguf',
      },
      { ...own, path: 'parts/model-00001-of-00002.safetensors', bytes: 2 },
    ]);
  });

  it('has a GGUF file among other models as a model by itself', async () => {
    const models = async (...paths: string[]) =>
      (await graphChoices(memoryFolder(Object.fromEntries(paths.map((path) => [path, '{}'])))))
        .map(({ model }) => model)
        .sort();
    const gguf = ['Q4_0/a-Q4_0.gguf', 'Q8_0/a-Q8_0.gguf'];
    expect(await models(...gguf)).toEqual(['', '']);
    expect(await models(...gguf, 'b/config.json', 'b/model.safetensors')).toEqual([
      'Q4_0/',
      'Q8_0/',
      'b/',
    ]);
  });
});

describe('refusals', () => {
  const REFUSED: [what: string, config: Record<string, unknown>, message: RegExp][] = [
    ['GPTQ', { quantization_config: { quant_method: 'gptq', bits: 4 } }, /with GPTQ to 4 bits/],
    ['AWQ', { quantization_config: { quant_method: 'awq', bits: 4 } }, /with AWQ to 4 bits/],
    ['FP8', { quantization_config: { quant_method: 'fp8' } }, /quantised with FP8 \(config\.json/],
    ['bitsandbytes', { quantization_config: { load_in_8bit: true } }, /with bitsandbytes/],
    ['a method to come', { quantization_config: { quant_method: 'new' } }, /quantised with new/],
    [
      'a quantised text model inside',
      { text_config: { quantization_config: { quant_method: 'compressed-tensors' } } },
      /with compressed-tensors/,
    ],
    [
      'code of its own',
      { auto_map: { AutoConfig: 'configuration_x.X', AutoModelForCausalLM: 'modeling_x.XModel' } },
      /config\.json names modeling_x\.XModel in auto_map/,
    ],
    ['another family', { model_type: 'mamba' }, /mamba/],
    ['prompts in both directions', { model_type: 'paligemma' }, /paligemma.* both directions/],
  ];
  it.each(REFUSED)('name %s', async (_, fields, message) => {
    const folder = await changed('hf-llama-tied', (config) => ({ ...config, ...fields }));
    const error = await openModel(folder).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: 'unsupported-graph',
      message: expect.stringMatching(message),
    });
    expect((error as { hint: string }).hint).not.toBe('');
  });

  it('name the file of an older quantiser', async () => {
    const folder = await changed('hf-llama-tied', (config) => config, {
      'quantize_config.json': '{"bits": 4}',
    });
    await expect(openModel(folder)).rejects.toThrow('is quantised (quantize_config.json)');
  });

  it('of tensors without a config ask for it', async () => {
    const folder = folderOf('hf-llama-tied');
    const alone = {
      ...folder,
      files: folder.files.filter(({ path }) => path.endsWith('.safetensors')),
    };
    const open = (path: string) => (path.endsWith('.safetensors') ? folder.open(path) : null);
    await expect(openModel({ ...alone, open })).rejects.toThrow(
      'There is no config.json beside model.safetensors',
    );
  });
});
