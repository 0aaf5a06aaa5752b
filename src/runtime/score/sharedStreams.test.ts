// Scoring of models whose blocks read more than the residual stream, against goldens and against
// whole pruned graphs.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { removeUnits } from '../../model/structure/remove.ts';
import { runtime } from '../../model/testing/ort.ts';
import { perLayer } from '../../model/testing/perLayer.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { encodeModel } from '../../onnx/codec.ts';
import type { Model } from '../../onnx/graph.ts';
import { memoryFolder } from '../../onnx/testing/text.ts';
import {
  caseExpect,
  casePath,
  type FixtureGolden,
  fixturePath,
  golden,
} from '../../testing/fixtures.ts';
import { sublayerUnit, type Unit } from '../../units.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { ScoreSession } from './session.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openWasm(nodeLoader);
});
afterAll(() => engine.dispose());

const open = async (name: string): Promise<OpenedModel> =>
  openModel(await openFolder(fixturePath(name)), 'onnx/model.onnx');

describe.each(['kvshare-plain', 'dynamo-bamba-fp32-nokv'])('%s', (name) => {
  const expected = golden<FixtureGolden & { pruned: { nll?: number }[] }>(name);
  let session: ScoreSession;
  beforeAll(async () => {
    session = ScoreSession.open(await open(name), engine);
  });
  afterAll(() => session.dispose());

  test('every block left out gives its golden', async () => {
    const curve = await session.score(expected.windows, undefined, () => {});
    expect(curve.baseline.nll).toBeCloseTo(expected.baseline!.nll, 4);
    for (const [k, block] of (expected.blocks ?? []).entries()) {
      const found = curve.blocks[k]!;
      if ('nll' in block) expect(found.nll).toBeCloseTo(block.nll, 4);
      else expect(found.refused).toMatch(/^Block 3 lends its cache to blocks 4 and 5/);
    }
  });

  test('every sublayer that can go alone is scored as the plan without it', async () => {
    const units = (expected.blocks ?? []).flatMap((_, block) =>
      (['attn', 'ffn'] as const).map((sublayer) => sublayerUnit(block, sublayer)),
    );
    // The others borrow the cache that this one computes.
    const alone = units.filter((unit) => name !== 'kvshare-plain' || unit !== '3.attn');
    const plans: number[] = [];
    for (const unit of alone) plans.push((await session.plan([unit])).nll);
    const { parts } = await session.scoreSublayers(expected.windows, undefined, () => {});
    expect(parts).toMatchObject(
      alone.map((unit, k) => ({ unit, nll: expect.closeTo(plans[k] ?? Number.NaN, 4) })),
    );
  });

  test('so do plans of several blocks', async () => {
    for (const { removed, nll } of expected.pruned) {
      if (nll === undefined || removed.length === 0) continue;
      const measure = await session.plan(removed);
      expect(measure.nll).toBeCloseTo(nll, 4);
    }
  });
});

test('the token input may have the name that genai_config gives', async () => {
  const { right } = caseExpect<{
    right: { windows: number[][]; nll_intact: number; nll_without_block: number[] };
  }>('genai-named-token-input');
  const folder = await openFolder(casePath('genai-named-token-input/model'));
  const session = ScoreSession.open(await openModel(folder), engine);
  const curve = await session.score(right.windows, undefined, () => {});
  expect(curve.baseline.nll).toBeCloseTo(right.nll_intact, 4);
  expect(curve.blocks.map(({ nll }) => nll)).toEqual(
    right.nll_without_block.map((nll) => expect.closeTo(nll, 4)),
  );
  await session.dispose();
});

describe('per-layer inputs made of tokens and embedding', () => {
  const WINDOWS = [
    [1, 2, 3, 4, 5, 6],
    [7, 3, 0, 2, 2, 1],
    [5, 5, 4, 6, 1, 0],
  ];

  test('differ by window; plans give the NLL of the pruned graph', async () => {
    const model = perLayer();
    const config = { num_hidden_layers: 3, hidden_size: 4, vocab_size: 8 };
    const folder = memoryFolder({
      'model.onnx': encodeModel(model, () => new Uint8Array()),
      'config.json': JSON.stringify(config),
    });
    const opened = await openModel(folder);
    const session = ScoreSession.open(opened, engine);
    expect(session.programs.tokenSide).not.toBeNull();
    await session.useWindows(WINDOWS);
    for (const removed of [[], [0], [1], [2], [0, 2]] satisfies Unit[][]) {
      const measure = await session.plan(removed);
      const truth = await nllOf(removeUnits(opened.structure, removed), WINDOWS);
      expect(measure.nllPerWindow).toEqual(truth.map((nll) => expect.closeTo(nll, 5)));
    }
    await session.dispose();
  });
});

/** Mean NLL of each window by the whole graph, one row at a time. */
async function nllOf(model: Model, windows: readonly number[][]): Promise<number[]> {
  const ort = await runtime();
  const session = await ort.InferenceSession.create(encodeModel(model, () => new Uint8Array()));
  const found: number[] = [];
  for (const window of windows) {
    const ids = new ort.Tensor('int64', BigInt64Array.from(window, BigInt), [1, window.length]);
    const { logits } = await session.run({ input_ids: ids });
    const rows = logits!.data as Float32Array;
    const width = rows.length / window.length;
    let sum = 0;
    for (let t = 0; t + 1 < window.length; t++) {
      const row = rows.subarray(t * width, (t + 1) * width);
      const max = Math.max(...row);
      const logSum = Math.log(row.reduce((total, x) => total + Math.exp(x - max), 0)) + max;
      sum += logSum - row[window[t + 1]!]!;
    }
    found.push(sum / (window.length - 1));
  }
  await session.release();
  return found;
}
