// The table of what llama.cpp makes of pruned GGUF files: which plans are warned about or withheld.

import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../json.ts';
import { interpretConfig } from '../structure/config.ts';
import { declaredBlocks } from './declared.ts';
import { llamaCppRemarks } from './llamaCpp.ts';
import { keptBlocks, NOTHING_TO_SAY, type Remarks } from './remarks.ts';

function remarks(config: JsonObject, n: number, removed: number[]): Remarks {
  const declared = declaredBlocks(interpretConfig(config, null), n);
  return llamaCppRemarks({ declared, n, keep: keptBlocks(removed, n) });
}

/** `key = value` of every value that the repair sets. */
const sets = ({ repair }: Remarks): string[] =>
  Array.from((repair?.text ?? '').matchAll(/^ {4}"([^"]+)": (.*),$/gm), ([, key, value]) =>
    [key, value].join(' = '),
  );

const FALSE_LAST = (n: number): string => `[${'True, '.repeat(n)}False]`;

describe('what repairs the file', () => {
  it.each<[string, JsonObject, number, number[], string[], string]>([
    [
      'Gemma 3: another block is the sixth',
      { model_type: 'gemma3_text' },
      6,
      [1, 3],
      [`gemma3.attention.sliding_window_pattern = ${FALSE_LAST(3)}`],
      'every sixth does not',
    ],
    [
      'Gemma 2: two in a row slide',
      { model_type: 'gemma2' },
      4,
      [1],
      ['gemma2.attention.sliding_window_pattern = [True, True, False]'],
      'every second does not',
    ],
    [
      'GPT-OSS',
      { model_type: 'gpt_oss' },
      4,
      [0],
      ['gpt-oss.attention.sliding_window_pattern = [False, True, False]'],
      'every second does not',
    ],
    [
      'OLMo 3: a list that is read from its start',
      { model_type: 'olmo3' },
      8,
      [0],
      [`olmo2.attention.sliding_window_pattern = [True, True, False, True, True, True, False]`],
      'from the start of a list',
    ],
    ['LFM2: a list of numbers', { model_type: 'lfm2' }, 4, [0], [], 'head_count_kv'],
    [
      'LFM2 MoE: dense blocks at the front',
      { model_type: 'lfm2_moe', num_dense_layers: 2 },
      4,
      [1],
      ['lfm2moe.leading_dense_block_count = 1'],
      'until lfm2moe.leading_dense_block_count is 1',
    ],
    ['Granite 4', { model_type: 'granitemoehybrid' }, 4, [0], [], 'wrong array length'],
    [
      'Qwen 3.5',
      { model_type: 'qwen3_5_text' },
      4,
      [0],
      ['qwen35.attention.recurrent_layers = [True, True, False]'],
      'linear attention',
    ],
    [
      'DeepSeek V3',
      { model_type: 'deepseek_v3', first_k_dense_replace: 3, q_lora_rank: 8 },
      6,
      [0, 5],
      ['deepseek2.leading_dense_block_count = 2'],
      'have no experts',
    ],
    [
      'Gemma 4 with shared caches',
      {
        model_type: 'gemma4_text',
        num_kv_shared_layers: 2,
        layer_types: Array(4).fill('full_attention'),
      },
      4,
      [3],
      [
        'gemma4.attention.sliding_window_pattern = [False, False, False]',
        'gemma4.attention.shared_kv_layers = 1',
      ],
      'borrow the cache',
    ],
  ])('%s', (_, config, n, removed, expected, words) => {
    const found = remarks(config, n, removed);
    expect(found.withheld).toBeNull();
    expect(sets(found)).toEqual(expected);
    expect(found.warnings.join(' ')).toContain(words);
    expect(found.repair?.text).toContain(`keep = [${keptBlocks(removed, n).join(', ')}]`);
    expect(found.warnings.join(' ')).toContain('gguf_set_metadata.py');
  });
});

describe('nothing is said', () => {
  it.each<[string, JsonObject, number, number[]]>([
    ['of a plan that removes nothing', { model_type: 'gemma3_text' }, 6, []],
    ['where positions still fit', { model_type: 'gemma2' }, 6, [2, 3]],
    ['where the last blocks of a list go', { model_type: 'olmo3' }, 8, [7]],
    ['where rotary positions still fit', { model_type: 'smollm3' }, 8, [4, 5, 6, 7]],
    ['of EXAONE 4 without a window', { model_type: 'exaone4', sliding_window: null }, 30, [4]],
    ['of dense blocks that stay', { model_type: 'glm4_moe', first_k_dense_replace: 1 }, 4, [2]],
    ['of families whose blocks are alike', { model_type: 'falcon_h1' }, 4, [2]],
  ])('%s', (_, config, n, removed) => {
    expect(remarks(config, n, removed)).toEqual(NOTHING_TO_SAY);
  });
});

describe('no command is offered', () => {
  it.each<[string, JsonObject, number, number[], string]>([
    ['SmolLM3', { model_type: 'smollm3' }, 8, [1], 'every fourth block without rotary positions'],
    ['Llama 4', { model_type: 'llama4_text' }, 8, [3], 'rotary positions'],
    [
      'Llama 4 with experts in every second block',
      { model_type: 'llama4_text', interleave_moe_layer_step: 2, no_rope_layers: [1, 1, 1, 1, 0] },
      5,
      [4, 1],
      'expects experts in every second block',
    ],
    ['Gemma 3n', { model_type: 'gemma3n_text', hidden_size_per_layer_input: 8 }, 6, [1], 'slice'],
    ['Gemma 4 E2B', { model_type: 'gemma4_text', hidden_size_per_layer_input: 8 }, 6, [1], 'slice'],
    [
      'Gemma 2 27B',
      { model_type: 'gemma2', query_pre_attn_scalar: 144, head_dim: 128 },
      46,
      [1],
      '46 means 27B',
    ],
    ['EXAONE 4 32B', { model_type: 'exaone4', sliding_window: 4096 }, 64, [1], 'exactly 64'],
    ['DeepSeek V2 Lite', { model_type: 'deepseek_v2', q_lora_rank: null }, 27, [5, 6], 'lite'],
    ['OPT', { model_type: 'opt' }, 4, [1], 'no converter'],
  ])('%s', (_, config, n, removed, words) => {
    const found = remarks(config, n, removed);
    expect(found.withheld).toContain(words);
    expect(found.withheld).toContain('Use the exported ONNX folder.');
    expect(found.repair).toBeNull();
  });
});

it('what was not checked is said', () => {
  expect(remarks({ model_type: 'newest' }, 4, [1]).warnings.join()).toContain('was not checked');
  const unknown = { ...declaredBlocks(interpretConfig(null, null), 4), family: 'gemma4' };
  const { warnings } = llamaCppRemarks({ declared: unknown, n: 4, keep: [0, 1] });
  expect(warnings.join()).toContain('the configs here do not say');
});
