// Hostile model folders: whatever a graph file holds, opening, pruning and planning an export end
// in success or a coded error, soon and within the folder.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../onnx/codec.ts';
import type { Model } from '../../onnx/graph.ts';
import { boundWork, damaged, guardedFolder, judge, steps } from '../../onnx/testing/hostile.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import { sublayerUnit, type Unit } from '../../units.ts';
import { manifestFolder } from '../export/folder.ts';
import { exportManifest } from '../export/manifest.ts';
import { type OpenedModel, openModel } from '../open/open.ts';
import { edited, edits } from '../testing/hostileGraph.ts';
import { PLAIN, type ResidualShape, residualModel } from '../testing/residual.ts';
import { removeUnits } from './remove.ts';

const SEED = 20_261_122;

/**
 * A test for every case of an arbitrary; a failing one prints its recipe, and the seed repeats it.
 */
const cases = (numRuns: number): fc.Parameters<unknown> => ({
  seed: SEED,
  numRuns,
  endOnFailure: false,
});

const fixture = (path: string): Uint8Array => new Uint8Array(readFileSync(fixturePath(path)));
const bytesOf = (model: Model): Uint8Array =>
  encodeModel(model, (_, r) => new Uint8Array(r.length));
const tiny = (shape: Partial<ResidualShape>): Uint8Array =>
  bytesOf(residualModel({ ...PLAIN, ...shape }));

const SMALL = [
  tiny({}),
  tiny({ fused: true, blocks: 2 }),
  tiny({ caches: false, parallel: true }),
  tiny({ listed: true, reversed: true, casts: true, sizeFrom: 2 }),
];
const REAL = ['genai-lfm2-fp32-cpu', 'genai-llama-int4-webgpu', 'genai-gemma2-fp32-cpu'].map(
  (name) => ({
    'model.onnx': fixture(`${name}/model.onnx`),
    'model.onnx.data': fixture(`${name}/model.onnx.data`),
  }),
);

/** Everything the studio does with a folder before weights are read for computing. */
async function useFolder(
  files: Readonly<Record<string, Uint8Array>>,
  deep: boolean,
): Promise<void> {
  const folder = guardedFolder(files);
  const size = folder.files.reduce((n, f) => n + f.size, 0);
  const opened = await openModel(folder, 'model.onnx').finally(() => {
    expect(folder.read.bytes, 'bytes read').toBeLessThanOrEqual(8 * size);
    expect(folder.read.largest, 'bytes of one read').toBeLessThanOrEqual(size);
  });
  const { structure } = opened;
  const removable = structure.blocks.filter((b) => b.unremovable === null).map((b) => b.index);
  if (structure.blocks.length > 1)
    for (const b of removable.slice(0, deep ? 8 : 2)) removeUnits(structure, [b]);
  for (const unit of sublayersOf(opened).slice(0, deep ? 8 : 2)) removeUnits(structure, [unit]);
  const manifest = await exportManifest(
    opened,
    structure.blocks.length > 1 ? removable.slice(0, 1) : [],
    { app: 'test' },
  );
  if (deep) await openModel(manifestFolder(manifest, folder), 'model.onnx');
}

/** The sublayers that the summary says can be removed on their own. */
function sublayersOf({ summary }: OpenedModel): Unit[] {
  return summary.blocks.flatMap(({ index, hasSublayers, unremovableSublayers }) =>
    (hasSublayers ? (['attn', 'ffn'] as const) : [])
      .filter((part) => !unremovableSublayers?.[part])
      .map((part) => sublayerUnit(index, part)),
  );
}

describe(`hostile graph files (seed ${SEED})`, () => {
  boundWork({ steps: 2e6, bytes: 64 * 2 ** 20 });

  it('take damaged bytes of small graphs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(SMALL.length - 1), steps(4), async (which, recipe) => {
        const graph = damaged(SMALL[which]!, recipe);
        await judge(() => useFolder({ 'model.onnx': graph }, false), [which, recipe]);
      }),
      cases(6000),
    );
  });

  it('take damaged bytes of exported graphs, with weights beside them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(REAL.length - 1), steps(3), async (which, recipe) => {
        const files = REAL[which]!;
        const graph = damaged(files['model.onnx'], recipe);
        await judge(() => useFolder({ ...files, 'model.onnx': graph }, false), [which, recipe]);
      }),
      cases(1000),
    );
  });

  it('take graphs that no exporter writes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(SMALL.length - 1),
        edits(3),
        fc.nat(3),
        async (which, recipe, depth) => {
          const graph = edited(SMALL[which]!, recipe);
          await judge(
            () => useFolder({ 'model.onnx': graph, 'd.bin': new Uint8Array(64) }, depth === 0),
            [which, recipe, depth],
          );
        },
      ),
      cases(3000),
    );
  });

  it('take exported graphs edited into what no exporter writes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(REAL.length - 1), edits(2), async (which, recipe) => {
        const files = REAL[which]!;
        const graph = edited(files['model.onnx'], recipe);
        await judge(() => useFolder({ ...files, 'model.onnx': graph }, true), [which, recipe]);
      }),
      cases(300),
    );
  });
});
