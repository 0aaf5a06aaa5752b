// GGUF models that are refused by the architecture, the key or the tensor that is not read, and
// what missing keys mean.

import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../json.ts';
import { guardedFolder } from '../../../onnx/testing/hostile.ts';
import { readGguf } from '../../../tensors/gguf/read.ts';
import { ggufFile, type Pair, tinyGguf } from '../../../tensors/testing/gguf.ts';
import { ggufConfig } from './config.ts';
import { ggufNames } from './names.ts';
import { type RopeFactors, readRopeFactors } from './rope.ts';

async function configOf(bytes: Uint8Array, factors: RopeFactors = new Map()): Promise<JsonObject> {
  const files = await readGguf(guardedFolder({ 'm.gguf': bytes }), 'm.gguf');
  const config = ggufConfig(files, factors);
  ggufNames(files, config);
  return config;
}

const u32 = (key: string, value: number): Pair => [key, 4, value];
const f32 = (key: string, value: number): Pair => [key, 6, value];
const text = (key: string, value: string): Pair => [key, 8, value];

describe('GGUF models', () => {
  it.each<[string, string, Pair[], RegExp]>([
    ['other architectures', 'qwen3moe', [], /architecture of this GGUF file is qwen3moe/],
    ['experts', 'llama', [u32('llama.expert_count', 8)], /llama\.expert_count = 8/],
    ['adapters', 'llama', [text('general.type', 'adapter')], /general\.type is adapter/],
    ['projectors', 'clip', [text('general.type', 'mmproj')], /no language model/],
    ['keys they do not know', 'qwen2', [f32('qwen2.new_scale', 2)], /qwen2\.new_scale = 2/],
    ['windows of others', 'qwen3', [u32('qwen3.attention.sliding_window', 8)], /window = 8/],
    ['attention both ways', 'llama', [['llama.attention.causal', 7, false]], /causal = false/],
    ['no rotation', 'granite', [['granite.rope.scaling.finetuned', 7, false]], /tuned = false/],
    [
      'blocks that differ',
      'llama',
      [['llama.attention.head_count_kv', [4, [2, 1, 2]], null]],
      /head_count_kv is \[2, 1, 2\]/,
    ],
    [
      'values of another size',
      'llama',
      [u32('llama.attention.key_length', 8)],
      /8 values for keys/,
    ],
    ['more blocks than tensors', 'llama', [u32('llama.block_count', 4)], /are of 3 blocks/],
    [
      'wrong types',
      'llama',
      [text('llama.context_length', 'long')],
      /= long, which is not a number/,
    ],
    ['scalings', 'llama', [text('llama.rope.scaling.type', 'spiral')], /scaling\.type = spiral/],
    [
      'lists for other blocks',
      'llama',
      [['llama.attention.head_count_kv', [4, [1, 1]], null]],
      /\[1, 1\], which is not a list for 3 blocks/,
    ],
    ['no number', 'llama', [f32('llama.rope.freq_base', Number.NaN)], /NaN, which is not a number/],
    ['types of later days', 'llama', [text('general.type', 'other')], /general\.type is other/],
    [
      'scaled attention, whatever the kind of positions',
      'llama',
      [f32('llama.rope.scaling.attn_factor', 2)],
      /attn_factor = 2/,
    ],
    [
      'another factor of yarn than llama.cpp takes',
      'llama',
      [
        text('llama.rope.scaling.type', 'yarn'),
        f32('llama.rope.scaling.factor', 4),
        f32('llama.rope.scaling.yarn_attn_factor', 2),
      ],
      /yarn_attn_factor = 2/,
    ],
    [
      'forms of yarn',
      'llama',
      [
        text('llama.rope.scaling.type', 'yarn'),
        f32('llama.rope.scaling.factor', 4),
        f32('llama.rope.scaling.yarn_log_multiplier', 0.1),
      ],
      /yarn_log_multiplier = 0\.1/,
    ],
  ])('with %s are refused in words', async (_, arch, pairs, message) => {
    await expect(configOf(tinyGguf(arch, 3, pairs))).rejects.toThrow(message);
  });

  it.each<[string[], RegExp]>([
    [['blk.0.attn_sinks.weight'], /blk\.0\.attn_sinks\.weight/],
    [['rope_factors_other.weight'], /rope_factors_other\.weight/],
    [['blk.0.rope_freqs.weight'], /blk\.0\.rope_freqs\.weight/],
    [
      ['blk.0.attn_k.weight', 'blk.0.attn_q.bias'],
      /blk\.0\.attn_q has a bias and blk\.0\.attn_k has none/,
    ],
  ])('with tensors %s are refused by the name', async (names, message) => {
    const bytes = ggufFile({
      pairs: [
        ['general.architecture', 8, 'llama'],
        u32('llama.block_count', 1),
        u32('llama.context_length', 64),
        u32('llama.embedding_length', 8),
        u32('llama.feed_forward_length', 8),
        u32('llama.attention.head_count', 2),
        f32('llama.attention.layer_norm_rms_epsilon', 1e-6),
      ],
      tensors: ['token_embd.weight', 'blk.0.attn_q.weight', ...names].map((name) => ({
        name,
        type: 0,
        dims: [8, 8],
      })),
    });
    await expect(configOf(bytes)).rejects.toThrow(message);
  });

  it.each<[string, Pair[], JsonObject]>([
    ['llama', [], { model_type: 'llama', rope_theta: 10_000, head_dim: 4, rope_scaling: null }],
    ['llama', [u32('llama.expert_count', 0)], { model_type: 'llama' }],
    ['llama', [['llama.rope.scaling.finetuned', 7, false]], { model_type: 'llama' }],
    [
      'llama',
      [u32('llama.attention.sliding_window', 16)],
      { model_type: 'mistral', sliding_window: 16 },
    ],
    [
      'llama',
      [f32('llama.rope.scale_linear', 2)],
      { rope_scaling: { rope_type: 'linear', factor: 2 } },
    ],
    [
      'llama',
      [['llama.attention.head_count_kv', [4, [1, 1, 1]], null]],
      { num_key_value_heads: 1 },
    ],
    [
      'llama',
      [text('llama.rope.scaling.type', 'longrope'), f32('llama.rope.scaling.factor', 4)],
      { rope_scaling: { rope_type: 'linear', factor: 4 } },
    ],
    [
      // As llama.cpp saves a model itself.
      'llama',
      [
        f32('llama.expert_group_scale', 0.05),
        f32('llama.attn_logit_softcapping', 50),
        f32('llama.rope.freq_base_swa', 500),
        f32('llama.attention.scale', 0),
        ['llama.deepstack_mapping', [5, [-1, -1, -1]], null],
      ],
      { model_type: 'llama', rope_theta: 10_000 },
    ],
    [
      'gemma3',
      [
        u32('gemma3.attention.sliding_window', 8),
        ['gemma3.attention.sliding_window_pattern', [4, [0, 1, 1]], null],
      ],
      { layer_types: ['full_attention', 'sliding_attention', 'sliding_attention'] },
    ],
    ['gemma2', [], { sliding_window: 4096, final_logit_softcapping: 30 }],
    [
      'gemma2',
      [['gemma2.attention.sliding_window_pattern', [7, [false, true, true]], null]],
      { layer_types: ['full_attention', 'sliding_attention', 'sliding_attention'] },
    ],
    [
      'gemma3',
      [
        u32('gemma3.attention.sliding_window', 8),
        u32('gemma3.attention.sliding_window_pattern', 2),
      ],
      { layer_types: ['sliding_attention', 'full_attention', 'sliding_attention'] },
    ],
    ['olmo2', [u32('olmo2.attention.sliding_window', 8)], { model_type: 'olmo3' }],
    ['granite', [], { attention_multiplier: 0.5, logits_scaling: 1 }],
  ])('%s: what keys and their absence mean', async (arch, pairs, config) => {
    expect(await configOf(tinyGguf(arch, 3, pairs))).toMatchObject(config);
  });

  it('know Llama 3 by its factors, and keep others as they are', async () => {
    const wavelengths = [0, 1].map((i) => 2 * Math.PI * 10_000 ** (i / 2));
    expect(wavelengths.every((length) => length < 2048)).toBe(true);
    const of = (factors: number[]) =>
      configOf(tinyGguf('llama', 1), new Map([['rope_freqs.weight', factors]]));
    expect(await of([1, 3])).toMatchObject({
      rope_scaling: { rope_type: 'longrope', short_factor: [1, 3], attention_factor: 1 },
    });
  });

  it('are refused with factors that divide nothing', async () => {
    const bytes = ggufFile({
      pairs: [],
      tensors: [{ name: 'rope_freqs.weight', type: 0, dims: [2] }],
    });
    const folder = guardedFolder({ 'm.gguf': bytes });
    const files = await readGguf(folder, 'm.gguf');
    const { offset } = files.tensors.get('rope_freqs.weight')!.data;
    bytes.fill(0, offset);
    await expect(readRopeFactors(folder, files)).rejects.toThrow(/with 0, which cannot divide/);
  });
});
