import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../json.ts';
import { diskFolder } from '../../../onnx/testing/diskFolder.ts';
import { readSafetensors } from '../../../tensors/safetensors/read.ts';
import type { StoredTensor } from '../../../tensors/tensorFiles.ts';
import { fixturePath } from '../../../testing/fixtures.ts';
import { safetensorsNames } from './safetensors.ts';

function named(config: JsonObject, names: readonly string[]): Record<string, string> {
  const tensors = new Map(
    names.map((name): [string, StoredTensor] => [
      name,
      { name, type: 'F32', shape: [1], data: { file: 'x', offset: 0, length: 4 } },
    ]),
  );
  const found = safetensorsNames({ tensors }, config);
  return Object.fromEntries([...found].map(([name, { stored }]) => [stored.name, name]));
}

/** Names of a tensor of each of `n` blocks. */
const blocks = (prefix: string, n: number, rest = 'mlp.up_proj.weight'): string[] =>
  Array.from({ length: n }, (_, i) => `${prefix}${i}.${rest}`);

describe('the names of a checkpoint', () => {
  it.each([
    ['hf-llama-fp32', 'llama', 5],
    ['hf-gpt2-fp32', 'gpt2', 5],
    ['hf-gptneox-fp32', 'gpt_neox', 5],
    ['hf-bloom-fp32', 'bloom', 5],
  ])('of Transformers stay as they are: %s', async (fixture, type, layers) => {
    const files = await readSafetensors(diskFolder(fixturePath(fixture)), 'model.safetensors');
    const found = safetensorsNames(files, { model_type: type, num_hidden_layers: layers });
    expect([...found.keys()]).toEqual([...files.tensors.keys()]);
    for (const [name, { block, stored }] of found)
      expect([stored.name, block === null ? null : String(block)]).toEqual([
        name,
        /\.(\d+)\./.exec(name)?.[1] ?? null,
      ]);
  });

  it.each<[string, JsonObject, string, string, string]>([
    [
      'LLaVA',
      { text_config: { model_type: 'llama' } },
      'language_model.model.',
      'language_model.',
      'model.',
    ],
    [
      'Gemma 3',
      { text_config: { model_type: 'gemma3_text' } },
      'model.language_model.',
      '',
      'model.',
    ],
    ['Qwen2-VL', { model_type: 'qwen2_vl' }, 'model.', '', 'model.'],
    ['SmolVLM', { text_config: { model_type: 'llama' } }, 'model.text_model.', '', 'model.'],
    ['a base model', { model_type: 'qwen3' }, '', '', 'model.'],
  ])('of %s are those of its text model', (_, config, base, head, own) => {
    const names = [
      `${base}embed_tokens.weight`,
      ...blocks(`${base}layers.`, 2),
      `${base}norm.weight`,
      `${head}lm_head.weight`,
    ];
    const beside =
      base === ''
        ? []
        : [
            'visual.patch_embed.weight',
            ...blocks('vision_tower.encoder.layers.', 2),
            'multi_modal_projector.linear.weight',
          ];
    const expected = [
      `${own}embed_tokens.weight`,
      ...blocks(`${own}layers.`, 2),
      `${own}norm.weight`,
      'lm_head.weight',
    ];
    expect(named(config, [...names, ...beside])).toEqual(
      Object.fromEntries(names.map((name, k) => [name, expected[k]])),
    );
  });

  it('of GPT-2 as it was published: no prefix, and masks that are passed over', () => {
    const names = ['wte.weight', 'wpe.weight', 'ln_f.bias', ...blocks('h.', 3, 'attn.c_attn.bias')];
    const found = named({ model_type: 'gpt2', n_layer: 3 }, [
      ...names,
      ...blocks('h.', 3, 'attn.bias'),
      ...blocks('h.', 3, 'attn.masked_bias'),
    ]);
    expect(found).toEqual(Object.fromEntries(names.map((name) => [name, `transformer.${name}`])));
  });

  it('of OPT are below the decoder, its head at the top', () => {
    const names = [
      'model.decoder.embed_tokens.weight',
      ...blocks('model.decoder.layers.', 2, 'fc1.bias'),
      'lm_head.weight',
    ];
    expect(named({ model_type: 'opt' }, names)).toEqual(
      Object.fromEntries(names.map((name) => [name, name])),
    );
  });

  it.each<[string, JsonObject, string[], RegExp]>([
    [
      'no decoder',
      { model_type: 'whisper' },
      blocks('encoder.layers.', 2),
      /whisper.*no model\.layers/,
    ],
    [
      'blocks that the config does not count',
      { model_type: 'llama', num_hidden_layers: 3 },
      ['model.embed_tokens.weight', ...blocks('model.layers.', 4)],
      /config.json says 3 layers, and the tensors have 4 \(model\.layers\.N\)/,
    ],
    [
      'a gap',
      { model_type: 'llama', num_hidden_layers: 3 },
      ['model.embed_tokens.weight', ...blocks('model.layers.', 4).filter((_, i) => i !== 1)],
      /without a gap/,
    ],
    [
      'two decoders',
      { model_type: 'x' },
      ['a.', 'b.'].flatMap((at) => [`${at}embed_tokens.weight`, ...blocks(`${at}layers.`, 2)]),
      /several decoders of 2 blocks: a\.layers\.N and b\.layers\.N/,
    ],
    [
      'two heads',
      { model_type: 'llama' },
      ['m.embed_tokens.weight', ...blocks('m.layers.', 1), 'lm_head.weight', 'm.lm_head.weight'],
      /both be lm_head\.weight/,
    ],
  ])('are refused: %s', (_, config, names, message) => {
    expect(() => named(config, names)).toThrow(message);
  });

  it('tell decoders of different depth by the config', () => {
    const names = ['thinker.model.', 'talker.model.'].flatMap((at, k) => [
      `${at}embed_tokens.weight`,
      ...blocks(`${at}layers.`, 3 - k),
    ]);
    const found = named({ model_type: 'x', num_hidden_layers: 3 }, names);
    expect(Object.values(found)).toEqual([
      'model.embed_tokens.weight',
      ...blocks('model.layers.', 3),
    ]);
  });
});
