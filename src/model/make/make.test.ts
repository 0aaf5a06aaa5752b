// What makes a graph of a config and tensors refuses, and what it does not read.

import { describe, expect, test } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { keyOf } from '../../onnx/bytes.ts';
import { readSafetensors } from '../../tensors/safetensors/read.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import { makeGraph } from './make.ts';
import { safetensorsNames } from './names/safetensors.ts';
import { type TinyGolden, tinyCheckpoint, tinyGoldens } from './testing/tinyCheckpoint.ts';
import type { NamedTensor } from './weights.ts';

const GOLDENS = tinyGoldens();
const golden = (name: string): TinyGolden => GOLDENS[name]!;

async function namedOf(of: TinyGolden): Promise<Map<string, NamedTensor>> {
  return safetensorsNames(
    await readSafetensors(tinyCheckpoint(of), 'model.safetensors'),
    of.config,
  );
}

/** The message for a config with other fields. */
async function refused(name: string, fields: Readonly<Record<string, unknown>>): Promise<string> {
  const { config } = golden(name);
  const named = await namedOf(golden(name));
  try {
    makeGraph({ ...config, ...fields }, named);
  } catch (error) {
    return `${(error as { code?: string }).code}: ${(error as Error).message}`;
  }
  return 'made';
}

describe('fields of the config that the graph would not follow are refused by their names', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['llama', { hidden_act: 'xielu' }, 'hidden_act = "xielu"'],
    ['llama', { num_experts: 8 }, 'num_experts = 8'],
    ['llama', { num_local_experts: 8 }, 'num_local_experts = 8'],
    ['llama', { partial_rotary_factor: 0.5 }, 'partial_rotary_factor = 0.5'],
    ['llama', { sliding_window: 8 }, 'sliding_window = 8'],
    ['llama', { rope_local_base_freq: 100 }, 'rope_local_base_freq = 100'],
    ['llama', { rotary_emb_base: 500 }, 'rotary_emb_base = 500'],
    ['granite', { attention_multiplier: 0 }, 'attention_multiplier = 0'],
    ['granite', { logits_scaling: 0 }, 'logits_scaling = 0'],
    ['llama', { attn_logit_softcapping: 30 }, 'attn_logit_softcapping = 30'],
    ['llama', { layer_types: ['full_attention', 'linear_attention'] }, 'layer_types'],
    ['llama', { rope_scaling: { rope_type: 'spiral' } }, 'spiral'],
    ['llama', { num_key_value_heads: 3 }, 'num_key_value_heads = 3'],
    ['llama', { num_hidden_layers: 2 ** 31 }, 'num_hidden_layers'],
    ['llama', { num_hidden_layers: 20_000 }, 'num_hidden_layers = 20000'],
    ['llama', { hidden_size: 'wide' }, 'hidden_size = "wide"'],
    ['llama', { attention_bias: 1 }, 'attention_bias = 1'],
    [
      'qwen2',
      { layer_types: ['full_attention', 'chunked_attention', 'full_attention'] },
      'layer_t',
    ],
    ['qwen2', { layer_types: Array(3).fill('sliding_attention') }, 'sliding_window'],
    ['qwen3', { layer_types: ['full_attention'] }, 'layer_types'],
    ['smollm3', { no_rope_layers: [1, 0] }, 'no_rope_layers'],
    ['gpt2', { scale_attn_by_inverse_layer_idx: true }, 'scale_attn_by_inverse_layer_idx = true'],
    ['llama', { model_type: 'qwen3_moe' }, 'model_type "qwen3_moe"'],
    ['llama', { model_type: 'constructor' }, 'model_type "constructor"'],
    ['llama', { model_type: null }, 'does not say model_type'],
  ])('%s %o', async (name, fields, part) => {
    const message = await refused(name, fields);
    expect(message).toMatch(/^unsupported-graph: config\.json/);
    expect(message).toContain(part);
  });

  test.each<[string, Record<string, unknown>]>([
    ['llama', { num_experts: 0, sliding_window: null, use_sliding_window: false, unknown: 3 }],
    ['llama', { rope_interleaved: false, partial_rotary_factor: 1, layer_types: null }],
    ['mistral', { layer_types: null, num_local_experts: null }],
    ['phi3', { resid_pdrop: 0.5, embd_pdrop: 0.1, attention_bias: false }],
  ])('what changes nothing is passed over: %s %o', async (name, fields) => {
    expect(await refused(name, fields)).toBe('made');
  });

  test('a config has the same graph in the words of Transformers 5', async () => {
    const of = golden('llama');
    const { rope_theta, rope_scaling, ...rest } = of.config;
    const now = { ...rest, rope_parameters: { rope_type: 'default', rope_theta } };
    const named = await namedOf(of);
    const keys = (config: TinyGolden['config']): string[] =>
      [...makeGraph(config, named).model.graph.initializers.values()]
        .filter(({ data }) => !(data instanceof Uint8Array))
        .map(({ name, data }) => `${name} ${keyOf(data)}`);
    expect(rope_scaling).toBeNull();
    expect(keys(now).filter((key) => !key.includes('memory'))).toEqual(
      keys(of.config).filter((key) => !key.includes('memory')),
    );
  });
});

describe('tensors that are not those of the config', () => {
  test('one that is missing', async () => {
    const of = golden('llama, biases');
    const named = await namedOf(of);
    named.delete('model.layers.1.mlp.up_proj.bias');
    expect(() => makeGraph(of.config, named)).toThrow(
      'The tensor model.layers.1.mlp.up_proj.bias is in none of the files',
    );
  });

  test('a head that is missing', async () => {
    const named = await namedOf(golden('llama'));
    named.delete('lm_head.weight');
    const hint = expect.stringContaining('has no head and predicts no tokens');
    expect(() => makeGraph(golden('llama').config, named)).toThrow(
      expect.objectContaining({ code: 'missing-file', hint }),
    );
  });

  test('one that the graph has no place for', async () => {
    const of = golden('llama, biases');
    const named = await namedOf(of);
    expect(() => makeGraph({ ...of.config, mlp_bias: false }, named)).toThrow(
      'The files hold 9 tensors that the graph of this family has no place for: ' +
        'model.layers.0.mlp.gate_proj.bias',
    );
  });

  test('one of other dimensions', async () => {
    const of = golden('llama');
    const named = await namedOf(of);
    expect(() => makeGraph({ ...of.config, intermediate_size: 40 }, named)).toThrow(
      'model.layers.0.mlp.gate_proj.weight is',
    );
  });

  test('a head that is stored although it is tied is not read', async () => {
    const of = golden('llama');
    const { model } = makeGraph({ ...of.config, tie_word_embeddings: true }, await namedOf(of));
    expect(model.graph.initializers.has('lm_head.MatMul.weight')).toBe(false);
  });
});

test('a graph is made of headers alone, and every matrix is bound to one tensor', async () => {
  const folder = await openFolder(fixturePath('hf-llama-fp32'));
  const files = await readSafetensors(folder, 'model.safetensors');
  const read = folder.bytesRead();
  const config = JSON.parse(
    new TextDecoder().decode(await folder.open('config.json')!.read(0, folder.files[0]!.size)),
  );
  const size = folder.bytesRead() - read;
  const named = safetensorsNames(files, config);
  const { model, bindings } = makeGraph(config, named);
  expect(folder.bytesRead()).toBe(read + size);
  expect([...bindings.values()].map(({ tensor }) => tensor.name).sort()).toEqual(
    [...named.keys()].sort(),
  );
  const free = [...model.graph.initializers.keys()].filter((name) => !bindings.has(name));
  expect(free.filter((name) => !name.startsWith('/model/constants/'))).toEqual([
    'cos_cache',
    'sin_cache',
  ]);
});
