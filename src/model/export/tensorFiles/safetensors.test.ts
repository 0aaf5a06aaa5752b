// Pruned safetensors against what Transformers saves without the same blocks.

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BytesReader } from '../../../onnx/bytes.ts';
import type { Bytes, Folder } from '../../../onnx/source.ts';
import { diskFolder } from '../../../onnx/testing/diskFolder.ts';
import { memoryFolder } from '../../../onnx/testing/text.ts';
import { readSafetensors } from '../../../tensors/safetensors/read.ts';
import { safetensorsBytes } from '../../../tensors/safetensors/write.ts';
import { fixturePath, golden } from '../../../testing/fixtures.ts';
import { safetensorsNames } from '../../make/names/safetensors.ts';
import { tinyCheckpoint, tinyGoldens } from '../../make/testing/tinyCheckpoint.ts';
import { openModel } from '../../open/open.ts';
import { findRoot } from '../../open/root.ts';
import { readConfig } from '../../structure/config.ts';
import { checkpointConfig, checkpointObstacle } from './config.ts';
import { prunedSafetensors } from './safetensors.ts';
import type { StoredChanges, TensorFilesExport, TensorFilesSource } from './types.ts';

/** What Transformers saves without the blocks `removed`. */
interface PrunedFolder {
  removed: number[];
  configChanges: Record<string, unknown>;
  tensors: Record<string, { dtype: string; shape: number[]; sha256: string }>;
}

const FIXTURES = (
  'bloom-fp32 gemma2-fp32 gemma3text-fp32 gpt2-fp32 gptneox-fp32 llama-bf16 llama-fp32 ' +
  'llama-rope-llama3 llama-sharded llama-tied mistral-fp32 qwen2-fp32 qwen3-fp32 smollm3-fp32'
)
  .split(' ')
  .map((name) => `hf-${name}`);

const NO_CHANGES: StoredChanges = new Map();

async function opened(folder: Folder): Promise<TensorFilesSource> {
  const index = folder.files.find(({ path }) => path.endsWith('.index.json'));
  const graphPath = index?.path ?? 'model.safetensors';
  const files = await readSafetensors(folder, graphPath);
  const config = await readConfig(folder);
  return {
    folder,
    graphPath,
    root: await findRoot(folder, graphPath),
    config,
    tensorSource: {
      files,
      named: safetensorsNames(files, config.raw.config ?? {}),
      bindings: new Map(),
    },
  };
}

/** The files of an export as a folder of their own. */
async function writtenFolder(
  { files }: TensorFilesExport,
  source: Folder,
): Promise<ReturnType<typeof memoryFolder>> {
  const reader = new BytesReader(source);
  const written: Record<string, Uint8Array> = {};
  for (const { path, size, parts } of files) {
    const bytes = Buffer.concat(await Promise.all(parts.map((part) => all(reader, part))));
    expect(bytes.length, path).toBe(size);
    written[path] = new Uint8Array(bytes);
  }
  return memoryFolder(written);
}

const all = async (reader: BytesReader, part: Bytes): Promise<Uint8Array> =>
  reader.open(part).read(0, part.length);

const blocksOf = ({ tensorSource }: TensorFilesSource): number =>
  1 + Math.max(...[...tensorSource.named.values()].map(({ block }) => block ?? -1));

const without = (removed: readonly number[], n: number): number[] =>
  Array.from({ length: n }, (_, i) => i).filter((i) => !removed.includes(i));

describe('the safetensors of a pruned checkpoint', () => {
  it('leave out a head that is stored although the embedding is the head', async () => {
    const tiny = tinyGoldens()['llama, biases']!;
    const head: (typeof tiny.tensors)[number] = ['lm_head.weight', [64, 32], 0, 1];
    const folder = tinyCheckpoint({ ...tiny, tensors: [...tiny.tensors, head] });
    const source = await openModel(folder);
    const pruned = { ...source, tensorSource: source.tensorSource! };
    const made = prunedSafetensors(pruned, [0, 2], NO_CHANGES);
    const { tensors } = await readSafetensors(await writtenFolder(made, folder), made.main);
    expect(tensors.has('model.layers.1.mlp.down_proj.weight')).toBe(true);
    expect(tensors.has('lm_head.weight')).toBe(false);
    expect(made.remarks).toEqual([expect.stringMatching(/^lm_head\.weight is left out/)]);
  });

  it.each(FIXTURES)('%s have the tensors and the config that Transformers saves', async (name) => {
    const { removed, configChanges, tensors } = golden<{ prunedFolder: PrunedFolder }>(
      name,
    ).prunedFolder;
    const folder = diskFolder(fixturePath(name));
    const source = await opened(folder);
    const n = blocksOf(source);
    const keep = without(removed, n);
    const pruned = prunedSafetensors(source, keep, NO_CHANGES);
    const written = await writtenFolder(pruned, folder);
    const again = await readSafetensors(written, pruned.main);
    const reader = new BytesReader(written);
    const found: PrunedFolder['tensors'] = {};
    for (const { name: tensor, type: dtype, shape, data } of again.tensors.values())
      found[tensor] = {
        dtype,
        shape: [...shape],
        sha256: createHash('sha256')
          .update(await all(reader, data))
          .digest('hex'),
      };
    expect(found).toEqual(tensors);

    const text = new TextDecoder().decode(
      await folder.open('config.json')!.read(0, folder.open('config.json')!.size),
    );
    const config = await readConfig(folder);
    expect(checkpointObstacle(config, n, keep)).toBeNull();
    const { text: now, remarks } = checkpointConfig(text, config, n, keep);
    const before = JSON.parse(text) as Record<string, unknown>;
    expect(JSON.parse(now)).toEqual({ ...before, ...configChanges });
    expect(remarks).toEqual([]);
  });

  it.each(['hf-llama-sharded', 'hf-gpt2-fp32'])(
    '%s are byte for byte the same when nothing is removed',
    async (name) => {
      const folder = diskFolder(fixturePath(name));
      const source = await opened(folder);
      const pruned = prunedSafetensors(source, without([], blocksOf(source)), NO_CHANGES);
      const written = await writtenFolder(pruned, folder);
      for (const { path, size } of written.files) {
        const before = Buffer.from(await folder.open(path)!.read(0, size));
        expect(before.equals(await written.open(path)!.read(0, size)), path).toBe(true);
      }
      expect(written.files.length).toBe(name === 'hf-gpt2-fp32' ? 1 : 5);
    },
  );

  it('keep shards, without one that loses all its tensors, under new numbers', async () => {
    const folder = diskFolder(fixturePath('hf-llama-sharded'));
    const source = await opened(folder);
    const { files, main } = prunedSafetensors(source, [4], NO_CHANGES);
    expect(main).toBe('model.safetensors.index.json');
    expect(files.map(({ path }) => path)).toEqual([
      'model-00001-of-00003.safetensors',
      'model-00002-of-00003.safetensors',
      'model-00003-of-00003.safetensors',
      main,
    ]);
    const written = await writtenFolder({ files, main, remarks: [] }, folder);
    const again = await readSafetensors(written, main);
    expect(again.indexMetadata).toEqual({ total_parameters: 33_888, total_size: 67_776 });
    expect(again.files.map(({ metadata }) => metadata)).toEqual(
      Array.from({ length: 3 }, () => ({ format: 'pt' })),
    );
  });

  it('are copied in few ranges, with changed tensors in their place', async () => {
    const folder = diskFolder(fixturePath('hf-llama-fp32'));
    const source = await opened(folder);
    expect(prunedSafetensors(source, [0, 2, 4], NO_CHANGES).files[0]!.parts.length).toBe(4);
    const name = 'model.layers.2.mlp.up_proj.weight';
    const data = new Uint8Array(96 * 64 * 4).fill(7);
    const changed = new Map([
      [name, { type: 'F32', data }],
      ['model.layers.1.mlp.up_proj.weight', { type: 'F32', data: new Uint8Array(8) }],
    ]);
    const pruned = prunedSafetensors(source, [0, 2, 4], changed);
    const written = await writtenFolder(pruned, folder);
    const again = await readSafetensors(written, pruned.main);
    const at = again.tensors.get('model.layers.1.mlp.up_proj.weight')!.data;
    expect(await all(new BytesReader(written), at)).toEqual(data);
  });

  it('of a multimodal checkpoint keep all that is not its decoder', async () => {
    const tensor = (name: string) => ({ name, type: 'U8', shape: [2], data: new Uint8Array(2) });
    const names = [
      'model.language_model.embed_tokens.weight',
      ...[0, 1, 2].map((i) => `model.language_model.layers.${i}.mlp.up_proj.weight`),
      ...[0, 1, 2].map((i) => `model.vision_tower.encoder.layers.${i}.mlp.fc1.weight`),
      'lm_head.weight',
    ];
    const config = { model_type: 'gemma3', text_config: { num_hidden_layers: 3 } };
    const folder = memoryFolder({
      'model.safetensors': safetensorsBytes(names.map(tensor)),
      'config.json': new TextEncoder().encode(JSON.stringify(config)),
    });
    const pruned = prunedSafetensors(await opened(folder), [0, 2], NO_CHANGES);
    const again = await readSafetensors(await writtenFolder(pruned, folder), pruned.main);
    expect([...again.tensors.keys()]).toEqual(
      names.filter((name) => name !== 'model.language_model.layers.2.mlp.up_proj.weight'),
    );
  });
});

describe('the config of a pruned checkpoint', () => {
  const config = async (value: unknown) => {
    const text = JSON.stringify(value);
    const read = await readConfig(memoryFolder({ 'config.json': new TextEncoder().encode(text) }));
    return { text, read };
  };

  it('lists what Transformers takes from the position of a block', async () => {
    const { text, read } = await config({
      model_type: 'gemma3',
      text_config: { model_type: 'gemma3_text', num_hidden_layers: 7 },
    });
    const { text: now, remarks } = checkpointConfig(text, read, 7, [0, 5, 6]);
    expect(JSON.parse(now)).toEqual({
      model_type: 'gemma3',
      text_config: {
        model_type: 'gemma3_text',
        num_hidden_layers: 3,
        layer_types: ['sliding_attention', 'full_attention', 'sliding_attention'],
      },
    });
    expect(remarks.join()).toContain('layer_types');
    expect(checkpointConfig(text, read, 7, [0, 1, 2, 3, 4, 5, 6]).text).toBe(
      JSON.stringify(JSON.parse(text), null, 2),
    );
  });

  it('cannot say every plan', async () => {
    const { read } = await config({
      model_type: 'jamba',
      num_hidden_layers: 4,
      attn_layer_period: 2,
      attn_layer_offset: 1,
    });
    expect(checkpointObstacle(read, 4, [0, 2, 3])).toContain('attn_layer_period');
    expect(checkpointObstacle(read, 4, [0, 1])).toBeNull();
  });
});
