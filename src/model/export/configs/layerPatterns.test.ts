// Configs after a removal: counts, lists and periods of layers, at every level of the decoder.

import { describe, expect, it } from 'vitest';
import { golden } from '../../../testing/fixtures.ts';
import { configRemarks, prunedKeys } from './config.ts';
import type { JsonObject } from './layerPatterns.ts';

describe('counts and lists', () => {
  it.each<[string, JsonObject, JsonObject]>([
    // Of 6 layers, 0, 2, 3 and 5 stay.
    ['borrowers', { num_kv_shared_layers: 2 }, { num_kv_shared_layers: 1 }],
    ['first dense layers', { first_k_dense_replace: 2 }, { first_k_dense_replace: 1 }],
    ['LFM2-MoE', { num_dense_layers: 3 }, { num_dense_layers: 2 }],
    ['a window beyond the last layer', { max_window_layers: 28 }, {}],
    ['windows from a layer on', { max_window_layers: 4 }, { max_window_layers: 3 }],
    ['Bamba', { attn_layer_indices: [2, 5] }, { attn_layer_indices: [1, 3] }],
    ['LFM2', { full_attn_idxs: [1, 2] }, { full_attn_idxs: [1] }],
    ['Mllama', { cross_attention_layers: [3] }, { cross_attention_layers: [2] }],
    ['Zamba', { hybrid_layer_ids: [0, 3, 5] }, { hybrid_layer_ids: [0, 2, 3] }],
    ['Nemotron-H', { hybrid_override_pattern: 'M-*-M-' }, { hybrid_override_pattern: 'M*--' }],
    ['flags of layers', { no_rope_layers: [1, 0, 1, 0, 1, 0] }, { no_rope_layers: [1, 1, 0, 0] }],
    [
      'widths of layers',
      { intermediate_size: [1, 2, 3, 4, 5, 6] },
      { intermediate_size: [1, 3, 4, 6] },
    ],
    ['limits', { time_step_limit: [0, 1, 2, 3, 4, 5] }, {}],
    ['multipliers of Falcon-H1', { ssm_multipliers: [1, 1, 1, 1, 1, 1] }, {}],
    ['Ernie', { moe_layer_start_index: 1, moe_layer_end_index: 4 }, { moe_layer_end_index: 2 }],
  ])('%s', (_, config, changed) => {
    const { num_hidden_layers: count, ...rest } = prunedKeys(
      { num_hidden_layers: 6, ...config },
      6,
      [0, 2, 3, 5],
    );
    expect(count).toBe(4);
    expect(rest).toEqual(changed);
  });

  it('of the text model change, those of encoders and of the config around it stay', () => {
    const types = ['a', 'b', 'c', 'd', 'e'];
    const config = {
      image_sizes: [1, 2, 3, 4, 5],
      text_config: { num_hidden_layers: 5, num_kv_shared_layers: 2, layer_types: types },
      vision_config: { num_hidden_layers: 5, layer_types: types },
      audio_config: { conf_num_hidden_layers: 5 },
    };
    expect(prunedKeys(config, 5, [0, 3])).toEqual({
      text_config: { num_hidden_layers: 2, num_kv_shared_layers: 1, layer_types: ['a', 'd'] },
    });
  });

  it.each(['kvshare-plain', 'dynamo-bamba-fp32-nokv'])('are those of the golden: %s', (name) => {
    const n = 6;
    const full = { num_hidden_layers: n, attn_layer_indices: [2, 5], num_kv_shared_layers: 2 };
    for (const { removed, config } of golden(name).pruned) {
      if (!config) continue;
      const keep = [0, 1, 2, 3, 4, 5].filter((i) => !removed.includes(i));
      expect({ ...full, ...prunedKeys(full, n, keep) }).toMatchObject(
        Object.fromEntries(Object.entries(config).filter(([key]) => key in full)),
      );
    }
  });
});

describe('periods', () => {
  const without = (config: JsonObject, keep: number[]) => {
    const whole = { num_hidden_layers: 8, ...config };
    const { num_hidden_layers: _, ...changed } = prunedKeys(whole, 8, keep);
    return { changed, remarks: configRemarks(JSON.stringify(whole), 8, keep) };
  };

  it('that the remaining layers follow stay as they are', () => {
    const { changed, remarks } = without({ full_attention_interval: 4 }, [0, 1, 2, 3]);
    expect([changed, remarks]).toEqual([{}, []]);
  });

  it('become the list that the family reads in their place, with a remark', () => {
    const { changed, remarks } = without({ full_attention_interval: 4 }, [0, 2, 3, 7]);
    expect(changed).toEqual({
      layer_types: ['linear_attention', 'linear_attention', 'full_attention', 'full_attention'],
    });
    expect(remarks).toEqual([
      'full_attention_interval (4) does not describe the layers that are left: layer_types does, ' +
        'which tools that read only full_attention_interval miss.',
    ]);
    expect(without({ no_rope_layer_interval: 4 }, [0, 2, 3, 7]).changed).toEqual({
      no_rope_layers: [1, 1, 0, 0],
    });
    expect(without({ interleave_moe_layer_step: 2 }, [1, 2, 3]).changed).toEqual({
      moe_layers: [0, 2],
    });
    expect(without({ decoder_sparse_step: 2, mlp_only_layers: [3] }, [1, 2, 3, 5]).changed).toEqual(
      {
        decoder_sparse_step: 1,
        mlp_only_layers: [1, 2],
      },
    );
  });

  it('say nothing where an explicit list is there', () => {
    const types = Array.from({ length: 8 }, (_, i) => (i % 2 ? 'full_attention' : 'x'));
    const { changed, remarks } = without(
      { sliding_window_pattern: 2, layer_types: types },
      [0, 2, 3],
    );
    expect(changed).toEqual({ layer_types: ['x', 'x', 'full_attention'] });
    expect(remarks).toEqual([]);
  });

  it('without such a list are said to be wrong', () => {
    const { changed, remarks } = without({ attn_layer_period: 4, attn_layer_offset: 2 }, [0, 2, 3]);
    expect(changed).toEqual({});
    expect(remarks).toEqual([
      'attn_layer_period (4) does not describe the layers that are left, and the config has no ' +
        'key that could: tools that rebuild the model from it would give another one.',
    ]);
  });
});
