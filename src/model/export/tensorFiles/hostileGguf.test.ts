// Hostile GGUF files: whatever headers say, opening them, their config, the names of their tensors
// and pruning them end in success or a coded error, soon and within the folder.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  boundWork,
  damaged,
  guardedFolder,
  judge,
  type Step,
  steps,
} from '../../../onnx/testing/hostile.ts';
import { readGguf } from '../../../tensors/gguf/read.ts';
import { fixtureBytes, ggufFile, type Pair, tinyGguf } from '../../../tensors/testing/gguf.ts';
import { ggufConfig } from '../../make/gguf/config.ts';
import { ggufNames } from '../../make/gguf/names.ts';
import { readRopeFactors } from '../../make/gguf/rope.ts';
import { manifestSource } from '../folder.ts';
import { prunedGguf } from './gguf.ts';

const SEED = 20_261_201;
const cases = (numRuns: number): fc.Parameters<unknown> => ({
  seed: SEED,
  numRuns,
  endOnFailure: false,
});

const FIXTURE = fixtureBytes('gguf-llama-q4_0').bytes;
/** The header ends before 11,000. */
const HEADER = FIXTURE.slice(0, 11_000);

async function useFiles(files: Readonly<Record<string, Uint8Array>>, path: string): Promise<void> {
  const folder = guardedFolder(files);
  const size = folder.files.reduce((sum, file) => sum + file.size, 0);
  const opened = await readGguf(folder, path).finally(() =>
    expect(folder.read.bytes, 'bytes read').toBeLessThanOrEqual(size),
  );
  const config = ggufConfig(opened, await readRopeFactors(folder, opened));
  const named = ggufNames(opened, config);
  const n = Number(config.num_hidden_layers ?? config.n_layer);
  const source = {
    folder,
    graphPath: path,
    root: { folder, top: '', configs: [], variants: [] },
    config: { raw: { config, genai: null } },
    tensorSource: { files: opened, named, bindings: new Map() },
  };
  const pruned = prunedGguf(source, n > 1 ? [0] : [], new Map());
  const written: Record<string, Uint8Array> = {};
  for (const file of pruned.files)
    written[file.path] = await manifestSource(file, folder).read(0, file.size);
  const again = await readGguf(guardedFolder(written), pruned.main);
  expect(again.tensors.size).toBeLessThanOrEqual(opened.tensors.size);
}

/** Damage that misses the data of tensors. */
function damagedHeader(recipe: readonly Step[]): Uint8Array {
  const header = damaged(HEADER, recipe);
  const out = new Uint8Array(header.length + FIXTURE.length - HEADER.length);
  out.set(header);
  out.set(FIXTURE.subarray(HEADER.length), header.length);
  return out;
}

/** Values of pairs that no converter writes. */
const value: fc.Arbitrary<readonly [number | readonly [number, readonly unknown[]], unknown]> =
  fc.oneof(
    fc.tuple(fc.constantFrom(4, 5), fc.constantFrom(0, 1, 2, 3, 255, 65_536, 2 ** 31)),
    fc.tuple(fc.constant(6), fc.constantFrom(0, -1, 1e30, Number.NaN, Number.POSITIVE_INFINITY)),
    fc.tuple(fc.constant(7), fc.boolean()),
    fc.tuple(fc.constant(8), fc.constantFrom('', 'none', 'yarn', 'llama', '__proto__')),
    fc.tuple(fc.constantFrom(10, 11), fc.constantFrom(0, 1, 2 ** 40)),
    fc
      .tuple(fc.constantFrom(4, 6, 7), fc.array(fc.nat(9), { maxLength: 6 }))
      .map(([of, list]) => [[of, list], null] as const),
  );
const KEYS = [
  'block_count',
  'context_length',
  'embedding_length',
  'feed_forward_length',
  'attention.head_count',
  'attention.head_count_kv',
  'attention.key_length',
  'attention.value_length',
  'attention.sliding_window',
  'attention.sliding_window_pattern',
  'attention.layer_norm_rms_epsilon',
  'rope.dimension_count',
  'rope.freq_base',
  'rope.freq_base_swa',
  'rope.scaling.type',
  'rope.scaling.factor',
  'rope.scaling.original_context_length',
  'expert_count',
  'logit_scale',
  '__proto__',
];
const ARCHES = ['llama', 'gemma2', 'gemma3', 'smollm3', 'granite', 'phi3', 'olmo2', 'qwen3'];

describe(`hostile GGUF (seed ${SEED})`, () => {
  boundWork({ steps: 1e6, bytes: 16 * 2 ** 20 });

  it('take damaged bytes of a header', async () => {
    await fc.assert(
      fc.asyncProperty(steps(3), async (recipe) => {
        await judge(() => useFiles({ 'm.gguf': damagedHeader(recipe) }, 'm.gguf'), recipe);
      }),
      cases(1200),
    );
  });

  it('take damaged bytes of small files', async () => {
    const small = tinyGguf('llama', 3);
    await fc.assert(
      fc.asyncProperty(steps(3), async (recipe) => {
        await judge(() => useFiles({ 'm.gguf': damaged(small, recipe) }, 'm.gguf'), recipe);
      }),
      cases(2500),
    );
  });

  it('take values that no converter writes', async () => {
    const recipes = fc.tuple(
      fc.constantFrom(...ARCHES),
      fc.nat(6),
      fc.array(fc.tuple(fc.constantFrom(...KEYS), value), { minLength: 1, maxLength: 4 }),
    );
    await fc.assert(
      fc.asyncProperty(recipes, async ([arch, blocks, set]) => {
        const pairs = new Map(set.map(([key, [type, value]]) => [`${arch}.${key}`, [type, value]]));
        const more = [...pairs].map(([key, [type, value]]) => [key, type, value] as Pair);
        const bytes = tinyGguf(arch, blocks, more);
        await judge(() => useFiles({ 'm.gguf': bytes }, 'm.gguf'), [arch, blocks, set]);
      }),
      cases(1500),
    );
  });

  it('take parts that do not belong together', async () => {
    const path = (no: number): string => `m-0000${no + 1}-of-00003.gguf`;
    const part = (no: number, count: number, tensors: number, name: string): Uint8Array =>
      ggufFile({
        pairs: [
          ['split.no', 2, no],
          ['split.count', 2, count],
          ['split.tensors.count', 5, tensors],
        ],
        tensors: [{ name, type: 0, dims: [8, 8] }],
      });
    const numbers = fc.tuple(fc.nat(4), fc.nat(4), fc.nat(4), fc.constantFrom('a', 'b', 'c'));
    await fc.assert(
      fc.asyncProperty(fc.array(numbers, { minLength: 3, maxLength: 3 }), async (parts) => {
        const files = Object.fromEntries(parts.map((one, i) => [path(i), part(...one)]));
        await judge(() => useFiles(files, path(0)), parts);
      }),
      cases(400),
    );
  });

  it('are used to their end when nothing is wrong with them', async () => {
    expect(await judge(() => useFiles({ 'm.gguf': FIXTURE }, 'm.gguf'))).toBe('accepted');
    expect(await judge(() => useFiles({ 'm.gguf': tinyGguf('gemma2', 3) }, 'm.gguf'))).toBe(
      'accepted',
    );
  });
});
