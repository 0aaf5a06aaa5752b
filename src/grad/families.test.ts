// Gradients of blocks for which there are no goldens of PyTorch: hybrids and quantised experts,
// held to differences of the blocks themselves.

import { describe, expect, it } from 'vitest';
import { openModel } from '../model/open/open.ts';
import type { BoundProgram, ScorePrograms, WeightRef } from '../model/programs/program.ts';
import { encodeInline } from '../model/programs/programModel.ts';
import { makeScorePrograms } from '../model/programs/programs.ts';
import { fitted } from '../model/programs/widen.ts';
import { openFolder } from '../node/testing/openFolder.ts';
import { DataType, type Node } from '../onnx/graph.ts';
import { countOperators } from '../onnx/operators.ts';
import { memoryFolder } from '../onnx/testing/text.ts';
import { fixturePath } from '../testing/fixtures.ts';
import { blockGradient, gradientClass } from './blockGradient.ts';
import type { AttributeValue } from './build/attributes.ts';
import { makeGradientPrograms } from './gradientPrograms.ts';
import { directionalError, noise } from './testing/directional.ts';
import { Driver } from './testing/driver.ts';
import { graphOf, nodeOf } from './testing/smallGraphs.ts';

const [B, S, C] = [2, 6, 32];
const MICROSOFT = 'com.microsoft';

/** A weight of floats, or of arbitrary bytes where the type says so. */
function weightOf(type: 'float32' | 'uint8', dims: number[], seed: number, size = 1, level = 0) {
  const count = dims.reduce((n, d) => n * d, 1);
  const values = noise(count, seed);
  const data =
    type === 'uint8'
      ? Uint8Array.from(values, (x) => Math.floor((x + 0.5) * 256))
      : new Uint8Array(Float32Array.from(values, (x) => level + 2 * size * x).buffer);
  return { name: '', type, dims, byteLength: data.length, data } satisfies WeightRef;
}

/** x plus what the nodes make of x, as a block; their last output is called `y`. */
function blockOf(nodes: readonly Node[], weights: Record<string, WeightRef>): BoundProgram {
  const inputs = Object.entries(weights).map(([name, { type, dims }]) => {
    return { name, type: type === 'uint8' ? DataType.uint8 : DataType.float, dims };
  });
  const model = graphOf([...nodes, nodeOf('Add', ['x', 'y'], ['z'])], ['x', ...inputs], [], 22);
  const { graph } = model;
  graph.inputs = graph.inputs.map((input) => ({
    ...input,
    dims: weights[input.name]?.dims ?? ['batch', 'sequence', C],
  }));
  graph.outputs = [{ name: 'z', type: DataType.float, dims: null }];
  return {
    program: {
      id: 'block-0',
      bytes: encodeInline(model),
      inputs: [
        { name: 'x', type: 'float32', source: { kind: 'residual' } },
        ...Object.entries(weights).map(([name, { type }]) => {
          return { name, type, source: { kind: 'weight' } as const };
        }),
      ],
      outputs: [{ name: 'z', type: 'float32', target: { kind: 'residual' } }],
      ops: countOperators(model.graph),
    },
    weights: new Map(Object.entries(weights)),
    sides: new Map(),
  };
}

/** Experts with 4 or 8 bits, a scale for each block of 16 columns or for each row. */
function experts(bits: 4 | 8, blockwise: boolean, zeros = false): BoundProgram {
  const [count, units] = [4, 32];
  const stack = (rows: number, columns: number, seed: number): WeightRef[] => {
    const blocks = columns / 16;
    const packed = Math.ceil((blocks * bits) / 8);
    const scale = bits === 4 ? 0.01 : 0.0006;
    return [
      weightOf('uint8', [count, rows, (columns * bits) / 8], seed),
      weightOf('float32', blockwise ? [count, rows, blocks] : [count, rows], seed + 1, scale, 0.03),
      weightOf('uint8', [count, rows, packed], seed + 2),
    ];
  };
  const [w1, s1, z1] = stack(2 * units, C, 10) as [WeightRef, WeightRef, WeightRef];
  const [w2, s2, z2] = stack(C, units, 20) as [WeightRef, WeightRef, WeightRef];
  const scaled = bits === 4 ? [s1, s2] : [s1, s2].map((s, k) => smaller(s, 30 + k));
  const attributes: Record<string, AttributeValue> = {
    ...{ k: 2, normalize_routing_weights: 1, expert_weight_bits: bits },
    ...{ activation_type: 'swiglu', swiglu_fusion: 1, activation_alpha: { float: 1 } },
    ...(blockwise ? { block_size: 16 } : {}),
  };
  const points = zeros ? ['', '', '', 'z1', 'z2'] : [];
  const inputs = ['x', 'logits', 'w1', 's1', 'b1', 'w2', 's2', 'b2', ...points];
  return blockOf(
    [
      nodeOf('Constant', [], ['shape'], { value_ints: [-1, count] }),
      nodeOf('MatMul', ['x', 'router'], ['routed']),
      nodeOf('Reshape', ['routed', 'shape'], ['logits']),
      nodeOf('QMoE', inputs, ['y'], attributes, MICROSOFT),
    ],
    {
      router: weightOf('float32', [C, count], 1, 2),
      ...{ w1, s1: scaled[0] as WeightRef, w2, s2: scaled[1] as WeightRef },
      b1: weightOf('float32', [count, 2 * units], 2),
      b2: weightOf('float32', [count, C], 3),
      ...(zeros ? { z1, z2 } : {}),
    },
  );
}

const smaller = ({ dims }: WeightRef, seed: number): WeightRef =>
  weightOf('float32', [...dims], seed, 0.0006, 0.002);

/** Linear attention with decays and corrections, two heads of keys, four of values. */
function linearAttention(): BoundProgram {
  const product = (to: string): Node => nodeOf('MatMul', ['x', `w${to}`], [to]);
  const norm = (from: string): Node[] => [
    nodeOf('Reshape', [from, 'heads'], [`${from}4`]),
    nodeOf('LpNormalization', [`${from}4`], [`${from}n`], { axis: -1, p: 2 }),
    nodeOf('Reshape', [`${from}n`, 'flat'], [`${from}3`]),
  ];
  const operands = ['q3', 'k3', 'v', '', 'decay', 'beta'];
  const attributes = { q_num_heads: 2, kv_num_heads: 4, update_rule: 'gated_delta' };
  return blockOf(
    [
      nodeOf('Constant', [], ['heads'], { value_ints: [0, 0, 2, 8] }),
      nodeOf('Constant', [], ['flat'], { value_ints: [0, 0, 16] }),
      ...['q', 'k', 'v', 'a', 'b', 'g'].map(product),
      ...norm('q'),
      ...norm('k'),
      nodeOf('LinearAttentionGate', ['a', 'bias', 'scale', 'b'], ['decay', 'beta'], {}, MICROSOFT),
      nodeOf('LinearAttention', operands, ['o', 'state'], attributes, MICROSOFT),
      nodeOf('GatedRMSNorm', ['o', 'gamma', 'g'], ['n'], { epsilon: { float: 1e-5 } }, MICROSOFT),
      nodeOf('MatMul', ['n', 'w2'], ['y']),
    ],
    {
      wq: weightOf('float32', [C, 16], 1),
      wk: weightOf('float32', [C, 16], 2),
      wv: weightOf('float32', [C, 32], 3),
      wa: weightOf('float32', [C, 4], 4),
      wb: weightOf('float32', [C, 4], 5),
      wg: weightOf('float32', [C, 32], 6),
      bias: weightOf('float32', [4], 7),
      scale: weightOf('float32', [4], 8, 0.2, -0.5),
      gamma: weightOf('float32', [8], 9, 0.2, 1),
      w2: weightOf('float32', [32, C], 11),
    },
  );
}

const BLOCKS: Record<string, () => BoundProgram> = {
  'linear attention': linearAttention,
  'experts of 4 bits in blocks': () => experts(4, true),
  'experts of 4 bits in blocks with zero points': () => experts(4, true, true),
  'experts of 4 bits in rows': () => experts(4, false),
  'experts of 8 bits in blocks': () => experts(8, true),
};

describe('the gradient of a block agrees with differences of the block', () => {
  it.each(Object.entries(BLOCKS))('with %s', async (_, make) => {
    const bound = make();
    const values = {
      run: { rows: B, length: S },
      sides: new Map(),
      stateSize: C,
      past: 0,
      feedsNibbles: true,
    };
    const asked = [...bound.weights.keys()].filter((name) => /^w|router/.test(name));
    const roles = asked.map((weight) => {
      return { weight, name: weight, kind: 'linear', sublayer: null } as const;
    });
    const taps = { roles, accumulate: false, limit: 2 ** 24 };
    const made = blockGradient(gradientClass(bound, values, taps, 'gradient'), bound, roles);
    expect(made.taps.map(({ weight }) => weight)).toEqual(asked);
    expect(asked.length).toBeGreaterThan(2);
    const driver = await Driver.open({} as ScorePrograms, memoryFolder({}));
    const residual = driver.state(Float32Array.from(noise(B * S * C, 7)), [B, S, C]);
    const env = { windows: [], sides: new Map(), residual };
    expect(await directionalError(driver, bound, made.bound, env, 1e-3)).toBeLessThan(2e-4);
    await driver.close();
  });

  it.each([
    'genai-gemma4u-fp32-cpu',
    'dynamo-bamba-fp32-nokv',
    'kvshare-plain',
    'split-genai-qwen25vl-fp32',
    'split-smolvlm-q4',
  ])('of %s', async (name) => {
    const folder = await openFolder(fixturePath(name));
    const opened = await openModel(folder);
    const programs = fitted(makeScorePrograms(opened, { device: 'wasm' }), false);
    const windows = [0, 1].map((row) => Array.from({ length: 12 }, (_, k) => 5 + k * k + row * 7));
    const run = { rows: 2, length: 12 };
    const gradients = makeGradientPrograms(opened.structure, programs, {
      run,
      predictions: 22,
      accumulate: false,
      kinds: ['linear'],
      feedsNibbles: true,
      maxBufferBytes: 2 ** 24,
    });
    expect(gradients.obstacle).toBeNull();
    const driver = await Driver.open(programs, folder);
    const { states, sides } = await driver.forward(windows);
    const distinct = new Map(programs.blocks.map(({ program }, at) => [program.id, at]));
    for (const at of distinct.values()) {
      const block = programs.blocks[at] as BoundProgram;
      const residual = states[at] as (typeof states)[0];
      const env = { windows, sides, residual };
      const { bound } = gradients.block(at, run);
      expect(await directionalError(driver, block, bound, env, 5e-4)).toBeLessThan(2e-4);
    }
    await driver.close();
    await folder.close();
  });

  it('of norms inside the attention operator, which only WebGPU runs', async () => {
    const folder = await openFolder(fixturePath('genai-qwen3-fp32-webgpu'));
    const opened = await openModel(folder);
    const run = { rows: 2, length: 12 };
    const windows = [0, 1].map((row) => Array.from({ length: 12 }, (_, k) => 5 + k * k + row * 7));
    const scores = (['wasm', 'webgpu'] as const).map((device) =>
      makeScorePrograms(opened, { device }),
    );
    const [outside, inside] = scores.map((programs) => {
      const gradients = makeGradientPrograms(opened.structure, programs, {
        run,
        predictions: 22,
        accumulate: false,
        kinds: ['linear', 'norm'],
        feedsNibbles: true,
        maxBufferBytes: 2 ** 24,
      });
      return gradients.block(1, run).bound;
    }) as [BoundProgram, BoundProgram];
    const [programs] = scores as [ScorePrograms];
    const driver = await Driver.open(programs, folder);
    const { states, sides } = await driver.forward(windows);
    const residual = states[1] as (typeof states)[0];
    const gradient = driver.state(Float32Array.from(noise(residual.size, 3)), residual.dims);
    const env = { windows, sides, residual, gradient };
    const values = async (bound: BoundProgram): Promise<number[][]> => {
      const found = await driver.run(bound, env);
      return bound.program.outputs
        .map(({ name }) => [...((found.get(name) as (typeof states)[0]).data as Float32Array)])
        .sort((a, b) => b.length - a.length || (a[0] as number) - (b[0] as number));
    };
    const wanted = await values(outside);
    for (const [k, list] of (
      await values({ ...inside, program: { ...inside.program, id: 'i' } })
    ).entries())
      for (const [j, value] of list.entries())
        expect(Math.abs(value - (wanted[k]?.[j] as number))).toBeLessThan(
          1e-5 * Math.max(...list.map(Math.abs)),
        );
    expect(wanted.length).toBe(10);
    await driver.close();
    await folder.close();
  });
});
