import { describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { decodeModel } from '../../onnx/codec.ts';
import { elementCount, isRange } from '../../onnx/graph.ts';
import { fixtureFolder } from '../../testing/derived.ts';
import { golden, type SampleGolden, samplePath, wholeCorpus } from '../../testing/fixtures.ts';
import { type OpenedModel, openModel } from '../open/open.ts';
import { Chain } from '../testing/chain.ts';
import type { BoundProgram, ScorePrograms } from './program.ts';
import { makeScorePrograms } from './programs.ts';

const mean = (values: readonly number[]): number =>
  values.reduce((sum, v) => sum + v, 0) / values.length;

async function withFixture(
  name: string,
  file: string,
  use: (opened: OpenedModel) => Promise<void>,
): Promise<void> {
  const folder = await openFolder(fixtureFolder(name));
  try {
    await use(await openModel(folder, file));
  } finally {
    await folder.close();
  }
}

/**
 * Largest difference of a window's mean NLL to the golden, of the original and with each single
 * block left out.
 */
async function largestDifference(
  programs: ScorePrograms,
  opened: OpenedModel,
  name: string,
): Promise<number> {
  // A graph with logits of the last token only has no numbers of its own: those of the same model
  // with its whole head hold.
  const { windows, baseline, blocks } = golden(
    name.endsWith('-prunehead') ? 'genai-llama-fp32-webgpu' : name,
  );
  const chain = await Chain.open(programs, opened.folder);
  let worst = 0;
  const compare = async (skip: number[], expected: readonly number[]): Promise<void> => {
    const got = await chain.nll(windows, skip);
    for (const [w, row] of got.entries())
      worst = Math.max(worst, Math.abs(mean(row) - (expected[w] ?? Number.NaN)));
  };
  await compare([], baseline?.nllPerWindow ?? []);
  for (const block of blocks ?? [])
    if (block.refused === undefined) await compare([block.index], block.nllPerWindow);
  await chain.close();
  return worst;
}

// Without an embedding table only embeddings can be fed, which scoring does not do.
const scored = wholeCorpus().filter(
  (row) => row.supported && row.hasLogits && !row.folder.endsWith('noemb'),
);

describe('chains of programs against the goldens', () => {
  for (const row of scored.filter((r) => r.dtype === 'fp32')) {
    it(`${row.folder}: NLL within 1e-4, of the original and without each block`, () =>
      withFixture(row.folder, row.file, async (opened) => {
        expect(
          await largestDifference(
            makeScorePrograms(opened, { device: 'wasm' }),
            opened,
            row.folder,
          ),
        ).toBeLessThan(1e-4);
      }));
  }

  for (const row of scored.filter((r) => r.dtype !== 'fp32')) {
    it(`${row.folder} (${row.dtype}): NLL within the tolerance of its golden`, () =>
      withFixture(row.folder, row.file, async (opened) => {
        const programs = makeScorePrograms(opened, { device: 'wasm', accuracyLevels: 'kept' });
        expect(await largestDifference(programs, opened, row.folder)).toBeLessThan(
          golden(row.folder).nllTol,
        );
      }));
  }

  it('give the same numbers in their WebGPU form', async () => {
    for (const name of ['optimum-llama-fp32', 'optimum-gemma3-fp32']) {
      await withFixture(name, 'onnx/model.onnx', async (opened) => {
        const programs = makeScorePrograms(opened, { device: 'webgpu' });
        expect(programs.rewrites).toEqual([
          'NaN after softmax found by comparison, which WebGPU can run',
        ]);
        expect(programs.blocks.some(({ program }) => 'IsNaN' in program.ops)).toBe(false);
        expect(await largestDifference(programs, opened, name)).toBeLessThan(1e-4);
      });
    }
  });

  it('meet the goldens of the sample, two windows, with and without blocks', async () => {
    const folder = await openFolder(samplePath());
    const opened = await openModel(folder, 'onnx/model.onnx');
    const { windows, baseline_nll_per_sample, loo_nll_per_sample } = golden<SampleGolden>('sample');
    const chain = await Chain.open(makeScorePrograms(opened, { device: 'wasm' }), folder);
    const two = windows.slice(0, 2);
    const check = async (skip: number[], expected: readonly number[]): Promise<void> => {
      for (const [w, row] of (await chain.nll(two, skip)).entries())
        expect(Math.abs(mean(row) - (expected[w] as number))).toBeLessThan(1e-4);
    };
    await check([], baseline_nll_per_sample);
    for (const block of [0, 7, 15]) await check([block], loo_nll_per_sample[block] as number[]);
    await chain.close();
    await folder.close();
  });
});

describe('programs', () => {
  const all = (p: ScorePrograms): BoundProgram[] => [
    p.embed,
    ...(p.side ? [p.side] : []),
    ...p.blocks,
    p.head,
  ];

  it('hold no weights and bind every input', async () => {
    for (const row of scored) {
      await withFixture(row.folder, row.file, async (opened) => {
        for (const bound of all(makeScorePrograms(opened, { device: 'webgpu' }))) {
          const { graph } = decodeModel(bound.program.bytes, () => {
            throw new Error('a program refers to external data');
          });
          for (const tensor of graph.initializers.values()) {
            expect(isRange(tensor.data)).toBe(false);
            expect(elementCount(tensor.dims)).toBeLessThanOrEqual(16);
          }
          for (const { name, source } of bound.program.inputs) {
            if (source.kind === 'weight')
              expect(bound.weights.has(name), `${row.folder} ${name}`).toBe(true);
            if (source.kind === 'side')
              expect(bound.sides.has(name), `${row.folder} ${name}`).toBe(true);
          }
        }
      });
    }
  });

  it('read no cache in builder graphs and share one buffer for a tied table', async () => {
    const folder = await openFolder(samplePath());
    const programs = makeScorePrograms(await openModel(folder, 'onnx/model.onnx'), {
      device: 'webgpu',
    });
    expect(new Set(programs.blocks.map(({ program }) => program.id)).size).toBe(1);
    expect(
      programs.blocks[0]?.program.inputs.filter(({ source }) => source.kind === 'past'),
    ).toEqual([]);
    const ranges = [programs.embed, programs.head].map(
      (bound) => [...bound.weights.values()].find((ref) => ref.byteLength === 2 ** 20)?.data,
    );
    expect(ranges[0]).toEqual(ranges[1]);
    await folder.close();
  });

  it('say what WebGPU would compute wrongly', () =>
    withFixture('genai-gemma2-fp32-cpu', 'model.onnx', async (opened) => {
      expect(makeScorePrograms(opened, { device: 'webgpu' }).wasmOnly).toContain('soft cap of 50');
      expect(makeScorePrograms(opened, { device: 'wasm' }).wasmOnly).toBeNull();
    }));

  it('refuse graphs without an embedding table', async () => {
    const make = (name: string) =>
      withFixture(name, 'model.onnx', async (opened) => {
        makeScorePrograms(opened, { device: 'wasm' });
      });
    await expect(make('genai-llama-fp32-cpu-noemb')).rejects.toThrow(/no embedding table/);
  });

  it('say when rows of a batch share one quantisation scale', () =>
    withFixture('optimum-llama-int8', 'onnx/model_int8.onnx', async (opened) => {
      expect(makeScorePrograms(opened, { device: 'wasm' }).rowsInteract).toBe(true);
    }));
});
