// What mergekit and Transformers cannot make of a plan, and what is offered beside it.

import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../json.ts';
import { interpretConfig } from '../structure/config.ts';
import { declaredBlocks } from './declared.ts';
import { mergekitYaml } from './formats.ts';
import { mergekitModules, mergekitRemarks, transformersRemarks } from './huggingFace.ts';
import { keptBlocks, NOTHING_TO_SAY, type Plan } from './remarks.ts';

function plan(config: JsonObject | null, n: number, removed: number[]): Plan {
  const declared = declaredBlocks(interpretConfig(config, null), n);
  return { declared, n, keep: keptBlocks(removed, n) };
}

const GEMMA3 = { model_type: 'gemma3', text_config: { model_type: 'gemma3_text' } };

describe('mergekit', () => {
  it('is told of lists and counts that it leaves, with a script that writes config.json', () => {
    const config = { model_type: 'deepseek_v3', first_k_dense_replace: 2, mlp_only_layers: [3] };
    const { warnings, repair } = mergekitRemarks(plan(config, 4, [0]), 'deepseek_v3');
    expect(warnings.join()).toContain('mlp_only_layers and first_k_dense_replace');
    expect(repair?.text).toContain('{"mlp_only_layers":[2],"first_k_dense_replace":1}');
    expect(repair?.text).toContain('keep = [1, 2, 3]');
    // The config class writes layer_types although the file has none.
    const qwen = mergekitRemarks(plan({ model_type: 'qwen2' }, 4, [0]), 'qwen2');
    expect(qwen.warnings.join()).toContain('leaves layer_types as for all 4 blocks');
    const gemma = mergekitRemarks(plan({ model_type: 'gemma2' }, 4, [0]), 'gemma2');
    expect(gemma.repair?.text).toContain(
      '"layer_types":["full_attention","sliding_attention","full_attention"]',
    );
  });

  it('needs nothing where blocks are alike, or all stay', () => {
    expect(mergekitRemarks(plan({ model_type: 'llama' }, 4, [0]), 'llama')).toEqual(NOTHING_TO_SAY);
    expect(mergekitRemarks(plan({ model_type: 'gemma2' }, 4, []), 'gemma2')).toEqual(
      NOTHING_TO_SAY,
    );
  });

  it('takes models in several parts by module', () => {
    const { declared } = plan(GEMMA3, 4, [1]);
    const modules = mergekitModules('gemma3', declared);
    expect(modules).toEqual(['multi_modal_projector', 'vision_tower']);
    expect(mergekitYaml('m', [1], 4, modules)).toBe(
      [
        'merge_method: passthrough',
        'modules:',
        '  text_decoder:',
        '    slices:',
        '      - sources:',
        '          - model: "m"',
        '            layer_range: [0, 1]',
        '      - sources:',
        '          - model: "m"',
        '            layer_range: [2, 4]',
        '  multi_modal_projector:',
        '    models:',
        '      - model: "m"',
        '  vision_tower:',
        '    models:',
        '      - model: "m"',
        '',
      ].join('\n'),
    );
    const other = { model_type: 'smolvlm', text_config: { model_type: 'llama' } };
    expect(mergekitRemarks(plan(other, 4, [1]), 'smolvlm').warnings.join()).toContain(
      'no definition of the type smolvlm',
    );
  });

  it('says what is unknown without config.json', () => {
    expect(mergekitRemarks(plan(null, 4, [1]), 'unknown').warnings.join()).toContain(
      'no config.json',
    );
    expect(transformersRemarks(plan(null, 4, [1])).warnings.join()).toContain('no config.json');
  });
});

describe('no field of a config says it, so neither tool is offered the plan', () => {
  it.each<[string, JsonObject, number, number[], string]>([
    [
      'per-layer inputs',
      { model_type: 'gemma3n', hidden_size_per_layer_input: 8 },
      4,
      [1],
      'slice',
    ],
    [
      'Gemma 4 with a sliding block at the end',
      { model_type: 'gemma4_text' },
      6,
      [5],
      'at the end',
    ],
    ['shared blocks', { model_type: 'zamba2' }, 4, [1], 'share weights'],
    ['experts by a period', { model_type: 'qwen3_moe', decoder_sparse_step: 2 }, 4, [0], 'period'],
    [
      'attention by a period',
      { model_type: 'jamba', attn_layer_period: 4, attn_layer_offset: 2 },
      8,
      [0],
      'attn_layer_period = 4',
    ],
  ])('%s', (_, config, n, removed, words) => {
    expect(transformersRemarks(plan(config, n, removed)).withheld).toContain(words);
    expect(mergekitRemarks(plan(config, n, removed), 'x').withheld).toContain(words);
  });

  it('and is where the period still fits', () => {
    const config = { model_type: 'qwen3_moe', decoder_sparse_step: 2 };
    expect(transformersRemarks(plan(config, 4, [0, 1])).withheld).toBeNull();
    expect(transformersRemarks(plan({ model_type: 'gemma4_text' }, 6, [4])).withheld).toBeNull();
  });
});
