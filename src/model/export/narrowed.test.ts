// What an export of a narrower model writes beside its graph, and what is refused.

import { describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath, golden, samplePath } from '../../testing/fixtures.ts';
import type { Healing } from '../healing/healing.ts';
import { type OpenedModel, openModel } from '../open/open.ts';
import type { WidthPlan } from '../width/types.ts';
import { narrowConfigJson } from './configs/width.ts';
import { exportManifest } from './manifest.ts';
import { widthExportObstacle } from './narrowed.ts';
import { readProvenance } from './provenance.ts';
import type { Manifest } from './request.ts';
import type { StepChoice } from './steps.ts';

const planOf = (blocks: { groups: number[]; channels: number[] }[]): WidthPlan => ({
  ...{ method: 'wanda-sp', ratio: 0.5, multiple: 1 },
  blocks: blocks.map((block) => ({ ...block, attentionBias: null, feedForwardBias: null })),
});
const same = (count: number, groups: number[], channels: number[]): WidthPlan =>
  planOf(Array.from({ length: count }, () => ({ groups, channels })));

const fixture = async (name: string): Promise<OpenedModel> =>
  openModel(await openFolder(fixturePath(name)));

const exported = (opened: OpenedModel, width: WidthPlan, more: StepChoice[] = []) =>
  exportManifest(opened, [], { app: 'test', steps: [{ step: 'width', width }, ...more] });

function textOf({ files }: Manifest, path: string): string {
  const parts = files.find((file) => file.path === path)?.parts ?? [];
  return parts.map((part) => new TextDecoder().decode(part as Uint8Array)).join('');
}

describe('a narrower export', () => {
  it('says so in its config, in espalier.json and in the README', async () => {
    const opened = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
    const right =
      golden<Record<string, { removedGroups: number[][]; removedChannels: number[][] }>>('width')[
        'wandaSp-0.5'
      ]!;
    const plan = planOf(
      right.removedGroups.map((groups, k) => ({ groups, channels: right.removedChannels[k]! })),
    );
    const manifest = await exported(opened, plan);
    const config = JSON.parse(textOf(manifest, 'config.json'));
    expect(config).toMatchObject({
      num_attention_heads: 2,
      num_key_value_heads: 1,
      head_dim: 32,
      intermediate_size: 160,
      hidden_size: 128,
    });
    const [step] = readProvenance(textOf(manifest, 'espalier.json')).steps ?? [];
    expect(step).toMatchObject({
      step: 'width',
      width: { method: 'wanda-sp', ratio: 0.5, multiple: 1, compensated: false },
    });
    const readme = textOf(manifest, 'README.md');
    expect(readme).toMatch(/^# sample, narrower$/m);
    expect(readme).toMatch(/lost 1 key-value group of its attention and 160 channels/);
  });

  it('has the fields of its family, in every config', async () => {
    const qwen = await exported(await fixture('hf-qwen2-fp32'), same(5, [1], [0, 9]));
    expect(JSON.parse(textOf(qwen, 'config.json'))).toMatchObject({
      ...{ num_attention_heads: 2, num_key_value_heads: 1, head_dim: 8, intermediate_size: 62 },
    });
    expect(JSON.parse(textOf(qwen, 'genai_config.json')).model.decoder).toMatchObject({
      ...{ num_attention_heads: 2, num_key_value_heads: 1, head_size: 8 },
    });
    const gpt2 = await exported(await fixture('hf-gpt2-fp32'), same(5, [], [0, 9]));
    expect(JSON.parse(textOf(gpt2, 'config.json'))).toMatchObject({ n_inner: 62, n_head: 4 });
  });

  it('is refused where configs cannot say it', async () => {
    const [gpt2, bloom] = [await fixture('hf-gpt2-fp32'), await fixture('hf-bloom-fp32')];
    const unequal = planOf(
      [0, 1, 2, 3, 4].map((k) => ({ groups: [], channels: k === 2 ? [1] : [] })),
    );
    expect(widthExportObstacle(unequal, gpt2)).toMatch(/different numbers of channels/);
    await expect(exported(gpt2, unequal)).rejects.toThrow(/different numbers of channels/);
    expect(widthExportObstacle(same(5, [1], []), gpt2)).toMatch(/gpt2 has no head size of its own/);
    expect(widthExportObstacle(same(5, [], [1]), bloom)).toMatch(/no number for the channels/);
    expect(widthExportObstacle(same(5, [], [1]), gpt2)).toBeNull();
  });

  it('is refused where a number of the config is not that of the graph', async () => {
    const opened = await fixture('hf-qwen2-fp32');
    const plan = same(5, [1], [1]);
    const says = (fields: object): string | null => {
      const config = { ...(opened.config.raw.config as object), ...fields };
      const raw = { ...opened.config.raw, config };
      return widthExportObstacle(plan, { ...opened, config: { ...opened.config, raw } });
    };
    expect(says({})).toBeNull();
    expect(says({ intermediate_size: 128 })).toMatch(/128, and the graph 64 channels/);
    expect(says({ num_key_value_heads: 4 })).toMatch(/4, and the graph 2 key-value heads/);
    expect(says({ head_dim: 16 })).toMatch(/16, and the graph 8 numbers in a head/);
    expect(says({ model_type: 'qwen2_moe' })).toMatch(/as wide as the model/);
  });

  it('is said wherever a config says it, and so that it is read as it is', () => {
    const widths = {
      attention: { heads: { from: 4, to: 2 }, groups: { from: 2, to: 1 }, headSize: 16 },
      channels: { from: 64, to: 32 },
    };
    const one = { num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 64 };
    const opt = { ...one, head_dim: 16, ffn_dim: 64, n_inner: 256 };
    expect(JSON.parse(narrowConfigJson(JSON.stringify(opt), widths))).toMatchObject({
      ...{ intermediate_size: 32, ffn_dim: 32, n_inner: 256 },
    });
    const llama = { ...one, model_type: 'llama' };
    const config = { ...llama, text_config: llama, vision_config: one };
    const now = { num_attention_heads: 2, num_key_value_heads: 1, head_dim: 16 };
    const narrow = { ...now, intermediate_size: 32, model_type: 'llama' };
    expect(JSON.parse(narrowConfigJson(JSON.stringify(config), widths))).toEqual({
      ...{ ...narrow, text_config: narrow, vision_config: one },
    });
    const lfm2 = { ...one, model_type: 'lfm2', block_ff_dim: 96 };
    expect(JSON.parse(narrowConfigJson(JSON.stringify(lfm2), widths))).toMatchObject({
      ...{ ...now, intermediate_size: 32, block_ff_dim: 32, block_auto_adjust_ff_dim: false },
    });
  });

  it('is of the whole original, with its own weights', async () => {
    const opened = await fixture('hf-gpt2-fp32');
    const width = same(5, [], [1]);
    const steps: StepChoice[] = [{ step: 'width', width }];
    await expect(exportManifest(opened, [1], { app: 'test', steps })).rejects.toThrow(
      /made of the whole original/,
    );
    await expect(exportManifest(opened, [], { app: 'test', steps, also: [[]] })).rejects.toThrow(
      /all have the same width/,
    );
    const healing = { removed: [], changes: [] } as unknown as Healing;
    await expect(
      exported(opened, width, [{ step: 'healing', healing, quantised: 'float' }]),
    ).rejects.toThrow(/weights of a healing/);
    await expect(
      exportManifest(opened, [], { app: 'test', steps, format: 'safetensors' }),
    ).rejects.toThrow(/written as ONNX/);
    await expect(exported(opened, same(5, [], [64]))).rejects.toThrow(/number 64 of the channels/);
    const all = [...Array(64).keys()];
    await expect(exported(opened, same(5, [], all))).rejects.toThrow(
      /keep nothing of their attention or feed-forward/,
    );
    await expect(exported(opened, same(4, [], [1]))).rejects.toThrow(/of 4 blocks/);
  });
});
