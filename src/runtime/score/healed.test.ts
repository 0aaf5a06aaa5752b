// Plans with changed weights: the numbers of another ONNX Runtime on a graph with those weights in
// it, the same streamed, and nothing left of them afterwards.

import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Healing } from '../../model/healing/healing.ts';
import { asBytes, healingOf, lowRank, noise } from '../../model/healing/testing/synthetic.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { removeUnits } from '../../model/structure/remove.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { inFile } from '../../onnx/testing/inFile.ts';
import { golden, type SampleGolden, samplePath } from '../../testing/fixtures.ts';
import type { Unit } from '../../units.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import type { EvaluationText } from '../evaluate/text.ts';
import { expectedNll, measureExport, measureForms } from './exported.ts';
import { ScoreSession } from './session.ts';

const windows = golden<SampleGolden>('sample')
  .windows.slice(0, 2)
  .map((w) => w.slice(0, 24));
const REMOVED: Unit[] = [2, 7, 8, 9];

let engine: Engine;
let opened: OpenedModel;
let session: ScoreSession;

beforeAll(async () => {
  engine = await openWasm(nodeLoader);
  opened = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
  session = ScoreSession.open(opened, engine);
  await session.useWindows(windows);
});
afterAll(async () => {
  await session.dispose();
  expect(engine.ledger.total()).toBe(0);
  await engine.dispose();
});

const matrix = (block: number, name: string): string =>
  `model.layers.${block}.${name}.MatMul.weight`;

/** One of each kind: a part of fused projections, two changes of one matrix, a vector of a norm. */
const HEALING = healingOf(REMOVED, [
  lowRank(matrix(5, 'attn.qkv_proj'), 5, { inputs: 128, outputs: 64, from: 128 }),
  {
    tensor: matrix(6, 'mlp.down_proj'),
    block: 6,
    kind: 'replaced',
    values: asBytes(noise(320 * 128, 0.3, 3)),
  },
  lowRank(matrix(6, 'mlp.down_proj'), 6, { inputs: 320, outputs: 128 }),
  {
    tensor: 'model.layers.11.input_layernorm.weight',
    block: 11,
    kind: 'replaced',
    values: asBytes(noise(128, 2, 5)),
  },
]);

/** The stored floats after all changes, (inputs, outputs), in double precision. */
function changedValues(stored: Float32Array, tensor: string, { changes }: Healing): Float32Array {
  let values = Float64Array.from(stored);
  const floats = (bytes: Uint8Array): Float32Array => new Float32Array(bytes.slice().buffer);
  for (const change of changes) {
    if (change.tensor !== tensor) continue;
    if (change.kind === 'replaced') {
      values = Float64Array.from(floats(change.values));
      continue;
    }
    const [a, b, [from, to]] = [floats(change.a), floats(change.b), change.columns];
    const inputs = a.length / change.rank;
    const outputs = values.length / inputs;
    for (let i = 0; i < inputs; i++)
      for (let j = from; j < to; j++)
        for (let r = 0; r < change.rank; r++)
          values[i * outputs + j]! +=
            change.scale * a[r * inputs + i]! * b[(j - from) * change.rank + r]!;
  }
  return Float32Array.from(values);
}

/** A predicted position: the token that follows, and the logarithms of all probabilities. */
interface Prediction {
  next: number;
  logs: number[];
}

const nllOf = (predictions: readonly Prediction[]): number[] =>
  predictions.map(({ next, logs }) => -logs[next]!);

const largest = (values: readonly number[]): number => values.indexOf(Math.max(...values));

/** All positions, window by window, by onnxruntime-node on the pruned graph with the changes. */
async function reference(removed: Unit[], healing: Healing): Promise<Prediction[]> {
  const model = removeUnits(opened.structure, removed);
  for (const [name, tensor] of [...model.graph.initializers]) {
    if (!healing.changes.some((change) => change.tensor === name)) continue;
    const { data } = tensor;
    const bytes =
      data instanceof Uint8Array || !('file' in data)
        ? (data as Uint8Array)
        : readFileSync(`${samplePath()}/${data.file}`).subarray(
            data.offset,
            data.offset + data.length,
          );
    const stored = new Float32Array(Uint8Array.from(bytes).buffer);
    const values = changedValues(stored, name, healing) as Float32Array<ArrayBuffer>;
    const healed = { ...tensor, name: `${name}/healed`, data: new Uint8Array(values.buffer) };
    model.graph.initializers.set(healed.name, healed);
    // The head of the sample is its table too, which stays.
    model.graph.nodes = model.graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map((input) =>
        input === name && node.op !== 'Transpose' ? healed.name : input,
      ),
    }));
  }
  const bytes = encodeModel(
    model,
    inFile(({ file, offset, length }) =>
      Uint8Array.from(readFileSync(`${samplePath()}/${file}`).subarray(offset, offset + length)),
    ),
  );
  const run = await InferenceSession.create(bytes, { logSeverityLevel: 3, intraOpNumThreads: 1 });
  const out: Prediction[] = [];
  for (const ids of windows) {
    const feeds: Record<string, Tensor> = {};
    for (const { name, dims } of model.graph.inputs) {
      const ints = (values: bigint[]): Tensor =>
        new Tensor('int64', BigInt64Array.from(values), [1, ids.length]);
      if (name === 'input_ids') feeds[name] = ints(ids.map(BigInt));
      else if (name === 'attention_mask') feeds[name] = ints(ids.map(() => 1n));
      else
        feeds[name] = new Tensor('float32', new Float32Array(), [
          1,
          Number(dims?.[1]),
          0,
          Number(dims?.[3]),
        ]);
    }
    const { logits } = await run.run(feeds);
    const width = logits!.dims.at(-1)!;
    for (const [t, next] of ids.slice(1).entries()) {
      const row = Array.from((logits!.data as Float32Array).subarray(t * width, (t + 1) * width));
      const top = Math.max(...row);
      const sum = Math.log(row.reduce((total, z) => total + Math.exp(z - top), 0)) + top;
      out.push({ next, logs: row.map((z) => z - sum) });
    }
  }
  await run.release();
  return out;
}

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

function evaluated(): EvaluationText {
  return {
    text: { name: 'given', sha256: '', tokens: windows.flat().length },
    segment: 24,
    stride: null,
    bos: 'none',
    totalSegments: windows.length,
    warnings: [],
    segments: windows,
    predicts: windows.map(() => 23),
  };
}

describe('the sample without 2, 7, 8, 9', () => {
  test('the plan has the likelihoods of its changed graph, the model keeps its own', async () => {
    const expected = nllOf(await reference(REMOVED, HEALING));
    const before = await session.plan(REMOVED);
    const weights = engine.ledger.bytes('weights');
    const plan = await session.plan(REMOVED, undefined, undefined, HEALING);
    for (const [k, nll] of plan.nllPerWindow.entries())
      expect(Math.abs(nll - mean(expected.slice(23 * k, 23 * (k + 1))))).toBeLessThan(1e-4);
    expect(Math.abs(plan.nll - before.nll)).toBeGreaterThan(0.1);
    expect(engine.ledger.bytes('weights')).toBe(weights);
    const tokens = await session.nllPerToken(REMOVED, windows[1]!, undefined, undefined, HEALING);
    expect(Math.abs(mean(tokens) - plan.nllPerWindow[1]!)).toBeLessThan(1e-6);
    expect(await session.plan(REMOVED)).toMatchObject({ nllPerWindow: before.nllPerWindow });
    expect(await session.plan(REMOVED, undefined, undefined, HEALING)).toMatchObject({
      nllPerWindow: plan.nllPerWindow,
      seconds: 0,
    });
  });

  test('streamed as resident', async () => {
    const own = await openWasm(nodeLoader);
    const streamed = ScoreSession.open(opened, own, { streamed: true });
    await streamed.useWindows(windows);
    const plan = await streamed.plan(REMOVED, undefined, undefined, HEALING);
    const resident = await session.plan(REMOVED, undefined, undefined, HEALING);
    expect(plan.nllPerWindow).toEqual(resident.nllPerWindow);
    const result = await streamed.evaluate(evaluated(), REMOVED, undefined, () => {}, HEALING);
    expect(result.plan?.nll).toBeCloseTo(resident.nll, 5);
    await streamed.dispose();
    expect(own.ledger.total()).toBe(0);
    await own.dispose();
  });

  test('is evaluated beside the original', async () => {
    const pruned = await session.evaluate(evaluated(), REMOVED, undefined, () => {});
    const healed = await session.evaluate(evaluated(), REMOVED, undefined, () => {}, HEALING);
    expect(healed).toMatchObject({ healing: HEALING.id, original: pruned.original });
    const expected = await session.plan(REMOVED, undefined, undefined, HEALING);
    expect(healed.plan?.nll).toBeCloseTo(expected.nll, 5);
    expect(healed.klDivergence).toBeGreaterThan(pruned.klDivergence!);
    expect(healed.top1Agreement).not.toBeNull();
  });

  test('with another head both are compared, each with its own', async () => {
    const healing = healingOf(
      [],
      [
        lowRank('lm_head.MatMul.weight', null, { inputs: 128, outputs: 2048, size: 0.1 }),
        {
          tensor: 'model.layers.16.final_norm_layernorm.weight',
          block: null,
          kind: 'replaced',
          values: asBytes(noise(128, 3, 8)),
        },
      ],
    );
    const [p, q] = [await reference([], healingOf([], [])), await reference([], healing)];
    const result = await session.evaluate(evaluated(), [], undefined, () => {}, healing);
    expect(Math.abs(result.original.nll - mean(nllOf(p)))).toBeLessThan(1e-4);
    expect(Math.abs(result.plan!.nll - mean(nllOf(q)))).toBeLessThan(1e-4);
    const divergences = p.map(({ logs }, k) =>
      logs.reduce((sum, log, v) => sum + Math.exp(log) * (log - q[k]!.logs[v]!), 0),
    );
    expect(Math.abs(result.klDivergence! - mean(divergences))).toBeLessThan(1e-4);
    expect(result.klDivergence).toBeGreaterThan(0.1);
    const agreed = p.map(({ logs }, k) => Number(largest(logs) === largest(q[k]!.logs)));
    expect(result.top1Agreement).toBeCloseTo(mean(agreed), 9);
  });

  test('a healing of another plan, or of another model, is refused', async () => {
    const other = session.plan([2, 7], undefined, undefined, HEALING);
    await expect(other).rejects.toMatchObject({ code: 'bad-input' });
    const unknown = healingOf([2], [lowRank('nowhere', 3, { inputs: 128, outputs: 128 })]);
    const alien = session.plan([2], undefined, undefined, unknown);
    await expect(alien).rejects.toMatchObject({ code: 'bad-input' });
  });
});

test('sublayers, and weights in half of the budget, are streamed', async () => {
  const own = await openWasm(nodeLoader);
  const healing = healingOf(
    ['3.attn', 9],
    [
      lowRank(matrix(3, 'mlp.down_proj'), 3, { inputs: 320, outputs: 128 }),
      lowRank(matrix(12, 'mlp.up_proj'), 12, { inputs: 128, outputs: 320 }),
    ],
  );
  const run = async (budgetBytes: number | undefined): Promise<number[]> => {
    const one = ScoreSession.open(opened, own, { budgetBytes });
    await one.useWindows(windows);
    const { nllPerWindow } = await one.plan(healing.removed, undefined, undefined, healing);
    await one.dispose();
    expect(own.ledger.total()).toBe(0);
    return nllPerWindow;
  };
  const resident = await run(undefined);
  expect(await run(6_000_000)).toEqual(resident);
  await own.dispose();
});

test('matrices of 4 bits are measured as the export writes them, in both forms', async () => {
  const q4 = await openModel(await openFolder(samplePath()), 'onnx/model_q4.onnx');
  const own = ScoreSession.open(q4, engine);
  await own.useWindows(windows);
  const healing = healingOf(
    [7],
    [lowRank(`${matrix(6, 'mlp.down_proj')}_Q4`, 6, { inputs: 320, outputs: 128 })],
  );
  const { removed } = healing;
  const { again, float } = await measureForms(own, q4, healing, windows);
  expect(Math.abs(again.nll - float.nll)).toBeGreaterThan(1e-3);
  for (const [quantised, measured] of Object.entries({ again, float })) {
    const steps = [
      { step: 'healing', healing, quantised: quantised as 'again' | 'float' },
    ] as const;
    const expected = await expectedNll(own, q4, { removed, steps }, windows[0]!);
    expect(Math.abs(measured.nllPerWindow[0]! - mean(expected))).toBeLessThan(1e-4);
  }
  const steps = [{ step: 'healing', healing, quantised: 'again' }] as const;
  const exported = await measureExport(own, { source: q4, removed, steps }, windows);
  expect(Math.abs(exported.nll - again.nll)).toBeLessThan(1e-4);
  await own.dispose();
});
