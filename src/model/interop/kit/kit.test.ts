import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../json.ts';
import type { Unit } from '../../../units.ts';
import type { BlockSummary } from '../../open/summary.ts';
import { interpretConfig } from '../../structure/config.ts';
import { budgetOf, FLOP_PER_SECOND, flopOf, gpuHours } from './cost.ts';
import { handOverKit, type KitSource, kitObstacle } from './kit.ts';
import { RUNS } from './paper.ts';

const VICUNA: JsonObject = {
  model_type: 'llama',
  num_hidden_layers: 32,
  num_key_value_heads: 32,
  max_position_embeddings: 2048,
};

function source(config: JsonObject, removed: readonly Unit[], perBlock = 202e6): KitSource {
  const numBlocks = interpretConfig(config, null).layers!;
  const blocks = Array.from({ length: numBlocks }, (_, index) => ({ index, params: perBlock }));
  return {
    config: interpretConfig(config, null),
    summary: {
      name: 'vicuna `7b`',
      numBlocks,
      params: numBlocks * perBlock + 262e6,
      blocks: blocks as BlockSummary[],
    },
    removed,
  };
}

const WINDOWS = { ids: [[1, 2, 3]], nll: [2.5], original: [2.25] };
const kit = (config: JsonObject, removed: readonly Unit[]): Record<string, string> =>
  Object.fromEntries(
    handOverKit(source(config, removed), { app: '1.0', windows: WINDOWS }).map(({ path, text }) => [
      path.replace('continued-pretraining/', ''),
      text,
    ]),
  );

/** A scalar of a YAML file that is one level deep. */
const yaml = (text: string, key: string): string | undefined =>
  new RegExp(`^ *${key}: (.*)$`, 'm').exec(text)?.[1];

describe('the kit for continued pretraining', () => {
  it('has the settings of the paper, in as many steps as its tokens take', () => {
    const files = kit(VICUNA, [24, 25, 26, 27, 28, 29]);
    expect(Object.keys(files)).toEqual([
      'README.md',
      'axolotl-full.yaml',
      'axolotl-lora.yaml',
      'megatron_bridge.py',
      'check.py',
      'windows.json',
    ]);
    const full = files['axolotl-full.yaml']!;
    expect(yaml(full, 'base_model')).toBe('".."');
    expect(yaml(full, 'transformer_layer_cls_to_wrap')).toBe('LlamaDecoderLayer');
    expect(yaml(full, 'learning_rate')).toBe('0.0001');
    const batch = ['micro_batch_size', 'gradient_accumulation_steps'].map((key) =>
      Number(yaml(full, key)),
    );
    expect(batch[0]! * batch[1]! * 8).toBe(512);
    // 37 billion tokens for 5.5 billion parameters; 26 blocks have 5.51 billion.
    const tokens = Number(yaml(full, 'max_steps')) * 512 * 2048;
    expect(tokens / 37.1e9).toBeCloseTo(1, 2);
    const lora = files['axolotl-lora.yaml']!;
    expect(['lora_r', 'lora_alpha', 'lora_dropout'].map((key) => yaml(lora, key))).toEqual([
      '8',
      '16',
      '0.05',
    ]);
    expect(lora).toContain('  - down_proj\n');
    expect(JSON.parse(files['windows.json']!)).toEqual({
      windows: [{ nll: 2.5, original: 2.25, ids: [1, 2, 3] }],
    });
    expect(files['README.md']).toContain('vicuna  7b  with 26 blocks');
    expect(files['README.md']).toContain('26 of 32 blocks, without blocks 24-29');
    expect(files['megatron_bridge.py']).toContain('TENSOR_PARALLEL = 2\n');
  });

  it('leaves out what an engine would build otherwise, and says why', () => {
    const files = (config: JsonObject, removed: readonly Unit[] = [1]) => kit(config, removed);
    for (const [config, why] of [
      [
        { model_type: 'gemma2', num_hidden_layers: 4 },
        'attention windows of Gemma by the position',
      ],
      [{ model_type: 'bloom', n_layer: 4 }, 'no bridge for models of the type bloom'],
      [{ ...VICUNA, attention_bias: true }, 'does not read attention_bias'],
      [{ ...VICUNA, rope_scaling: { rope_type: 'yarn', factor: 4 } }, 'of the type yarn'],
      [
        { model_type: 'gemma3', text_config: { model_type: 'gemma3_text', num_hidden_layers: 4 } },
        'part of a larger model',
      ],
    ] as const) {
      const found = files(config);
      expect(found['megatron_bridge.py']).toBeUndefined();
      expect(found['README.md']).toContain(why);
    }
    expect(files({ model_type: 'bloom', n_layer: 4 })['axolotl-full.yaml']).toMatch(
      /sample_packing: false[\s\S]*attn_implementation: sdpa/,
    );
    const unknown = files({ model_type: 'new', num_hidden_layers: 4 });
    expect(yaml(unknown['axolotl-full.yaml']!, 'transformer_layer_cls_to_wrap')).toBeUndefined();
    expect(yaml(unknown['axolotl-lora.yaml']!, 'lora_target_linear')).toBe('true');
  });

  it('is refused where Transformers has no such model', () => {
    expect(kitObstacle(source(VICUNA, [3, '4.attn']))).toContain('4.attn, a sublayer');
    const jamba = { model_type: 'jamba', num_hidden_layers: 4, attn_layer_period: 2 };
    expect(kitObstacle(source({ ...jamba, attn_layer_offset: 1 }, [1]))).toContain('follow none');
    expect(() => kit(VICUNA, ['4.attn'])).toThrow('a sublayer');
  });
});

describe('the cost', () => {
  it('in hours is what the runs of the paper took, within 10 %', () => {
    expect(FLOP_PER_SECOND / 2.94e14).toBeCloseTo(1, 2);
    for (const { params, tokens, days } of RUNS) {
      const ratio = gpuHours(flopOf(params, tokens)) / (days * 24 * 8);
      expect(ratio).toBeGreaterThanOrEqual(1);
      expect(ratio).toBeLessThan(1.1);
    }
  });

  it('takes the tokens of the nearest run, within the context, and 100 steps at least', () => {
    expect(budgetOf(1e9, 0.5, 1e6)).toMatchObject({ run: RUNS[1], sequence: 2048, steps: 19073 });
    expect(budgetOf(1e5, 0, 128)).toMatchObject({ run: RUNS[0], sequence: 128, steps: 100 });
  });
});
