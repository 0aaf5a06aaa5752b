// What config.json and genai_config.json say about single blocks, in the forms of the families.

import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../json.ts';
import { interpretConfig } from '../structure/config.ts';
import { declaredBlocks, familyKey, prunedFields } from './declared.ts';

const of = (config: JsonObject | null, n: number, genai: JsonObject | null = null) =>
  declaredBlocks(interpretConfig(config, genai), n);

/** S for a sliding or chunked block, F for full attention, others by their first letter. */
const letters = (kinds: readonly string[] | null): string | undefined =>
  kinds?.map((kind) => (/^(sliding|chunked)/.test(kind) ? 'S' : kind[0]?.toUpperCase())).join('');

describe('kinds of blocks', () => {
  it.each<[JsonObject, number, string | undefined]>([
    [{ model_type: 'gemma2' }, 5, 'SFSFS'],
    [{ model_type: 'gemma3_text' }, 7, 'SSSSSFS'],
    [{ model_type: 'gemma3_text', sliding_window_pattern: 3 }, 6, 'SSFSSF'],
    [{ model_type: 'gpt_oss' }, 4, 'SFSF'],
    [{ model_type: 'olmo3' }, 4, 'SSSF'],
    [{ model_type: 'exaone4', sliding_window: 8, sliding_window_pattern: 'LLG' }, 5, 'SSFSS'],
    [{ model_type: 'exaone4', sliding_window: null }, 4, undefined],
    [{ model_type: 'qwen3_5_text', full_attention_interval: 3 }, 4, 'LLFL'],
    [{ model_type: 'llama4_text' }, 5, 'SSSFS'],
    [{ model_type: 'llama4_text', no_rope_layers: [1, 0, 1] }, 3, 'SFS'],
    [{ model_type: 'lfm2', full_attn_idxs: [1] }, 3, 'CFC'],
    [{ model_type: 'bamba', attn_layer_indices: [2] }, 3, 'MMF'],
    [{ model_type: 'gemma2', layer_types: ['full_attention', 'sliding_attention'] }, 2, 'FS'],
    [{ model_type: 'llama' }, 4, undefined],
  ])('%j', (config, n, expected) => {
    expect(letters(of(config, n).kinds)).toBe(expected);
  });

  it('come from genai_config.json where there is no config.json', () => {
    const decoder = { num_hidden_layers: 4, sliding_window: { window_size: 8, layers: [1, 2] } };
    const declared = of(null, 4, { model: { type: 'gptoss', decoder } });
    expect(letters(declared.kinds)).toBe('FSSF');
    expect(declared).toMatchObject({ family: 'gptoss', hasConfig: false });
    const types = { layer_types: ['conv', 'full_attention'] };
    expect(letters(of(null, 2, { model: { type: 'lfm2', decoder: types } }).kinds)).toBe('CF');
    // A config of another length describes another model.
    expect(of(null, 3, { model: { type: 'x', decoder: types } }).kinds).toBeNull();
  });
});

it('the decoder of a model in several parts is its own section', () => {
  const declared = of(
    { model_type: 'gemma3', text_config: { model_type: 'gemma3_text', head_dim: 256 } },
    2,
  );
  expect(declared).toMatchObject({
    family: 'gemma3',
    section: 'text_config',
    numbers: { head_dim: 256 },
  });
  expect(familyKey('Gemma4_unified_text')).toBe('gemma4unified');
});

it('lists are cut, block numbers renumbered, counts from both ends follow', () => {
  const declared = of(
    {
      model_type: 'x',
      layer_types: ['a', 'b', 'c', 'd'],
      moe_layers: [0, 1, 2, 3],
      mlp_only_layers: [1, 3],
      eos_token_id: [1, 2, 3, 4],
      first_k_dense_replace: 2,
      num_kv_shared_layers: 2,
    },
    4,
  );
  expect(prunedFields(declared, 4, [0, 3])).toEqual({
    layer_types: ['a', 'd'],
    moe_layers: [0, 1],
    mlp_only_layers: [1],
    first_k_dense_replace: 1,
    num_kv_shared_layers: 1,
  });
});

it('a list that a family only implies is written out', () => {
  expect(prunedFields(of({ model_type: 'gemma2' }, 4), 4, [0, 2, 3])).toEqual({
    layer_types: ['sliding_attention', 'sliding_attention', 'full_attention'],
  });
  expect(prunedFields(of({ model_type: 'smollm3' }, 5), 5, [2, 3, 4])).toEqual({
    no_rope_layers: [1, 0, 1],
  });
  expect(prunedFields(of({ model_type: 'llama' }, 4), 4, [0, 1])).toEqual({});
});
