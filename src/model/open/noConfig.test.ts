// What a graph says by itself: every fixture opened without its config files.

import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../onnx/codec.ts';
import { diskFolder } from '../../onnx/testing/diskFolder.ts';
import { memoryFolder, modelOf } from '../../onnx/testing/text.ts';
import { casePath, corpus, fixturePath } from '../../testing/fixtures.ts';
import { withoutConfigs } from '../testing/withoutConfigs.ts';
import { openModel } from './open.ts';
import { planSize } from './size.ts';
import type { ModelSummary } from './summary.ts';

/** What only a config or the layout of the folder says. */
function ofGraph(summary: ModelSummary): Partial<ModelSummary> {
  const { family: _, contextLength: __, layout: ___, declared: ____, ...rest } = summary;
  return rest;
}

describe('a folder without config files', () => {
  const supported = corpus().filter(({ folder }) => !folder.startsWith('neg-'));

  it.each(supported)('$folder has the same summary', async ({ folder, file }) => {
    const whole = diskFolder(fixturePath(folder));
    const { summary, config } = await openModel(whole, file);
    const bare = await openModel(withoutConfigs(whole), file);
    expect(ofGraph(bare.summary)).toEqual(ofGraph(summary));
    const { hiddenSize, vocabSize } = config;
    expect(bare.config).toMatchObject({ hiddenSize, vocabSize, layers: null });
    expect(summary.problems.map(({ code }) => code)).not.toContain('config-differs');
  });

  it('leaves unknown what nothing says, and never calls it 0', async () => {
    const past = (b: number) => `past_key_values.${b}.key, past_key_values.${b}.value`;
    const attend = (b: number) => `
      in past_key_values.${b}.key f32 [B,H,P,D]
      in past_key_values.${b}.value f32 [B,H,P,D]
      out present.${b}.key f32 [B,H,P2,D]
      out present.${b}.value f32 [B,H,P2,D]
      a${b}, present.${b}.key, present.${b}.value = com.lab.Attend(h${b}, ${past(b)})
      h${b + 1} = Add(h${b}, a${b})`;
    const graph = (embed: string, head: string) => `
      in input_ids i64 [B,S]
      ${embed}
      ${attend(0)}
      ${attend(1)}
      ${head}
      out logits f32 [B,S,V]`;
    const open = async (text: string) => {
      const bytes = encodeModel(modelOf(text), (_, range) => new Uint8Array(range.length));
      return openModel(memoryFolder({ 'model.onnx': bytes }));
    };
    const said = await open(
      graph(
        'init table f32 [8,4]\nh0 = Gather(table, input_ids)',
        'init w f32 [4,8]\nlogits = MatMul(h2, w)',
      ),
    );
    expect(said.summary).toMatchObject({ hiddenSize: 4, vocabSize: 8, kvBytesPerToken: null });
    expect(said.summary.blocks.map((b) => b.kvBytesPerToken)).toEqual([null, null]);
    expect(planSize(said.summary, [1]).kvBytesPerToken).toBeNull();
    expect(said.config).toMatchObject({ headSize: null, kvHeads: null, heads: null });
    const unsaid = await open(
      graph(
        'in inputs_embeds f32 [B,S,C]\nh0 = Identity(inputs_embeds)',
        'logits = com.lab.Head(h2)',
      ).replace('in input_ids i64 [B,S]', ''),
    );
    expect(unsaid.summary).toMatchObject({ hiddenSize: null, vocabSize: null, canScore: false });
  });

  it('is not believed where it contradicts the graph', async () => {
    const folder = diskFolder(casePath('no-config/model'));
    const files = Object.fromEntries(
      await Promise.all(
        folder.files.map(async ({ path, size }) => [path, await folder.open(path)!.read(0, size)]),
      ),
    );
    const config = '{"hidden_size": 32, "vocab_size": 384, "num_hidden_layers": 4}';
    const { summary } = await openModel(memoryFolder({ ...files, 'config.json': config }));
    expect(summary).toMatchObject({ hiddenSize: 16, vocabSize: 384 });
    expect(summary.problems.filter(({ code }) => code === 'config-differs')).toEqual([
      {
        code: 'config-differs',
        message:
          'The config says a hidden size of 32, but the graph has 16: the number of the graph is ' +
          'used.',
      },
    ]);
  });
});
