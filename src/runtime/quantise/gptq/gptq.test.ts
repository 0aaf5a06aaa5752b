// GPTQ of the sample, held to PyTorch; and how the job runs.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { healedStructure } from '../../../model/healing/healedStructure.ts';
import type { OpenedModel } from '../../../model/open/open.ts';
import { openModel } from '../../../model/open/open.ts';
import { makeScorePrograms } from '../../../model/programs/programs.ts';
import { quantisableMatrices } from '../../../model/quantise/matrices.ts';
import type { ComputedMatrix } from '../../../model/quantise/quantisation.ts';
import { openFolder } from '../../../node/testing/openFolder.ts';
import {
  calibrationText,
  evaluationText,
  fixturePath,
  golden,
  samplePath,
} from '../../../testing/fixtures.ts';
import type { Unit } from '../../../units.ts';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import type { Engine } from '../../device/engine.ts';
import { healed } from '../../heal/testing/healed.ts';
import { folderTokenizer } from '../../score/calibration.ts';
import { ScoreSession } from '../../score/session.ts';
import { DEFAULT_KIND, openCpu } from '../../testing/cpuDevices.ts';
import type { MemoryDevice } from '../../weights/memory.ts';
import { changesOf } from '../testing/changesOf.ts';
import { type GptqJob, gptq } from './gptq.ts';
import { floatsOfPacked } from './gptqMatrix.ts';
import { estimateGptq } from './gptqMemory.ts';

type Means = { windows: number; evaluation: number };
/** By BLOCK.PART: norm of the dequantised weight, sum of scales, sum of zero points. */
type Tables = Record<string, [norm: number, scales: number, zeros: number]>;

const expected = golden<{
  float32: Means;
  blocks: { '32': Means & { rtn: Means; tables: Tables }; '128': { tables: Tables } };
}>('gptq');

let engine: Engine;
beforeAll(async () => {
  engine = await openCpu(DEFAULT_KIND);
});
afterAll(async () => {
  expect(engine.ledger.total()).toBe(0);
  await engine.dispose();
});

type Asked = Partial<Omit<GptqJob, 'folder' | 'engine' | 'matrices'>>;

async function run(session: ScoreSession, { structure }: OpenedModel, asked: Asked) {
  const all = quantisableMatrices(structure);
  const matrices = all.filter(({ kind, obstacle }) => kind === 'block' && obstacle === null);
  return session.alone((model) =>
    gptq({ ...model, removed: [], matrices, block: 32, windows: [], onProgress() {}, ...asked }),
  );
}

function tableOf({ weights, scales, zeros, outputs, inputs, blockSize }: ComputedMatrix) {
  const blocks = Math.ceil(inputs / blockSize);
  const factors = new Float32Array(scales.buffer);
  let [squares, points] = [0, 0];
  for (let row = 0; row < outputs; row++)
    for (let at = 0; at < blocks; at++) {
      const zero = nibble(zeros, row * 2 * Math.ceil(blocks / 2) + at);
      points += zero;
      for (let k = at * blockSize; k < Math.min(inputs, (at + 1) * blockSize); k++) {
        const q = nibble(weights, row * blocks * blockSize + k);
        squares += ((q - zero) * factors[row * blocks + at]!) ** 2;
      }
    }
  return [Math.sqrt(squares), factors.reduce((sum, value) => sum + value, 0), points] as const;
}

const nibble = (bytes: Uint8Array, k: number): number => (bytes[k >> 1]! >> ((k & 1) * 4)) & 15;

function compare(computed: readonly ComputedMatrix[], tables: Tables): void {
  for (const [name, [norm, scales, zeros]] of Object.entries(tables)) {
    const found = computed.find(({ tensor }) => tensor === `model.layers.${name}.MatMul.weight`)!;
    const [ownNorm, ownScales, ownZeros] = tableOf(found);
    expect(Math.abs(ownNorm / norm - 1)).toBeLessThan(1e-5);
    expect(Math.abs(ownScales / scales - 1)).toBeLessThan(1e-5);
    expect(Math.abs(ownZeros / zeros - 1)).toBeLessThan(1e-4);
  }
}

describe('the sample by GPTQ', () => {
  let opened: OpenedModel;
  let calibration: number[][];
  let evaluation: number[][];
  beforeAll(async () => {
    opened = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
    const tokenizer = await folderTokenizer(opened.root.folder);
    const windows = (text: string, count: number): number[][] => {
      const ids = [...tokenizer.encode(text)];
      return Array.from({ length: count }, (_, k) => ids.slice(128 * k, 128 * (k + 1)));
    };
    calibration = windows(calibrationText(), 32);
    evaluation = windows(evaluationText(), 40);
  });

  it('is that of PyTorch in blocks of 32, and not worse than rounding on held text', async () => {
    const session = ScoreSession.open(opened, engine);
    const found = await run(session, opened, { windows: calibration });
    expect([found.notes, found.tokens, found.computed.length]).toEqual([[], 32 * 128, 80]);
    compare(found.computed, expected.blocks[32].tables);
    const changes = await changesOf(opened.structure, found.computed);
    const healing = await healed([], { changes, tokens: found.tokens });
    const measured = async (windows: number[][]): Promise<number> => {
      await session.useWindows(windows);
      return (await session.plan([], undefined, () => {}, healing)).nll;
    };
    const { windows, evaluation: held, rtn } = expected.blocks[32];
    const nll = await measured(evaluation);
    expect(Math.abs(nll - held)).toBeLessThan(1e-4);
    expect(nll).toBeLessThan(rtn.evaluation);
    const goldenWindows = golden<{ windows: number[][] }>('sample').windows;
    expect(Math.abs((await measured(goldenWindows)) - windows)).toBeLessThan(1e-4);
    await session.dispose();
  });

  it('is that of PyTorch in blocks of 128, in WebAssembly, up to what is removed', async () => {
    const wasm = await openCpu('wasm');
    const session = ScoreSession.open(opened, wasm);
    const removed: Unit[] = ['1.ffn', ...Array.from({ length: 14 }, (_, k) => k + 2)];
    const { computed } = await run(session, opened, { windows: calibration, block: 128, removed });
    const left = Object.entries(expected.blocks[128].tables).filter(
      ([name]) => !name.startsWith('1.mlp'),
    );
    expect(computed).toHaveLength(left.length);
    compare(computed, Object.fromEntries(left));
    await session.dispose();
    expect(wasm.ledger.total()).toBe(0);
    await wasm.dispose();
  });
});

describe('GPTQ', () => {
  const name = 'optimum-llama-fp32';
  const { windows } = golden(name);
  let opened: OpenedModel;
  let session: ScoreSession;
  beforeAll(async () => {
    opened = await openModel(await openFolder(fixturePath(name)));
    session = ScoreSession.open(opened, engine);
  });
  afterAll(() => session.dispose());

  const estimate = (budget: number, device: MemoryDevice = engine) =>
    estimateGptq({
      programs: session.programs,
      removed: [],
      matrices: quantisableMatrices(opened.structure).filter(({ kind }) => kind === 'block'),
      block: 32,
      size: { windows: windows.length, length: 24 },
      device,
      budget,
    });

  it('goes on after an interruption, and comes to the same bytes', async () => {
    const whole = await run(session, opened, { windows });
    expect(whole.computed).toHaveLength(35);
    const abort = new AbortController();
    let saved: Checkpoint | null = null;
    const store = {
      load: async () => structuredClone(saved),
      save: async (checkpoint: Checkpoint) => {
        saved = structuredClone(checkpoint);
      },
      clear: async () => {},
    };
    let steps = 0;
    let waits = 0;
    const gate = {
      wait: async () => {
        waits += 1;
      },
    };
    const cancelled = run(session, opened, {
      windows,
      store,
      gate,
      signal: abort.signal,
      onProgress: () => {
        steps += 1;
        if (steps === 40) abort.abort();
      },
    });
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    expect(waits).toBeGreaterThan(40);
    expect(saved).toMatchObject({ done: 3, total: 5 });
    steps = 0;
    let progress = [0, 0];
    const rest = await run(session, opened, {
      windows,
      store,
      onProgress: ({ done, total }) => {
        steps += 1;
        progress = [done, total];
      },
    });
    // The finished blocks run once more, and are not quantised again.
    expect(steps).toBeLessThan(40);
    expect(progress[0]).toBe(progress[1]);
    expect(rest.computed).toEqual(whole.computed);
    // What another request has left is not taken.
    const other = await run(session, opened, { windows, store, block: 16 });
    expect(other.computed.every(({ blockSize }) => blockSize === 16)).toBe(true);
  });

  it('holds what it says, and states of a few windows where the budget is small', async () => {
    const needed = estimate(1e9).memory;
    let budget = needed.total * 0.99;
    for (; estimate(budget).memory.hiddenStates === needed.hiddenStates; ) budget *= 0.99;
    const small = estimate(budget);
    expect(small.memory.obstacle).toBeUndefined();
    expect(small.notes).toEqual([expect.stringMatching(/of 3 calibration windows fit/)]);
    const own = await openCpu(DEFAULT_KIND);
    const apart = ScoreSession.open(opened, own);
    const parts = await run(apart, opened, { windows, budget, removed: [1, 2, 4] });
    expect(own.ledger.peak()).toBeLessThan(small.memory.total);
    await apart.dispose();
    await own.dispose();
    const whole = await run(session, opened, { windows, removed: [1, 2, 4] });
    expect(parts.computed).toHaveLength(14);
    for (const [k, matrix] of parts.computed.entries()) {
      const [norm, scales] = tableOf(matrix);
      const [wholeNorm, wholeScales] = tableOf(whole.computed[k]!);
      expect(Math.abs(norm / wholeNorm - 1)).toBeLessThan(1e-2);
      expect(Math.abs(scales / wholeScales - 1)).toBeLessThan(1e-2);
    }
  });

  it('of a healed model starts from the weights that it was healed to', async () => {
    const matrix = quantisableMatrices(opened.structure).find(({ block }) => block === 1)!;
    const { tensor, outputs, inputs, order } = matrix;
    const values = Float32Array.from({ length: outputs * inputs }, (_, k) => Math.sin(k * k) / 20);
    const change = { tensor, block: 1, kind: 'replaced' } as const;
    const changes = [{ ...change, values: new Uint8Array(values.buffer) }];
    const base = healedStructure(opened.structure, { changes }, 'float');
    const programs = makeScorePrograms({ ...opened, structure: base }, { device: engine.kind });
    const asked = { programs, windows, removed: [0, 2, 3, 4] };
    const { computed } = await run(session, { ...opened, structure: base }, asked);
    expect(computed).toHaveLength(7);
    const floats = await floatsOfPacked(computed[0]!, order, async () => {});
    const most = new Float32Array(floats.buffer).reduce(
      (sum, value, k) => Math.max(sum, Math.abs(value - values[k]!)),
      0,
    );
    expect(computed[0]!.tensor).toBe(tensor);
    expect(most).toBeLessThan(0.02);
  });

  it('names what is too large, and the methods that need less', async () => {
    const { memory } = estimate(1e5);
    expect(memory.obstacle).toMatch(/^GPTQ of this model needs .* or take RTN or HQQ/);
    const small = { kind: 'webgpu', maxBufferBytes: 1e4 } as const;
    expect(estimate(1e9, small).memory.obstacle).toMatch(/^The weight .* allows at most 10.0 kB/);
    const work = run(session, opened, { windows, budget: 1e5 });
    await expect(work).rejects.toMatchObject({ code: 'too-large' });
    await expect(run(session, opened, { windows: [] })).rejects.toMatchObject({
      code: 'bad-input',
    });
  });
});
