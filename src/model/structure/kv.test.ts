// State names and pairs, and what a config declares.

import { describe, expect, it } from 'vitest';
import type { Dim, ValueInfo } from '../../onnx/graph.ts';
import { interpretConfig } from './config.ts';
import { pairStates, parseStateName, renumbered, stateShape } from './kv.ts';

const info = (name: string, dims: Dim[] | null = ['B', 2, 'P', 16]): ValueInfo => ({
  name,
  type: 1,
  dims,
});

describe('inputs with a row for each token', () => {
  it('are no caches, though their names are numbered', () => {
    const caches = [0, 1].map((k) => info(`past.${k}.key`));
    const perLayer = [0, 1].map((k) => info(`per_layer_input.${k}`, ['B', 'S', 16]));
    const ids = info('input_ids', ['B', 'S']);
    const outputs = [0, 1].map((k) => info(`present.${k}.key`, ['B', 2, 'T', 16]));
    const hidden = [0, 1].map((k) => info(`hidden_states.${k}`, ['B', 'S', 64]));
    const pairs = pairStates([ids, ...perLayer, ...caches], [...outputs, ...hidden]);
    expect([...pairs.values()].flat().map(({ input, output }) => [input, output])).toEqual([
      ['past.0.key', 'present.0.key'],
      ['past.1.key', 'present.1.key'],
    ]);
  });
});

describe('state names', () => {
  it('hold one layer index', () => {
    expect(parseStateName('past_key_values.12.key')).toEqual({
      prefix: 'past_key_values.',
      index: 12,
      suffix: '.key',
    });
    expect(parseStateName('past_0_key')).toEqual({ prefix: 'past_', index: 0, suffix: '_key' });
    expect(parseStateName('cache_k_3')).toEqual({ prefix: 'cache_k_', index: 3, suffix: '' });
    expect(parseStateName('attention_mask')).toBe(null);
    expect(renumbered('past.3.conv', 10)).toBe('past.10.conv');
    expect(parseStateName('past.layers.1.self_attn.key')).toEqual({
      prefix: 'past.layers.',
      index: 1,
      suffix: '.self_attn.key',
    });
    expect(parseStateName('layer_1_past_key_fp32')).toEqual({
      prefix: 'layer_',
      index: 1,
      suffix: '_past_key_fp32',
    });
    expect(parseStateName('v2.past.1.key')).toEqual({
      prefix: 'v2.past.',
      index: 1,
      suffix: '.key',
    });
    expect(parseStateName('k8v8_key')).toEqual({ prefix: 'k8v', index: 8, suffix: '_key' });
    expect(renumbered('past.layers.1.self_attn.key', 10)).toBe('past.layers.10.self_attn.key');
    expect(renumbered('layer_1_past_key_fp32', 2)).toBe('layer_2_past_key_fp32');
  });

  it('pair inputs with outputs of the same indices, kinds apart', () => {
    const conv: Dim[] = ['B', 64, 2];
    const inputs = [
      info('input_ids', ['B', 'S']),
      info('past.0.conv', conv),
      info('past_key_values.1.key'),
      info('past_key_values.1.value'),
    ];
    const grown: Dim[] = ['B', 2, 'T', 16];
    const outputs = [
      info('logits', ['B', 'S', 9]),
      info('present.0.conv', conv),
      info('present.1.key', grown),
      info('present.1.value', grown),
      info('hidden_states_2'),
    ];
    expect([...pairStates(inputs, outputs)]).toEqual([
      [0, [{ input: 'past.0.conv', output: 'present.0.conv', kind: 'fixed' }]],
      [
        1,
        [
          { input: 'past_key_values.1.key', output: 'present.1.key', kind: 'kv' },
          { input: 'past_key_values.1.value', output: 'present.1.value', kind: 'kv' },
        ],
      ],
    ]);
  });

  it('pair by the likest name when only the front tells keys from values', () => {
    const inputs = [0, 1].flatMap((i) => [info(`past_key_${i}`), info(`past_value_${i}`)]);
    const outputs = [0, 1].flatMap((i) => [info(`present_value_${i}`), info(`present_key_${i}`)]);
    expect(pairStates(inputs, outputs).get(1)).toEqual([
      { input: 'past_key_1', output: 'present_key_1', kind: 'kv' },
      { input: 'past_value_1', output: 'present_value_1', kind: 'kv' },
    ]);
  });

  it('pair when several words follow the index, the direction among them', () => {
    const names = (direction: string): ValueInfo[] =>
      [0, 1].flatMap((i) =>
        ['key', 'value'].map((kind) => info(`layer_${i}_${direction}_${kind}_fp32`)),
      );
    const pairs = pairStates(names('past'), names('present'));
    expect([...pairs.keys()]).toEqual([0, 1]);
    expect(pairs.get(1)?.map((s) => [s.input, s.output])).toEqual([
      ['layer_1_past_key_fp32', 'layer_1_present_key_fp32'],
      ['layer_1_past_value_fp32', 'layer_1_present_value_fp32'],
    ]);
  });

  it('are refused without a counterpart, while ordinary numbered inputs are not', () => {
    expect(() =>
      pairStates([info('past.0.key'), info('past.1.key')], [info('present.0.key')]),
    ).toThrow(/past.1.key has no matching output/);
    expect(() => pairStates([info('past.0.key'), info('past.1.key')], [])).toThrow(
      /past.0.key has no matching output/,
    );
    expect(
      pairStates([info('input_1', ['B', 'S']), info('input_2', ['B', 'S'])], [info('logits')]).size,
    ).toBe(0);
    expect(pairStates([info('onnx::Concat_12', ['B', 'S'])], []).size).toBe(0);
  });

  it('tell the dimension that grows from symbols of fixed sizes', () => {
    expect(
      stateShape(
        info('a', ['B', 2, 'P', 'kv_cache_dim']),
        info('b', ['B', 2, 'T', 'kv_cache_dim']),
      ),
    ).toEqual({
      sequence: 2,
      perToken: [2, 'kv_cache_dim'],
    });
    expect(stateShape(info('a', ['B', 'P', 2, 16]), info('b', ['B', 'P + S', 2, 16]))).toEqual({
      sequence: 1,
      perToken: [2, 16],
    });
    expect(
      stateShape(info('a', ['B', 2, 'max', 16]), info('b', ['B', 2, 'max', 16])).sequence,
    ).toBe(2);
    expect(stateShape(info('a', [2, 'B', 12, 'P', 64]), info('b', [2, 'B', 12, 'T', 64]))).toEqual({
      sequence: 3,
      perToken: [2, 12, 64],
    });
    expect(stateShape(info('a', ['B', 64, 3]), info('b', ['B', 64, 3])).sequence).toBe(null);
  });
});

describe('interpretConfig', () => {
  it('reads families that use other keys', () => {
    expect(
      interpretConfig(
        {
          model_type: 'gpt2',
          n_layer: 12,
          n_embd: 768,
          n_head: 12,
          n_positions: 1024,
          vocab_size: 50257,
        },
        null,
      ),
    ).toMatchObject({
      family: 'gpt2',
      layers: 12,
      hiddenSize: 768,
      headSize: 64,
      heads: 12,
      kvHeads: 12,
      contextLength: 1024,
      vocabSize: 50257,
    });
    expect(
      interpretConfig(
        { model_type: 'mm', text_config: { num_hidden_layers: 7, hidden_size: 8 } },
        null,
      ),
    ).toMatchObject({
      family: 'mm',
      layers: 7,
      hiddenSize: 8,
    });
    const genai = {
      model: {
        type: 'phi3',
        context_length: 256,
        vocab_size: 9,
        decoder: {
          num_hidden_layers: 5,
          head_size: 16,
          num_attention_heads: 4,
          num_key_value_heads: 2,
        },
      },
    };
    expect(interpretConfig(null, genai)).toMatchObject({
      family: 'phi3',
      layers: 5,
      headSize: 16,
      kvHeads: 2,
      contextLength: 256,
      vocabSize: 9,
    });
    expect(interpretConfig(null, null)).toMatchObject({
      family: 'unknown',
      layers: null,
      kvHeads: null,
    });
  });
});
