// Sensitivities against whole runs with the same bytes in place of the stored ones, streamed and
// resumed; what has room together.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { healingOf } from '../../model/healing/testing/synthetic.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { sensitivityKey } from '../../model/quantise/forms.ts';
import { dequantisedMatrix } from '../../model/quantise/packed.ts';
import type { QuantiseSettings } from '../../model/quantise/quantisation.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { BytesReader } from '../../onnx/bytes.ts';
import { DataType } from '../../onnx/graph.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import type { Unit } from '../../units.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import type { EvaluationText } from '../evaluate/text.ts';
import { sequenceOf } from '../pass/schedule.ts';
import { ScoreSession } from '../score/session.ts';
import { MemoryStore } from '../testing/memoryStore.ts';
import { type QuantisedBase, quantisedBase } from './jobMatrices.ts';
import { groupSize, measureSensitivities, type SensitivityJob } from './sensitivity.ts';
import { variantsOf, wavesOf } from './sensitivityVariants.ts';

const windows = [0, 1].map((row) =>
  Array.from({ length: 16 }, (_, t) => (97 * row + 31 * t) % 384),
);
const SETTINGS: QuantiseSettings = {
  ...{ method: 'rtn', bits: 4, block: 32, symmetric: false, floatZeros: true },
  ...{ embedding: 4, head: 4, accuracyLevel: 0 },
};

let engine: Engine;
let opened: OpenedModel;
let session: ScoreSession;

beforeAll(async () => {
  engine = await openWasm(nodeLoader);
  opened = await openModel(await openFolder(fixturePath('optimum-llama-chat')));
  session = ScoreSession.open(opened, engine);
});
afterAll(async () => {
  await session.dispose();
  expect(engine.ledger.total()).toBe(0);
  await engine.dispose();
});

const baseOf = (removed: readonly Unit[]): QuantisedBase =>
  quantisedBase({ opened, removed, healing: null, dtype: 'q4', settings: SETTINGS });

/** The sensitivities of some matrices of a plan. */
function sensitivities(
  removed: readonly Unit[],
  keys: readonly string[],
  options: Partial<SensitivityJob> = {},
): Promise<Map<string, number>> {
  return session.alone((model) => {
    const sequence = sequenceOf(5, removed);
    const all = variantsOf(baseOf(removed), model.programs, sequence, {});
    const variants = all.filter(({ key }) => keys.includes(key));
    const nothing = { onProgress: () => {}, onSensitivity: () => {} };
    return measureSensitivities({
      ...{ ...model, sequence, variants, windows, ...nothing },
      ...options,
    });
  });
}

/** KL(model || model with these bytes) by whole runs of both: what an evaluation gives. */
async function directly(tensor: string): Promise<number> {
  const matrix = baseOf([]).matrices.find((m) => m.tensor === tensor && m.kind !== 'embedding')!;
  const data = dequantisedMatrix(matrix, { settings: SETTINGS, bits: 4, scales: DataType.float });
  const source = new BytesReader(opened.folder).open(data);
  const values = (await source.read(0, source.size)).slice();
  const changes = [{ tensor, block: matrix.block, kind: 'replaced', values }] as const;
  const text: EvaluationText = {
    text: { name: 'windows', sha256: '', tokens: 32 },
    ...{ segment: 16, stride: null, bos: 'none', totalSegments: 2, warnings: [] },
    segments: windows,
    predicts: [15, 15],
  };
  const found = await session.evaluate(text, [], undefined, () => {}, healingOf([], changes));
  return found.klDivergence ?? Number.NaN;
}

/** `sensitivityKey` of matrices by block and part: "1 q", "null head". */
function keysOf(...names: string[]): string[] {
  return names.map((name) => {
    const found = baseOf([]).matrices.find(({ block, part }) => `${block} ${part}` === name);
    return found ? sensitivityKey(found) : name;
  });
}

test('each is the divergence of a whole run with that matrix alone in few bits', async () => {
  const chosen = keysOf('1 q', '3 down', 'null head');
  const found = await sensitivities([], chosen);
  for (const tensor of chosen) {
    const expected = await directly(tensor);
    expect(expected).toBeGreaterThan(1e-6);
    expect(Math.abs(found.get(tensor)! / expected - 1), tensor).toBeLessThan(1e-3);
  }
});

test('of a plan they are the same streamed in waves, cancelled and resumed', async () => {
  const removed: Unit[] = [2, '3.attn'];
  const [gone = '', ...chosen] = keysOf(
    ...['3 q', 'null embedding', '0 o', '1 gate', '3 down', '4 v', 'null head'],
  );
  const keys = [gone, ...chosen];
  const left: number[] = [];
  const whole = await sensitivities(removed, keys, {
    onProgress: ({ phase, done, total }) => {
      if (phase === 'score') left.push(total - done);
    },
  });
  expect([...whole.keys()].sort()).toEqual([...chosen].sort());
  expect(left.at(-1)).toBe(0);

  const [store, abort] = [new MemoryStore(), new AbortController()];
  const first = sensitivities(removed, keys, {
    ...{ store, signal: abort.signal },
    onSensitivity: () => abort.abort(),
  });
  await expect(first).rejects.toThrow('Cancelled');
  const { done = 0 } = store.stored ?? {};
  expect(done).toBeGreaterThan(0);
  const told: [string, number][] = [];
  await sensitivities(removed, keys, {
    ...{ budget: 480_000, store },
    onSensitivity: (...entry) => told.push(entry),
  });
  expect(told.length).toBe(whole.size);
  for (const [key, value] of told)
    expect(Math.abs(value / whole.get(key)! - 1), key).toBeLessThan(1e-3);
});

test('groups and waves read the weights as rarely as there is room for', () => {
  expect(groupSize(10, 80, 1000, false)).toEqual({ size: 10, room: 95 });
  expect(groupSize(10, 80, 200, false)).toEqual({ size: 2, room: 95 });
  expect(groupSize(10, 80, 7, false)).toEqual({ size: 1, room: 2 });
  expect(groupSize(10, 80, 1000, true)).toEqual({ size: 10, room: 95 });
  const at = (...positions: number[]) => positions.map((position) => ({ at: position }));
  expect(wavesOf(at(3, -1, 0, 0, 3), 2, true)).toEqual([at(-1), at(0, 0), at(3, 3)]);
  expect(wavesOf(at(3, -1, 0, 0, 3), 3, false)).toEqual([at(-1, 0, 0), at(3, 3)]);
});
