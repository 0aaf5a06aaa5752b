// Pruned graphs run in a third-party ONNX Runtime and give the golden logits: removal against
// PyTorch with the same layers taken out.

import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { DataType, type Model, type ValueInfo } from '../../onnx/graph.ts';
import { inFile } from '../../onnx/testing/inFile.ts';
import { corpus, fixturePath, golden } from '../../testing/fixtures.ts';
import { sublayerUnit } from '../../units.ts';
import { type OpenedModel, openModel } from '../open/open.ts';
import { removeUnits } from '../structure/remove.ts';

/** float32 folders that take token ids and whose operators the CPU provider has. */
const RUNNABLE = corpus().filter(
  (r) =>
    r.supported &&
    r.dtype === 'fp32' &&
    r.perToken &&
    r.folder !== 'genai-qwen3-fp32-webgpu' &&
    !r.folder.endsWith('noemb'),
);

/** Rows of a zeroed static cache where the operator wants one. */
const CAPACITY = 64;

describe.each(RUNNABLE)('$folder pruned', ({ folder, staticCache }) => {
  it('gives the golden logits and greedy tokens with its caches', async () => {
    const source = await openFolder(fixturePath(folder));
    const opened = await openModel(source);
    await source.close();
    const expected = golden(folder);
    for (const plan of expected.pruned) {
      if (plan.refused !== undefined) {
        expect(() => removeUnits(opened.structure, plan.removed)).toThrow();
        continue;
      }
      const session = await start(folder, removeUnits(opened.structure, plan.removed));
      let state = session.states(opened, staticCache ? CAPACITY : 0);
      let step = await session.run(plan.promptIds, plan.promptIds.length, state);
      for (const [id, logit] of plan.top8)
        expect(Math.abs(step.logits[id]! - logit)).toBeLessThan(1e-3);
      for (const [k, token] of plan.greedy.entries()) {
        if (plan.greedyMargins[k]! < expected.logitTol) break;
        expect(step.logits.indexOf(Math.max(...step.logits))).toBe(token);
        state = step.state;
        const length = plan.promptIds.length + k + 1;
        const ids =
          Object.keys(state).length > 0
            ? [token]
            : [...plan.promptIds, ...plan.greedy.slice(0, k + 1)];
        step = await session.run(ids, length, state);
      }
      await session.release();
    }
  });
});

describe.each(RUNNABLE)('$folder without one part of a block', ({ folder, staticCache }) => {
  it('gives the golden likelihood', async () => {
    const source = await openFolder(fixturePath(folder));
    const opened = await openModel(source);
    await source.close();
    const { windows, units } = golden<{
      windows: number[][];
      units?: { attn: (number | null)[]; ffn: (number | null)[] };
    }>(folder);
    for (const part of ['attn', 'ffn'] as const) {
      for (const [block, nll] of units?.[part].entries() ?? []) {
        if (nll === null) {
          expect(() => removeUnits(opened.structure, [sublayerUnit(block, part)])).toThrow();
          continue;
        }
        const session = await start(
          folder,
          removeUnits(opened.structure, [sublayerUnit(block, part)]),
        );
        const found: number[] = [];
        for (const ids of windows)
          found.push(
            ...(await session.likelihoods(ids, session.states(opened, staticCache ? CAPACITY : 0))),
          );
        await session.release();
        expect(
          Math.abs(found.reduce((a, x) => a + x, 0) / found.length - nll),
          `${block}.${part}`,
        ).toBeLessThan(1e-4);
      }
    }
  });
});

const files = new Map<string, Buffer>();

type State = Record<string, Tensor>;

async function start(folder: string, model: Model) {
  const bytes = encodeModel(
    model,
    inFile((range) => {
      const path = `${fixturePath(folder)}/${range.file}`;
      const file = files.get(path) ?? readFileSync(path);
      files.set(path, file);
      return new Uint8Array(file.subarray(range.offset, range.offset + range.length));
    }),
  );
  const session = await InferenceSession.create(bytes, {
    logSeverityLevel: 3,
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
  });
  const inputs = model.graph.inputs.filter((v) => !model.graph.initializers.has(v.name));
  const outputs = model.graph.outputs.map((o) => o.name);
  const past = inputs.filter((v) => v.name.startsWith('past'));
  const feed = (ids: number[], length: number, state: State): State => {
    const feeds: State = { ...state };
    for (const v of inputs) {
      if (v.name === 'input_ids') feeds[v.name] = ints(ids);
      else if (v.name === 'attention_mask') feeds[v.name] = ints(Array.from({ length }, () => 1));
      else if (v.name === 'position_ids')
        feeds[v.name] = ints(ids.map((_, i) => length - ids.length + i));
    }
    return feeds;
  };
  return {
    /** Negative log-likelihood of every token after the first, in nats. */
    async likelihoods(ids: number[], state: State): Promise<number[]> {
      const all = (await session.run(feed(ids, ids.length, state))).logits!;
      const width = all.dims.at(-1)!;
      return ids.slice(1).map((target, t) => {
        const row = Array.from((all.data as Float32Array).subarray(t * width, (t + 1) * width));
        return Math.log(row.reduce((n, x) => n + Math.exp(x), 0)) - row[target]!;
      });
    },
    states: (opened: OpenedModel, rows: number): State =>
      Object.fromEntries(past.map((v) => [v.name, zeros(v, rows, opened.config.headSize ?? 1)])),
    async run(
      ids: number[],
      length: number,
      state: State,
    ): Promise<{ logits: number[]; state: State }> {
      const result = await session.run(feed(ids, length, state));
      const all = result.logits!;
      const logits = Array.from((all.data as Float32Array).subarray(-all.dims.at(-1)!));
      const next = past.map((v): [string, Tensor] => {
        const name = outputs.find((o) => o === v.name.replace(/^past(_key_values)?/, 'present'));
        return [v.name, result[name ?? '']!];
      });
      return { logits, state: Object.fromEntries(next) };
    },
    release: () => session.release(),
  };
}

function ints(values: readonly number[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(values.map(BigInt)), [1, values.length]);
}

function zeros(v: ValueInfo, rows: number, headSize: number): Tensor {
  expect(v.type).toBe(DataType.float);
  const dims = v.dims!.map((d, k) => {
    if (k === 0) return 1;
    if (typeof d === 'number') return d;
    return k === 2 ? rows : headSize;
  });
  return new Tensor('float32', new Float32Array(dims.reduce((n, d) => n * d, 1)), dims);
}
