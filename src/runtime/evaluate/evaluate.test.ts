// Evaluation of texts against float64 arithmetic on the logits of another ONNX Runtime, and against
// the session's own likelihoods.

import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EvaluateEvent, EvaluateResult } from '../../contract/evaluate.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { removeUnits } from '../../model/structure/remove.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { inFile } from '../../onnx/testing/inFile.ts';
import {
  evaluationText as bundled,
  calibrationText,
  fixturePath,
  golden,
  samplePath,
} from '../../testing/fixtures.ts';
import type { Unit } from '../../units.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { folderTokenizer } from '../score/calibration.ts';
import { ScoreSession } from '../score/session.ts';
import { type EvaluationText, evaluationText } from './text.ts';

let engine: Engine;
let opened: OpenedModel;
let session: ScoreSession;

beforeAll(async () => {
  engine = await openWasm(nodeLoader);
  opened = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
  session = ScoreSession.open(opened, engine);
});
afterAll(async () => {
  await session.dispose();
  expect(engine.ledger.total()).toBe(0);
  await engine.dispose();
});

type Choice = Parameters<typeof evaluationText>[1];

function textOf(
  choice: Partial<Choice>,
  text = bundled(),
  calibration: number[][] | null = null,
): Promise<EvaluationText> {
  const whole = { segment: 64, stride: null, bos: null, maxSegments: null, ...choice };
  return evaluationText(
    { name: 'evaluation.txt', text },
    whole,
    opened.summary,
    () => folderTokenizer(opened.folder),
    calibration,
  );
}

/** Given windows as segments that predict all they can. */
function ofWindows(windows: number[][]): EvaluationText {
  const length = windows[0]?.length ?? 0;
  return {
    text: { name: 'given', sha256: '', tokens: windows.flat().length },
    segment: length,
    stride: null,
    bos: 'none',
    totalSegments: windows.length,
    warnings: [],
    segments: windows,
    predicts: windows.map(() => length - 1),
  };
}

const ignore = (): void => {};

/** Mean over the last `predicts` tokens of each segment, from the likelihoods of single windows. */
async function meanOf(own: ScoreSession, text: EvaluationText, removed: Unit[]): Promise<number> {
  let [sum, count] = [0, 0];
  for (const [k, segment] of text.segments.entries())
    for (const value of (await own.nllPerToken(removed, segment)).slice(
      text.segment - 1 - text.predicts[k]!,
    )) {
      sum += value;
      count += 1;
    }
  return sum / count;
}

/**
 * Logits (positions, vocabulary) of the sample without some units, by onnxruntime-node on the graph
 * that export writes.
 */
async function logitsOf(removed: Unit[]): Promise<(ids: number[]) => Promise<Float64Array[]>> {
  const model = removeUnits(opened.structure, removed);
  const files = new Map<string, Buffer>();
  const bytes = encodeModel(
    model,
    inFile(({ file, offset, length }) => {
      const data = files.get(file) ?? readFileSync(`${samplePath()}/${file}`);
      files.set(file, data);
      return new Uint8Array(data.subarray(offset, offset + length));
    }),
  );
  const run = await InferenceSession.create(bytes, { logSeverityLevel: 3, intraOpNumThreads: 1 });
  return async (ids) => {
    const feeds: Record<string, Tensor> = {};
    for (const { name, dims } of model.graph.inputs) {
      if (name === 'input_ids')
        feeds[name] = new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]);
      else if (name === 'attention_mask')
        feeds[name] = new Tensor('int64', new BigInt64Array(ids.length).fill(1n), [1, ids.length]);
      else if (name === 'position_ids')
        feeds[name] = new Tensor('int64', BigInt64Array.from(ids.map((_, t) => BigInt(t))), [
          1,
          ids.length,
        ]);
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
    return ids.map((_, t) =>
      Float64Array.from((logits!.data as Float32Array).subarray(t * width, (t + 1) * width)),
    );
  };
}

function logSoftmax(row: Float64Array): Float64Array {
  const top = row.reduce((a, b) => Math.max(a, b));
  const sum = row.reduce((total, z) => total + Math.exp(z - top), 0);
  return row.map((z) => z - top - Math.log(sum));
}

describe('against another ONNX Runtime, in float64', () => {
  test.each([
    { removed: [7, 9], choice: { maxSegments: 6 } },
    { removed: [0, 15], choice: { maxSegments: 3, bos: 'every' } },
    { removed: [1, 2, 3, 7, 8, 9, 13, 14], choice: { maxSegments: 2, segment: 512 } },
    { removed: [5], choice: { maxSegments: 4, segment: 48, stride: 20 } },
    { removed: ['3.attn', 9, '12.ffn'], choice: { maxSegments: 3 } },
  ] satisfies { removed: Unit[]; choice: Partial<Choice> }[])(
    'without $removed, $choice',
    async ({ removed, choice }) => {
      const text = await textOf(choice);
      const result = await session.evaluate(text, removed, undefined, ignore);
      const [own, other] = [await logitsOf([]), await logitsOf(removed)];
      const sums = { own: 0, other: 0, kl: 0, agreed: 0, count: 0 };
      for (const [k, ids] of text.segments.entries()) {
        const [p, q] = [(await own(ids)).map(logSoftmax), (await other(ids)).map(logSoftmax)];
        for (let t = ids.length - 1 - text.predicts[k]!; t < ids.length - 1; t++) {
          sums.own -= p[t]![ids[t + 1]!]!;
          sums.other -= q[t]![ids[t + 1]!]!;
          sums.kl += p[t]!.reduce((total, log, v) => total + Math.exp(log) * (log - q[t]![v]!), 0);
          const best = (row: Float64Array): number =>
            row.indexOf(row.reduce((a, b) => Math.max(a, b)));
          sums.agreed += best(p[t]!) === best(q[t]!) ? 1 : 0;
          sums.count += 1;
        }
      }
      expect(result.predicted).toBe(sums.count);
      expect(Math.abs(result.original.nll - sums.own / sums.count)).toBeLessThan(1e-5);
      expect(Math.abs((result.plan?.nll ?? Number.NaN) - sums.other / sums.count)).toBeLessThan(
        1e-5,
      );
      expect(
        Math.abs((result.klDivergence ?? Number.NaN) / (sums.kl / sums.count) - 1),
      ).toBeLessThan(1e-5);
      expect(result.top1Agreement).toBe(sums.agreed / sums.count);
    },
  );
});

describe('the same numbers however they are computed', () => {
  test.each([
    'optimum-gemma3-fp32',
    'genai-gemma2-fp32-cpu',
    'optimum-gptneox-fp32',
    'optimum-llama-fp16',
    'optimum-llama-int8',
    'optimum-llama-q4f16',
    'genai-llama-fp32-cpu-prunehead',
  ])('%s: both sides are the likelihoods of the plain head', async (name) => {
    const model = await openModel(await openFolder(fixturePath(name)));
    const own = ScoreSession.open(model, engine);
    const text = ofWindows(
      golden(name.endsWith('prunehead') ? 'genai-llama-fp32-webgpu' : name).windows,
    );
    const result = await own.evaluate(text, [1], undefined, ignore);
    expect(Math.abs(result.original.nll - (await meanOf(own, text, [])))).toBeLessThan(1e-6);
    expect(Math.abs(result.plan!.nll - (await meanOf(own, text, [1])))).toBeLessThan(1e-6);
    expect(result.klDivergence).toBeGreaterThan(0);
    expect(result.top1Agreement).toBeLessThanOrEqual(1);
    await own.dispose();
  });

  test('streamed, each weight is read once for both sides', async () => {
    const text = await textOf({ maxSegments: 12 });
    const folder = await openFolder(samplePath());
    const small = ScoreSession.open(await openModel(folder, 'onnx/model.onnx'), engine, {
      streamed: true,
    });
    const before = folder.bytesRead();
    const [streamed, resident] = [
      await small.evaluate(text, [7, 9], undefined, ignore),
      await session.evaluate(text, [7, 9], undefined, ignore),
    ];
    expect((folder.bytesRead() - before) / small.memory(12, 64).bytesRead!).toBeLessThan(1.01);
    for (const side of ['original', 'plan'] as const)
      expect(Math.abs(streamed[side]!.nll - resident[side]!.nll)).toBeLessThan(1e-6);
    expect(streamed.top1Agreement).toBe(resident.top1Agreement);
    await small.dispose();
  });

  test('with logits of a few positions at a time', async () => {
    const text = await textOf({ maxSegments: 3, segment: 128 });
    const whole = await session.evaluate(text, [7], undefined, ignore);
    const narrow = ScoreSession.open(opened, engine, { budgetBytes: 6 * 2 ** 20 });
    const sliced = await narrow.evaluate(text, [7], undefined, ignore);
    expect(Math.abs(sliced.klDivergence! - whole.klDivergence!)).toBeLessThan(1e-6);
    expect(Math.abs(sliced.plan!.nll - whole.plan!.nll)).toBeLessThan(1e-6);
    expect(sliced.top1Agreement).toBe(whole.top1Agreement);
    await narrow.dispose();
  });

  test('the original alone; a strided text predicts its tokens once', async () => {
    const text = await textOf({ maxSegments: 4, segment: 32, stride: 12, bos: 'every' });
    const result = await session.evaluate(text, [], undefined, ignore);
    expect(result).toMatchObject({
      plan: null,
      top1Agreement: null,
      klDivergence: null,
      removed: [],
      stride: 12,
      bos: 'every',
    });
    expect(result.predicted).toBe(31 + 3 * 12);
    expect(Math.abs(result.original.nll - (await meanOf(session, text, [])))).toBeLessThan(1e-6);
    expect(result.original.ci95[0]).toBeLessThan(result.original.nll);
    expect(result.original.ci95[1]).toBeGreaterThan(result.original.nll);
  });
});

describe('while it runs', () => {
  const windows = golden<{ windows: number[][] }>('sample').windows.slice(0, 2);

  test('partial results grow and the windows of the curve stay', async () => {
    const own = ScoreSession.open(opened, engine);
    await own.useWindows(windows);
    const plan = await own.plan([7, 9]);
    const events: EvaluateEvent[] = [];
    const result = await own.evaluate(await textOf({ maxSegments: 24 }), [7], undefined, (event) =>
      events.push(event),
    );
    const partial = events.flatMap((event) => (event.type === 'partial' ? [event.result] : []));
    const counts = partial.map((one: EvaluateResult) => one.segments);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts.length).toBeGreaterThan(0);
    expect(counts.at(-1)).toBeLessThan(24);
    expect(partial[0]).toMatchObject({
      totalSegments: result.totalSegments,
      segment: 64,
      bos: 'none',
    });
    expect(result.segments).toBe(24);
    const progress = events.flatMap((event) =>
      event.type === 'progress' && event.progress.unit === 'segments' ? [event.progress] : [],
    );
    expect(progress.at(-1)).toMatchObject({ job: 'evaluate', done: 24, total: 24 });
    const again = await own.plan([7, 9]);
    expect(again.nllPerWindow.length).toBe(2);
    expect(Math.abs(again.nll - plan.nll)).toBeLessThan(1e-6);
    await own.dispose();
  });

  test('cancel reports the last partial result', async () => {
    const own = ScoreSession.open(opened, engine);
    const abort = new AbortController();
    let last: EvaluateResult | null = null;
    const running = own.evaluate(await textOf({ maxSegments: 100 }), [7], abort.signal, (event) => {
      if (event.type === 'partial') last = event.result;
      if (
        event.type === 'progress' &&
        event.progress.unit === 'segments' &&
        event.progress.done > 16
      )
        abort.abort();
    });
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    expect((last as EvaluateResult | null)?.segments).toBeGreaterThan(0);
    await expect(own.plan([7])).rejects.toThrow('There are no windows');
    await own.dispose();
  });

  test('a plan that cannot be is refused before anything is run', async () => {
    const text = await textOf({ maxSegments: 1 });
    await expect(session.evaluate(text, [16], undefined, ignore)).rejects.toThrow('no block 16');
  });
});

describe('the text', () => {
  test('segments beyond the context are refused with the number', async () => {
    await expect(textOf({ segment: 513 })).rejects.toThrow(
      "513 tokens are longer than this model's context of 512",
    );
    const wide = { ...opened.summary, contextLength: 4096 };
    const choice = { segment: 2049, stride: null, bos: null, maxSegments: null };
    const long = evaluationText(
      { name: 'x', text: 'x' },
      choice,
      wide,
      () => folderTokenizer(opened.folder),
      null,
    );
    await expect(long).rejects.toThrow('longer than the 2048');
  });

  test('an overlap with the calibration is a warning', async () => {
    const { segments } = await textOf({ segment: 128, maxSegments: 10 }, calibrationText());
    expect((await textOf({ maxSegments: 1 }, calibrationText(), segments)).warnings[0]).toMatch(
      /% of the 13-token sequences of the evaluation text/,
    );
    expect((await textOf({ maxSegments: 1 }, bundled(), segments)).warnings).toEqual([]);
  });

  test('ids beyond the vocabulary are refused', async () => {
    const small = { vocabSize: 100, contextLength: null };
    const choice = { segment: 64, stride: null, bos: null, maxSegments: 1 };
    const text = evaluationText(
      { name: 'x', text: bundled() },
      choice,
      small,
      () => folderTokenizer(opened.folder),
      null,
    );
    await expect(text).rejects.toMatchObject({ code: 'tokenizer' });
  });
});
