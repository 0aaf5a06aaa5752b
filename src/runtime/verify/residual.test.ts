// The check of the residual stream passes for every removal from the fixtures, and sees removals
// that are not those of the plan, whatever the structure says.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { planRemoval } from '../../model/structure/removal.ts';
import { applyRemoval } from '../../model/structure/remove.ts';
import { removalObstacle } from '../../model/structure/removeGraph.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import type { Model } from '../../onnx/graph.ts';
import { fixtureFolder } from '../../testing/derived.ts';
import { fixturePath, golden, wholeCorpus } from '../../testing/fixtures.ts';
import { sortUnits, sublayerUnit, type Unit } from '../../units.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { ScoreSession } from '../score/session.ts';
import type { Outcome } from './outcome.ts';
import { compareStreams } from './residual.ts';
import { withGraph } from './testing/changedFolder.ts';
import { verifyExport } from './verify.ts';

const open = async (name: string): Promise<OpenedModel> =>
  openModel(await openFolder(fixturePath(name)));

/** The graph of one removal, held against the plan of another. */
function held(opened: OpenedModel, made: readonly Unit[], planned: readonly Unit[]): Outcome {
  const { structure } = opened;
  const { units, names } = planRemoval(structure, planned);
  const written = applyRemoval(structure, planRemoval(structure, made));
  return compareStreams(structure, units, written, names);
}

/** The graph after a removal that puts other values in place than it should. */
function misplaced(opened: OpenedModel, units: Unit[], replace: [string, string][]): Outcome {
  const { structure } = opened;
  const removal = planRemoval(structure, units);
  const written = applyRemoval(structure, { ...removal, replace: new Map(replace) });
  return compareStreams(structure, units, written, removal.names);
}

describe('the residual stream', () => {
  const rows = wholeCorpus().filter((row) => row.supported);
  test.each(rows.map((row) => [row.folder, row.file]))('of %s is followed', async (name, file) => {
    const opened = await openModel(await openFolder(fixtureFolder(name)), file);
    const { structure } = opened;
    const last = structure.blocks.length - 1;
    const plans: Unit[][] = [
      ...structure.blocks.map(({ index }) => [index]),
      ...structure.blocks.flatMap(({ index }) => [
        [sublayerUnit(index, 'attn')],
        [sublayerUnit(index, 'ffn')],
      ]),
      [1, last],
      ['0.ffn', '1.attn', 2],
    ].filter((units) => removalObstacle(structure, units as Unit[]) === null) as Unit[][];
    expect(plans.length).toBeGreaterThan(2);
    for (const [k, plan] of plans.entries()) {
      const right = held(opened, plan, plan);
      expect(right, `${plan}`).toMatchObject({ ok: true });
      expect(right.detail).toMatch(/^\d+ nodes read what they did/);
      const other = plans[(k + 1) % plans.length] ?? [];
      expect(held(opened, other, plan).ok, `${other} for ${plan}`).toBe(false);
    }
  });

  test('is not what it was when a factor goes with the feed-forward', async () => {
    const opened = await open('genai-gemma4u-fp32-cpu');
    for (const { index, mid, output } of opened.structure.blocks) {
      const outcome = misplaced(opened, [sublayerUnit(index, 'ffn')], [[output, mid ?? '']]);
      expect(outcome.ok).toBe(false);
      expect(outcome.detail).toMatch(/is ".*" where the source has "\* \/model\/constants\/FLOAT/);
    }
  });

  test('is not what it was when half of two blocks goes in place of one', async () => {
    const opened = await open('optimum-llama-fp32');
    const [first, second] = opened.structure.blocks;
    const outcome = misplaced(opened, [1], [[second?.mid ?? '', first?.mid ?? '']]);
    expect(outcome.ok).toBe(false);
  });

  test('that cannot be followed is said to be', async () => {
    const { structure } = await open('optimum-llama-fp32');
    const graph = { ...structure.graph };
    graph.nodes = graph.nodes.map((node) => (node.op === 'Add' ? { ...node, op: 'Max' } : node));
    const model: Model = { ...structure.model, graph };
    const outcome = compareStreams({ ...structure, model }, [1], model, new Map());
    expect(outcome.ok).toBe(true);
    expect(outcome.detail).toMatch(/^not compared: 0 terms are added to the residual stream/);
  });
});

describe('an export without feed-forwards whose stream is scaled', () => {
  const REMOVED: Unit[] = sortUnits(['1.ffn', '2.ffn', '3.attn']);
  let engine: Engine;
  beforeAll(async () => {
    engine = await openWasm(nodeLoader);
  });
  afterAll(() => engine.dispose());

  test('is verified; with the factor dropped it fails', async () => {
    const opened = await open('genai-gemma4u-fp32-cpu');
    const window = golden('genai-gemma4u-fp32-cpu').windows[0] ?? [];
    const session = ScoreSession.open(opened, engine);
    const nll = await session.nllPerToken(REMOVED, window);
    await session.dispose();
    const { graph, ...manifest } = await exportManifest(opened, REMOVED, { app: 'test' });
    const folder = manifestFolder({ graph, ...manifest }, opened.folder);
    const expected = {
      window,
      nll,
      numBlocks: opened.structure.blocks.length,
      source: { opened, removed: REMOVED },
    };
    const right = await verifyExport(folder, graph, expected, engine);
    expect(right.checks.filter((check) => !check.ok)).toEqual([]);
    expect(right.status).toBe('verified');

    const wrong = await withGraph(folder, graph, ({ nodes }) => {
      const factor = nodes.find((node) => node.outputs[0]?.includes('layers.1/layer_scalar'));
      for (const node of nodes)
        node.inputs = node.inputs.map((x) =>
          x === factor?.outputs[0] ? (factor?.inputs[0] ?? '') : x,
        );
    });
    const { status, checks } = await verifyExport(wrong, graph, expected, engine);
    expect(status).toBe('failed');
    expect(checks.find((check) => check.name === 'residual stream')?.ok).toBe(false);
  });
});
