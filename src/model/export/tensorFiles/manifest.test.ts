// Exports of models without a graph: in the format that came in, healed or not, and as ONNX.

import { describe, expect, test } from 'vitest';
import { openFolder } from '../../../node/testing/openFolder.ts';
import { BytesReader } from '../../../onnx/bytes.ts';
import type { Folder } from '../../../onnx/source.ts';
import { readText } from '../../../onnx/source.ts';
import { floatsOf } from '../../../onnx/transforms/rows.ts';
import { fixturePath } from '../../../testing/fixtures.ts';
import { asBytes, healingOf, lowRank, noise } from '../../healing/testing/synthetic.ts';
import { tinyCheckpoint, tinyGoldens } from '../../make/testing/tinyCheckpoint.ts';
import { openModel } from '../../open/open.ts';
import { withMadeFiles } from '../../open/tensors/madeFiles.ts';
import { manifestFolder } from '../folder.ts';
import { exportManifest } from '../manifest.ts';
import { readProvenance } from '../provenance.ts';
import type { ExportOptions, ExportSource } from '../request.ts';
import type { StepChoice } from '../steps.ts';

const open = async (name: string) => openModel(await openFolder(fixturePath(name)));

async function written(
  opened: ExportSource,
  removed: Parameters<typeof exportManifest>[1],
  options: Partial<ExportOptions> = {},
) {
  const manifest = await exportManifest(opened, removed, { app: 'test', ...options });
  return { manifest, folder: manifestFolder(manifest, opened.folder) };
}

const textOf = async (folder: Folder, path: string): Promise<string> =>
  (await readText(folder, path, 2 ** 20)) ?? '';
const jsonOf = async (folder: Folder, path: string) => JSON.parse(await textOf(folder, path));
const pathsOf = ({ files }: Folder): string[] => files.map(({ path }) => path).sort();

describe('the format that came in', () => {
  test.each([
    ['hf-llama-sharded', 'safetensors', 'model.safetensors.index.json', 'from transformers'],
    ['gguf-llama-f16', 'gguf', 'tiny-llama-F16.gguf', 'llama-cli'],
  ])('%s', async (name, format, main, use) => {
    const { manifest, folder } = await written(await open(name), [1]);
    expect([manifest.format, manifest.graph]).toEqual([format, main]);
    expect(readProvenance(await textOf(folder, 'espalier.json'))).toMatchObject({
      written: format,
      source: { graph: main, numBlocks: 5 },
      removed: [1],
    });
    const readme = await textOf(folder, 'README.md');
    expect(readme).toContain('byte for byte');
    expect(readme).toContain(use);
    // What was made of the metadata when the file was opened is in it.
    expect(pathsOf(folder).includes('config.json')).toBe(format === 'safetensors');
    expect((await openModel(folder, main)).structure.blocks).toHaveLength(4);
  });

  test('what it cannot hold is refused in words', async () => {
    const opened = await open('hf-llama-bf16');
    const refused = (removed: Parameters<typeof written>[1], options: Partial<ExportOptions>) =>
      expect(written(opened, removed, options)).rejects;
    await refused(['1.attn'], {}).toThrow('a block without one of its sublayers (1.attn)');
    await refused([1], { format: 'gguf' }).toThrow('came as safetensors and cannot be written as');
    const steps: StepChoice[] = [{ step: 'float16' }];
    await refused([1], { format: 'safetensors', steps }).toThrow('not as fp16');
    expect((await written(opened, ['1.attn'], { format: 'onnx' })).manifest.format).toBe('onnx');
    expect((await written(opened, [1], { steps })).manifest.format).toBe('onnx');
  });
});

describe('healed weights', () => {
  const name = 'model.layers.2.mlp.down_proj';
  const rows = [0, 17, 63];

  test('are those of the made graph, turned back and rounded to bfloat16', async () => {
    const opened = await open('hf-llama-bf16');
    const tensor = `${name}.MatMul.weight`;
    const [inputs = 0, outputs = 0] = opened.structure.graph.initializers.get(tensor)!.dims;
    const values = noise(inputs * outputs, 1, 5);
    const norm = opened.structure.graph.initializers.get('model.layers.4.input_layernorm.weight')!;
    const scale = noise(outputs, 1, 6);
    const healing = healingOf(
      [1],
      [
        { tensor, block: 2, kind: 'replaced', values: asBytes(values) },
        { tensor: norm.name, block: 4, kind: 'replaced', values: asBytes(scale) },
      ],
    );
    const steps: StepChoice[] = [{ step: 'healing', healing, quantised: 'again' }];
    const { manifest, folder } = await written(opened, [1], { steps });
    expect(manifest.remarks).toEqual(['Healed values of BF16 tensors are rounded to BF16 again.']);
    const again = await openModel(folder, manifest.graph);
    const reader = new BytesReader(folder);
    const found = async (of: string) => {
      const { data } = again.structure.graph.initializers.get(of)!;
      return floatsOf(await reader.open(data).read(0, data.length));
    };
    const { type, shape } = again.tensorSource!.files.tensors.get(
      'model.layers.1.mlp.down_proj.weight',
    )!;
    expect([type, ...shape]).toEqual(['BF16', outputs, inputs]);
    const down = await found('model.layers.1.mlp.down_proj.MatMul.weight');
    const half = 2 ** -8;
    for (const [k, value] of values.entries())
      expect(Math.abs(down[k]! - value)).toBeLessThanOrEqual(Math.abs(value) * half);
    const now = await found('model.layers.3.input_layernorm.weight');
    expect(Math.abs(now[3]! - scale[3]!)).toBeLessThanOrEqual(half);
    expect(rows.map((k) => down[k] === values[k])).not.toEqual([true, true, true]);
  });

  test('of 4-bit blocks become 8-bit ones', async () => {
    const opened = await open('gguf-llama-q4_0');
    const { bindings } = opened.tensorSource!;
    const [tensor] = [...bindings].find(([, { tensor }]) => tensor.name === `${name}.weight`)!;
    const change = lowRank(tensor, 2, { inputs: 96, outputs: 64, size: 0.5 });
    const healing = healingOf([], [change]);
    const steps: StepChoice[] = [{ step: 'healing', healing, quantised: 'again' }];
    const { manifest, folder } = await written(opened, [], { steps });
    expect(manifest.remarks).toContain('Healed Q4_0 tensors are written as Q8_0.');
    const { tensors } = (await openModel(folder, manifest.graph)).tensorSource!.files;
    expect(tensors.get('blk.2.ffn_down.weight')).toMatchObject({ type: 'Q8_0', shape: [64, 96] });
    expect(tensors.get('blk.2.ffn_up.weight')).toMatchObject({ type: 'Q4_0' });
  });

  test('that are another weight too are refused', async () => {
    const opened = await open('hf-llama-tied');
    const tensor = 'model.embed_tokens.weight';
    const values = new Uint8Array(opened.structure.graph.initializers.get(tensor)!.data.length);
    const change = { tensor, block: null, kind: 'replaced', values } as const;
    const healing = healingOf([], [change]);
    const steps: StepChoice[] = [{ step: 'healing', healing, quantised: 'again' }];
    await expect(written(opened, [], { steps })).rejects.toThrow(
      'stands in another place of the model too',
    );
  });
});

describe('as ONNX', () => {
  test('special tokens beyond the vocabulary are left out', async () => {
    const { config, ...rest } = tinyGoldens().gpt2!;
    const ids = { bos_token_id: 50256, eos_token_id: [50256, 2], pad_token_id: -1 };
    const opened = await openModel(tinyCheckpoint({ ...rest, config: { ...config, ...ids } }));
    const { folder } = await written(opened, [1], { format: 'onnx' });
    const { model } = await jsonOf(folder, 'genai_config.json');
    expect(model).toMatchObject({ eos_token_id: 2, pad_token_id: 2 });
    expect(model).not.toHaveProperty('bos_token_id');
  });

  test('for transformers.js and ONNX Runtime GenAI, and again in float16', async () => {
    const opened = await open('gguf-llama-f16');
    const { manifest, folder } = await written(opened, [1, 3], { format: 'onnx' });
    expect(manifest.graph).toBe('onnx/model.onnx');
    expect(pathsOf(folder)).toEqual(
      expect.arrayContaining(['config.json', 'genai_config.json', 'onnx/model.onnx_data']),
    );
    expect(pathsOf(folder).some((path) => path.endsWith('.gguf'))).toBe(false);
    expect(await jsonOf(folder, 'genai_config.json')).toMatchObject({
      model: {
        type: 'llama',
        decoder: {
          filename: 'onnx/model.onnx',
          num_hidden_layers: 3,
          num_attention_heads: 4,
          num_key_value_heads: 2,
          head_size: 16,
          inputs: { past_key_names: 'past_key_values.%d.key' },
        },
      },
    });
    const config = await jsonOf(folder, 'config.json');
    expect(config).toMatchObject({
      num_hidden_layers: 3,
      'transformers.js_config': { use_external_data_format: { 'model.onnx': true } },
    });
    const again = await openModel(folder);
    const steps: StepChoice[] = [{ step: 'float16' }];
    const half = await written(again, [0], { steps });
    expect(half.manifest.graph).toBe('onnx/model_fp16.onnx');
    expect((await jsonOf(half.folder, 'genai_config.json')).model.decoder).toMatchObject({
      filename: 'onnx/model_fp16.onnx',
      num_hidden_layers: 2,
    });
    expect(pathsOf(half.folder)).toContain('onnx/model_fp16.onnx_data');
    expect(await textOf(half.folder, 'README.md')).toContain('og.Model("this-folder")');
  });

  test('says what its hash is of, and no more tokens than the rotation has positions', async () => {
    const source = await openFolder(fixturePath('hf-llama-fp32'));
    const config = { ...(await jsonOf(source, 'config.json')), max_position_embeddings: 1_024_000 };
    const made = new Map([['config.json', new TextEncoder().encode(JSON.stringify(config))]]);
    const opened = await openModel(withMadeFiles(source, made));
    const { folder } = await written(opened, [1], { format: 'onnx' });
    expect(await jsonOf(folder, 'genai_config.json')).toMatchObject({
      model: { context_length: 131_072 },
      search: { max_length: 131_072 },
    });
    const readme = await textOf(folder, 'README.md');
    expect(readme).toContain('SHA-256 of config.json and the headers: `');
    expect(readme).toContain('`past_key_values.*` of 4 blocks it computes `logits`');
  });
});
