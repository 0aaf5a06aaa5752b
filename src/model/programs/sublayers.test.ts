import { describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { isRange } from '../../onnx/graph.ts';
import { fixtureFolder } from '../../testing/derived.ts';
import {
  type CorpusRow,
  golden,
  type SampleGolden,
  samplePath,
  wholeCorpus,
} from '../../testing/fixtures.ts';
import { type Sublayer, sublayerUnit } from '../../units.ts';
import { type OpenedModel, openModel } from '../open/open.ts';
import { bypasses } from '../structure/bypass.ts';
import { Chain } from '../testing/chain.ts';
import type { BoundProgram } from './program.ts';
import { makeScorePrograms } from './programs.ts';
import { fitted } from './widen.ts';

const SUBLAYERS: readonly Sublayer[] = ['attn', 'ffn'];

/**
 * Made with int8 activations, whose rounding hangs on what else is in the graph: no bound for
 * single sublayers.
 */
const COARSE = /^(int8|int4|q4)$/;

interface UnitGolden {
  windows: number[][];
  /** null where the removal is refused. */
  units?: Record<Sublayer, (number | null)[]>;
  nllTol: number;
}

async function withFixture(
  name: string,
  file: string,
  use: (opened: OpenedModel) => Promise<void>,
): Promise<void> {
  const folder = await openFolder(name === 'sample' ? samplePath() : fixtureFolder(name));
  try {
    await use(await openModel(folder, file));
  } finally {
    await folder.close();
  }
}

const mean = (rows: readonly number[][]): number =>
  rows.flat().reduce((sum, v) => sum + v, 0) / rows.flat().length;

/** Ranges of the weights of a program. */
function ranges(bound: BoundProgram): Set<string> {
  const places = [...bound.weights.values()].map(({ data }) => data).filter(isRange);
  return new Set(places.map(({ file, offset, length }) => `${file} ${offset} ${length}`));
}

const scored = (row: CorpusRow): boolean =>
  row.supported && row.hasLogits && row.perToken && !row.folder.endsWith('noemb');

describe('the sublayers of blocks', () => {
  for (const row of wholeCorpus().filter(scored)) {
    it(`${row.folder}: both make the block, one alone gives the golden NLL`, () =>
      withFixture(row.folder, row.file, async (opened) => {
        const programs = makeScorePrograms(opened, { device: 'wasm' });
        expect(programs.sublayers?.map((pair) => pair !== null)).toEqual(
          opened.structure.blocks.map((block) => block.mid !== null),
        );
        if (!programs.sublayers?.every((pair) => pair !== null)) return;
        const { windows, units, nllTol } = golden<UnitGolden>(row.folder);
        const chain = await Chain.open(programs, opened.folder);
        const [whole, parted] = [await chain.nll(windows), await chain.nll(windows, [], true)];
        // float16 is computed as float32 on the CPU and rounded at every cut: one more moves the
        // numbers a little.
        const exact = programs.residualType === 'float16' ? 1e-2 : 1e-6;
        // Where the stream is scaled, what is left without each sublayer scales it.
        const scaled = bypasses(opened.structure).some(({ ffn }) => ffn.kept.length > 0);
        for (const [w, nlls] of scaled ? [] : whole.entries())
          expect(Math.abs(mean(parted.slice(w, w + 1)) - mean([nlls]))).toBeLessThan(exact);
        if (!COARSE.test(row.dtype))
          for (const part of SUBLAYERS)
            for (const [b, nll] of (units?.[part] ?? []).entries()) {
              if (nll === null) continue;
              const found = mean(await chain.nll(windows, [sublayerUnit(b, part)]));
              expect(Math.abs(found - nll), `${b}.${part}`).toBeLessThan(Math.max(nllTol, 1e-4));
            }
        await chain.close();
      }));
  }

  it('of the sample share one program each and read the weights of their block', () =>
    withFixture('sample', 'onnx/model.onnx', async (opened) => {
      const programs = makeScorePrograms(opened, { device: 'webgpu' });
      const sublayers = programs.sublayers ?? [];
      expect(programs.sublayers).toBe(sublayers);
      expect([
        ...new Set(sublayers.flatMap((pair) => [pair?.attn?.program.id, pair?.ffn?.program.id])),
      ]).toEqual(['attn-0', 'ffn-0']);
      for (const [b, pair] of sublayers.entries()) {
        const both = new Set(
          [pair?.attn, pair?.ffn].flatMap((own) => (own ? [...ranges(own)] : [])),
        );
        expect(both).toEqual(ranges(programs.blocks[b]!));
        expect(
          pair &&
            [pair.attn, pair.ffn].map((own) => [
              own?.program.inputs[0]?.source,
              own?.program.outputs[0]?.target,
            ]),
        ).toEqual([
          [{ kind: 'residual' }, { kind: 'residual' }],
          [{ kind: 'residual' }, { kind: 'residual' }],
        ]);
      }
      const { windows, unit_nll } = golden<SampleGolden & { unit_nll: Record<Sublayer, number[]> }>(
        'sample',
      );
      const chain = await Chain.open(makeScorePrograms(opened, { device: 'wasm' }), opened.folder);
      for (const part of SUBLAYERS)
        for (const b of [0, 7, 15]) {
          expect(
            Math.abs(mean(await chain.nll(windows, [sublayerUnit(b, part)])) - unit_nll[part][b]!),
          ).toBeLessThan(1e-4);
        }
      await chain.close();
    }));

  it('are widened with the rest', () =>
    withFixture('genai-llama-fp16-webgpu', 'model.onnx', async (opened) => {
      const programs = fitted(makeScorePrograms(opened, { device: 'webgpu' }), false);
      const types = programs.sublayers
        ?.flatMap((pair) => [pair?.attn, pair?.ffn].filter((bound) => bound != null))
        .flatMap((bound) => [
          ...bound.program.inputs.map((input) => input.type),
          ...[...bound.weights.values()].map((ref) => ref.type),
        ]);
      expect(types?.length).toBeGreaterThan(0);
      expect(types).not.toContain('float16');
    }));
});
