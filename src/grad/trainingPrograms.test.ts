// Gradients of adapters and of stored weights: those of PyTorch on the sample, and differences of
// the blocks themselves on small models.

import { describe, expect, it } from 'vitest';
import { openModel } from '../model/open/open.ts';
import { makeScorePrograms } from '../model/programs/programs.ts';
import { fitted } from '../model/programs/widen.ts';
import { openFolder } from '../node/testing/openFolder.ts';
import { fixturePath, golden, samplePath } from '../testing/fixtures.ts';
import type { Unit } from '../units.ts';
import { noise } from './testing/directional.ts';
import { normOf, Trainer, trainingError } from './testing/trainer.ts';
import { changesOf } from './training/parameters.ts';
import { makeTrainingPrograms, type TrainingMethod } from './trainingPrograms.ts';

interface LoraGolden {
  removed: number[];
  rank: number;
  alpha: number;
  seed: number;
  rows: number;
  train_ids: number[][][];
  runs: Record<string, { loss: number[]; first_gradient_norms: Record<string, [number, number]> }>;
}

const GOLDEN = golden<LoraGolden>('lora');
const FUSED = ['qkv', 'o', 'gate', 'up', 'down'];
const SPLIT = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'];

async function opened(name: string) {
  const folder = await openFolder(name === 'sample' ? samplePath() : fixturePath(name));
  const model = await openModel(folder, name === 'sample' ? 'onnx/model.onnx' : undefined);
  const programs = fitted(makeScorePrograms(model, { device: 'wasm' }), false);
  return { folder, structure: model.structure, programs };
}

describe('the first step of LoRA on the sample is that of PyTorch', () => {
  const kept: Unit[] = [...Array(16).keys()].filter((block) => !GOLDEN.removed.includes(block));
  it.each([
    ['graph-kl', 'fused', 1],
    ['seven-nll', 'split', 0],
  ] as const)('%s', async (name, matrices, kl) => {
    const model = await opened('sample');
    const { rank, alpha, seed } = GOLDEN;
    const training: TrainingMethod = {
      method: 'lora',
      ...{ rank, scale: alpha / rank, matrices, dropout: false },
    };
    const trainer = await Trainer.open(model, kept, training, kl, GOLDEN.train_ids[0] ?? []);
    expect(trainer.made.notes).toEqual([]);
    expect(trainer.made.obstacle).toBeNull();
    await trainer.start(seed);
    const { loss, gradients } = await trainer.step();
    const wanted = GOLDEN.runs[name];
    expect(Math.abs(loss / (wanted?.loss[0] ?? 0) - 1)).toBeLessThan(1e-5);
    const slots = matrices === 'fused' ? FUSED : SPLIT;
    const found = new Map<string, [number, number]>();
    for (const { name: of, block, slot, role } of trainer.made.parameters) {
      const key = `${block}.${slots[slot]}`;
      const norms = found.get(key) ?? [Number.NaN, Number.NaN];
      norms[role === 'a' ? 0 : 1] = normOf(gradients.get(of) as Float32Array);
      found.set(key, norms);
    }
    const norms = Object.entries(wanted?.first_gradient_norms ?? {});
    expect(norms.length).toBe(12 * slots.length);
    expect([...found.keys()]).toEqual(norms.map(([key]) => key));
    for (const [key, [a, b]] of norms) {
      expect(found.get(key)?.[0], key).toBe(a);
      expect(Math.abs((found.get(key)?.[1] ?? 0) / b - 1), key).toBeLessThan(1e-4);
    }
    await trainer.close();
    await model.folder.close();
  });
});

const WINDOWS = [0, 1].map((row) => Array.from({ length: 10 }, (_, k) => 5 + k * k + row * 7));

const lora = (matrices: 'fused' | 'split', dropout = false): TrainingMethod => {
  return { method: 'lora', rank: 3, scale: 2, matrices, dropout };
};

/** A trainer whose second factors are not zeros any more. */
async function started(
  model: Awaited<ReturnType<typeof opened>>,
  kept: Unit[],
  training: TrainingMethod,
  kl: number,
  maxBufferBytes?: number,
): Promise<Trainer> {
  const trainer = await Trainer.open(model, kept, training, kl, WINDOWS, maxBufferBytes);
  await trainer.start(1);
  for (const [k, { name, role, dims }] of trainer.made.parameters.entries())
    if (role === 'b')
      trainer.values.set(
        name,
        Float32Array.from(noise((dims[0] ?? 0) * (dims[1] ?? 0), k), (x) => 0.2 * x),
      );
  return trainer;
}

/** Operators with a WebGPU kernel. @source onnxruntime 1.30, webgpu_execution_provider.cc */
const ON_WEBGPU = new Set([
  ...['Add', 'Sub', 'Mul', 'Div', 'Neg', 'Abs', 'Exp', 'Sqrt', 'Reciprocal', 'Sigmoid', 'Tanh'],
  ...['MatMul', 'Gemm', 'Softmax', 'Where', 'Greater', 'Equal', 'Cast', 'Relu', 'Erf', 'Identity'],
  ...['ReduceSum', 'ReduceMean', 'ReduceMax', 'Reshape', 'Transpose', 'Concat', 'Slice', 'Expand'],
  ...['Unsqueeze', 'Squeeze', 'Split', 'Gather', 'GatherElements', 'DequantizeLinear', 'Clip'],
  ...['SimplifiedLayerNormalization', 'LayerNormalization', 'Log', 'Shape', 'Pow', 'ArgMax'],
]);

describe('gradients of parameters agree with differences of the loss', () => {
  it.each<[string, Unit[], TrainingMethod, kl: number, step: number, parameters: number]>([
    ['genai-llama-fp16-webgpu', [0, 2], lora('split'), 0.5, 1e-2, 28],
    ['genai-llama-int4-webgpu', [0, '1.attn', '3.ffn'], lora('fused'), 0, 1e-2, 20],
    ['genai-llama-int4-webgpu-qdq', [1], lora('fused'), 1, 1e-2, 10],
    ['optimum-opt-fp32', [0, 1], lora('fused', true), 0, 1e-3, 24],
    ['optimum-qwen3moe-fp32', [0], lora('fused'), 0.5, 1e-3, 8],
    ['optimum-llama-fp32', [0, '2.ffn'], full([2], true, true), 0.6, 3e-4, 6],
    ['genai-lfm2-fp32-cpu', [0, 1], full([0], false, false), 0, 3e-4, 6],
  ])('%s of %j', async (name, kept, training, kl, step, parameters) => {
    const model = await opened(name);
    const trainer = await started(model, kept, training, kl);
    trainer.mask();
    expect(trainer.made.parameters.length).toBe(parameters);
    expect(new Set(trainer.made.parameters.map((one) => one.name)).size).toBe(parameters);
    trainer.weights = trainer.weights.map((w, k) => (k % 4 === 1 ? 0 : w * (1 + (k % 3))));
    expect(await trainingError(trainer, step)).toBeLessThan(1e-3);
    // What the gradients add to what the model itself needs.
    const run = { rows: WINDOWS.length, length: WINDOWS[0]?.length ?? 0 };
    for (const unit of trainer.made.units) {
      const { ops } = trainer.made.backward(unit, run).bound.program;
      const added = Object.keys(ops).filter((op) => !(op in unit.forward.program.ops));
      expect(added.filter((op) => !ON_WEBGPU.has(op))).toEqual([]);
    }
    await trainer.close();
    await model.folder.close();
  });
});

function full(blocks: number[], norms: boolean, head: boolean): TrainingMethod {
  return { method: 'full', blocks, norms, head };
}

describe('programs of training', () => {
  it('start where the plan is, and are measured without dropout', async () => {
    const model = await opened('optimum-opt-fp32');
    const trainer = await Trainer.open(model, [0, 1], lora('fused', true), 0, WINDOWS);
    await trainer.start(1);
    const plain = await Trainer.open(model, [0, 1], full([1], false, false), 0, WINDOWS);
    await plain.start(1);
    expect((await trainer.measured()).nll).toEqual((await plain.measured()).nll);
    expect(await plain.loss()).toBeGreaterThan(1);
    await trainer.close();
    await plain.close();
    await model.folder.close();
  });

  it('give gradients in parts that are the whole', async () => {
    const model = await opened('genai-llama-fp16-webgpu');
    const trainers = [
      await started(model, [0], lora('fused'), 0),
      await started(model, [0], lora('fused'), 0, 400),
    ] as const;
    const [whole, parts] = [await trainers[0].step(), await trainers[1].step()];
    expect(trainers[1].made.parameters[0]?.parts.length).toBeGreaterThan(1);
    for (const [name, values] of whole.gradients) {
      const other = parts.gradients.get(name);
      expect(other?.length).toBe(values.length);
      for (const [k, x] of values.entries()) expect(other?.[k]).toBeCloseTo(x, 6);
    }
    for (const trainer of trainers) await trainer.close();
    await model.folder.close();
  });

  it('become changes of stored weights in the order of the files', async () => {
    const model = await opened('genai-llama-fp16-webgpu');
    const trainer = await started(model, [1], lora('split'), 0);
    const { made, values } = trainer;
    const changes = changesOf(made.parameters, values, 2);
    expect(changes.length).toBe(7);
    const [, key] = changes;
    expect(key).toMatchObject({ block: 1, rank: 3, scale: 2, columns: [64, 96] });
    expect(model.structure.graph.initializers.get(key?.tensor ?? '')?.dims).toEqual([64, 128]);
    if (key?.kind !== 'low-rank') throw new Error('not an adapter');
    const [a, b] = [key.a, key.b].map((bytes) => new Float32Array(bytes.buffer));
    const [first, second] = made.parameters.filter(({ slot }) => slot === 1);
    const [fedA, fedB] = [first, second].map((one) => values.get(one?.name ?? ''));
    // Element (input 5, column 7) of both products.
    const stored = [0, 1, 2].reduce(
      (sum, j) => sum + (a?.[j * 64 + 5] ?? 0) * (b?.[7 * 3 + j] ?? 0),
      0,
    );
    const fed = [0, 1, 2].reduce(
      (sum, j) => sum + (fedA?.[5 * 3 + j] ?? 0) * (fedB?.[j * 32 + 7] ?? 0),
      0,
    );
    expect(stored).toBe(fed);
    expect(stored).not.toBe(0);
    await trainer.close();
    await model.folder.close();
  });

  it.each<[string, TrainingMethod, RegExp]>([
    [
      'genai-llama-int4-webgpu',
      full([1], false, false),
      /qkv_proj.* of block 1 is stored as uint8/,
    ],
    ['genai-gemma2-fp32-cpu', full([1], false, true), /table of the token embeddings too/],
    ['optimum-llama-fp32', full([5], false, false), /Block 5 is removed by the plan/],
    ['optimum-llama-fp32', full([], false, false), /Nothing of this plan would be trained/],
    ['optimum-llama-int8', lora('fused'), /products in 8-bit integers stay as they are/],
  ])('are refused by name where there are none: %s %o', async (name, training, message) => {
    const { structure, programs, folder } = await opened(name);
    const options = { kl: 0, maxBufferBytes: 2 ** 27, feedsNibbles: true };
    const run = { rows: 1, length: 8 };
    expect(() =>
      makeTrainingPrograms(structure, programs, { ...options, run, kept: [0, 1], training }),
    ).toThrow(message);
    await folder.close();
  });

  it('leave constants inside of a program as they are', async () => {
    const { structure, programs, folder } = await opened('kvshare-plain');
    const kept: Unit[] = [0, 2, 3, 4, 5];
    const made = makeTrainingPrograms(structure, programs, {
      ...{ kept, kl: 0, run: { rows: 1, length: 8 }, maxBufferBytes: 2 ** 27, feedsNibbles: true },
      training: { method: 'full', blocks: [3], norms: true, head: false },
    });
    expect(made.notes).toEqual(['norms of very few values stay as they are']);
    const stored = new Set([...programs.blocks[3]!.weights.values()].map(({ name }) => name));
    const own = made.parameters.filter(({ block }) => block === 3);
    expect(own.length).toBeGreaterThan(7);
    expect(own.filter(({ tensor }) => !stored.has(tensor ?? ''))).toEqual([]);
    await folder.close();
  });

  it.each([
    [
      'optimum-qwen3moe-fp32',
      ['every expert is computed for every token', 'routers and experts stay'],
    ],
    ['optimum-gptneox-fp32', ['one adapter where their columns alternate']],
    ['genai-lfm2-fp32-cpu', ['convolutions stay as they are']],
  ])('say what is left out of %s', async (name, notes) => {
    const { structure, programs, folder } = await opened(name);
    const made = makeTrainingPrograms(structure, programs, {
      ...{ kept: [0], training: lora('split'), kl: 0, run: { rows: 1, length: 8 } },
      ...{ maxBufferBytes: 2 ** 27, feedsNibbles: true },
    });
    expect(made.notes.length).toBe(notes.length);
    for (const [k, note] of notes.entries()) expect(made.notes[k]).toContain(note);
    await folder.close();
  });
});
