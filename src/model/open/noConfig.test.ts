// What a graph says by itself: every fixture opened without its config files.

import { describe, expect, it } from 'vitest';
import type { Folder } from '../../onnx/source.ts';
import { diskFolder } from '../../onnx/testing/diskFolder.ts';
import { memoryFolder } from '../../onnx/testing/text.ts';
import { casePath, corpus, fixturePath } from '../../testing/fixtures.ts';
import { withoutConfigs } from '../testing/withoutConfigs.ts';
import { openModel } from './open.ts';
import type { ModelSummary } from './summary.ts';

const open = (folder: Folder, file?: string) => openModel(folder, file);

/** What only a config or the layout of the folder says. */
function ofGraph(summary: ModelSummary): Partial<ModelSummary> {
  const { family: _, contextLength: __, layout: ___, declared: ____, ...rest } = summary;
  return rest;
}

describe('a folder without config files', () => {
  const supported = corpus().filter(({ folder }) => !folder.startsWith('neg-'));

  it.each(supported)('$folder has the same summary', async ({ folder, file }) => {
    const whole = diskFolder(fixturePath(folder));
    const { summary, config } = await open(whole, file);
    const bare = await open(withoutConfigs(whole), file);
    expect(ofGraph(bare.summary)).toEqual(ofGraph(summary));
    const { hiddenSize, vocabSize } = config;
    expect(bare.config).toMatchObject({ hiddenSize, vocabSize, layers: null });
    expect(summary.problems.map(({ code }) => code)).not.toContain('config-differs');
  });

  it('is not believed where it contradicts the graph', async () => {
    const folder = diskFolder(casePath('no-config/model'));
    const files = Object.fromEntries(
      await Promise.all(
        folder.files.map(async ({ path, size }) => [path, await folder.open(path)!.read(0, size)]),
      ),
    );
    const config = '{"hidden_size": 32, "vocab_size": 384, "num_hidden_layers": 4}';
    const { summary } = await open(memoryFolder({ ...files, 'config.json': config }));
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
