import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../onnx/codec.ts';
import type { Tensor } from '../../onnx/graph.ts';
import { runtime } from '../testing/ort.ts';
import { appendNll, TARGETS } from './nll.ts';
import {
  exactQuantisedMatMul,
  foldTransposedLookup,
  foldTransposedWeights,
  makeNode,
  replaceIsNaN,
} from './rewrites.ts';
import type { Subgraph } from './subgraph.ts';
import { aliasReshapes, liftConstants } from './weights.ts';

const FLOAT = 1;
const INT64 = 7;

function floats(name: string, dims: number[], values: readonly number[]): Tensor {
  return { name, type: FLOAT, dims, data: new Uint8Array(Float32Array.from(values).buffer) };
}

function subgraphOf(
  nodes: Subgraph['nodes'],
  inputs: string[],
  outputs: string[],
  tensors: Tensor[],
): Subgraph {
  return { nodes, inputs, outputs, initializers: new Map(tensors.map((t) => [t.name, t])) };
}

/**
 * Runs a subgraph on the real runtime; constants stay inside, values are float32 unless they are
 * bigint.
 */
async function run(
  subgraph: Subgraph,
  feeds: Record<string, { dims: number[]; values: readonly number[] | readonly bigint[] }>,
): Promise<number[]> {
  const ort = await runtime();
  const typed = (name: string): number =>
    typeof feeds[name]?.values[0] === 'bigint' ? INT64 : FLOAT;
  const bytes = encodeModel(
    {
      irVersion: 10,
      producerName: 'test',
      producerVersion: '',
      opsets: new Map([['', 18]]),
      metadata: new Map(),
      graph: {
        name: 'subgraph',
        nodes: subgraph.nodes,
        initializers: subgraph.initializers,
        inputs: subgraph.inputs.map((name) => ({ name, type: typed(name), dims: null })),
        outputs: subgraph.outputs.map((name) => ({ name, type: FLOAT, dims: null })),
        valueInfo: new Map(),
      },
      functions: [],
    },
    () => {
      throw new Error('no ranges here');
    },
  );
  const session = await ort.InferenceSession.create(bytes);
  const tensors = Object.entries(feeds).map(([name, { dims, values }]) => [
    name,
    typed(name) === INT64
      ? new ort.Tensor('int64', BigInt64Array.from(values as bigint[]), dims)
      : new ort.Tensor('float32', Float32Array.from(values as number[]), dims),
  ]);
  const result = (await session.run(Object.fromEntries(tensors)))[subgraph.outputs[0] ?? ''];
  await session.release();
  return Array.from(result?.data as Float32Array);
}

describe('IsNaN after a softmax', () => {
  const make = (): Subgraph =>
    subgraphOf(
      [
        makeNode('Softmax', ['x'], ['s'], { axis: -1 }),
        makeNode('IsNaN', ['s'], ['bad']),
        makeNode('Where', ['bad', 'zero', 's'], ['y']),
      ],
      ['x'],
      ['y'],
      [floats('zero', [], [0])],
    );
  const x = {
    dims: [3, 3],
    values: [
      1,
      2,
      3,
      ...new Array(3).fill(Number.NEGATIVE_INFINITY),
      0,
      Number.NEGATIVE_INFINITY,
      -50,
    ],
  };

  it('becomes a comparison that gives the same bits, fully masked rows included', async () => {
    const before = await run(make(), { x });
    const subgraph = make();
    expect(replaceIsNaN(subgraph)).toBe(1);
    expect(subgraph.nodes.map((node) => node.op)).toEqual(['Softmax', 'GreaterOrEqual', 'Where']);
    const after = await run(subgraph, { x });
    expect(after).toEqual(before);
    expect(after.slice(3, 6)).toEqual([0, 0, 0]);
  });

  it('stays where the tested value may be negative', () => {
    const subgraph = make();
    subgraph.nodes[0] = makeNode('Tanh', ['x'], ['s']);
    expect(replaceIsNaN(subgraph)).toBe(0);
  });
});

describe('transposed tables', () => {
  const table = floats(
    'w',
    [5, 4],
    [...Array(20).keys()].map((k) => Math.sin(k)),
  );
  const x = { dims: [2, 3, 4], values: [...Array(24).keys()].map((k) => Math.cos(k)) };

  it('are read row by row by the matrix product', async () => {
    const make = (): Subgraph =>
      subgraphOf(
        [
          makeNode('Transpose', ['w'], ['wt'], { perm: [1, 0] }),
          makeNode('MatMul', ['x', 'wt'], ['y']),
        ],
        ['x'],
        ['y'],
        [table],
      );
    const subgraph = make();
    expect(foldTransposedWeights(subgraph)).toBe(1);
    expect(subgraph.nodes.some((node) => node.op === 'Transpose')).toBe(false);
    const [before, after] = [await run(make(), { x }), await run(subgraph, { x })];
    expect(after.length).toBe(2 * 3 * 5);
    for (const [k, value] of after.entries()) expect(value).toBeCloseTo(before[k] as number, 6);
  });

  it('stay as they are when the Transpose keeps the order of the axes', () => {
    const kept = makeNode('Transpose', ['w'], ['wt'], { perm: [0, 1] });
    const product = subgraphOf(
      [kept, makeNode('MatMul', ['x', 'wt'], ['y'])],
      ['x'],
      ['y'],
      [table],
    );
    expect(foldTransposedWeights(product)).toBe(0);
    const lookup = subgraphOf(
      [kept, makeNode('Gather', ['wt', 'ids'], ['y'])],
      ['ids'],
      ['y'],
      [table],
    );
    expect(foldTransposedLookup(lookup, 'ids')).toBe(0);
    const bare = subgraphOf(
      [makeNode('Transpose', ['w'], ['wt']), makeNode('MatMul', ['x', 'wt'], ['y'])],
      ['x'],
      ['y'],
      [table],
    );
    expect(foldTransposedWeights(bare)).toBe(1);
  });

  it('are read column by column by the lookup', async () => {
    const make = (): Subgraph =>
      subgraphOf(
        [
          makeNode('Transpose', ['w'], ['wt'], { perm: [1, 0] }),
          makeNode('Gather', ['wt', 'ids'], ['y']),
        ],
        ['ids'],
        ['y'],
        [table],
      );
    const ids = { dims: [2, 3], values: [0n, 3n, 1n, 2n, 2n, 0n] };
    const subgraph = make();
    expect(foldTransposedLookup(subgraph, 'ids')).toBe(1);
    expect(await run(subgraph, { ids })).toEqual(await run(make(), { ids }));
  });
});

describe('the end of the head', () => {
  const logits = [200, 199, -200, 0, 0, 0, 88.8, 90, 5, 1, 2, 3];
  const targets = { dims: [1, 3], values: [1n, 2n, 0n] };

  /** -log softmax of row t at its target, in float64. */
  const expected = [1, 2, 0].map((target, t) => {
    const row = logits.slice(t * 3, t * 3 + 3);
    const top = Math.max(...row);
    return (
      Math.log(row.reduce((sum, z) => sum + Math.exp(z - top), 0)) + top - (row[target] as number)
    );
  });

  for (const opset of [18, 13]) {
    it(`gives the NLL of the next token at logits of 200 (operators of opset ${opset})`, () => {
      const subgraph = subgraphOf([makeNode('Identity', ['h'], ['logits'])], ['h'], ['logits'], []);
      appendNll(subgraph, 'h', opset);
      expect(subgraph.inputs).toContain(TARGETS);
      expect(subgraph.nodes.map((node) => node.op)).not.toContain('LogSoftmax');
      const max = subgraph.nodes.find((node) => node.op === 'ReduceMax');
      expect(max?.inputs.length).toBe(opset >= 18 ? 2 : 1);
    });
  }

  it('drops the last position before the head where positions do not mix', async () => {
    const subgraph = subgraphOf(
      [makeNode('Mul', ['h', 'one'], ['logits'])],
      ['h'],
      ['logits'],
      [floats('one', [], [1])],
    );
    appendNll(subgraph, 'h', 18);
    expect(subgraph.nodes[0]?.op).toBe('Slice');
    const got = await run(subgraph, { h: { dims: [1, 4, 3], values: logits }, [TARGETS]: targets });
    for (const [t, value] of got.entries())
      expect(Math.abs(value - (expected[t] as number))).toBeLessThan(2e-5);
  });

  it('drops it after the head where they may', async () => {
    const subgraph = subgraphOf(
      [makeNode('CumSum', ['h', 'axis'], ['logits'])],
      ['h'],
      ['logits'],
      [],
    );
    subgraph.initializers.set('axis', {
      name: 'axis',
      type: INT64,
      dims: [],
      data: new Uint8Array(8).fill(0),
    });
    appendNll(subgraph, 'h', 18);
    expect(subgraph.nodes[0]?.op).toBe('CumSum');
    const got = await run(subgraph, { h: { dims: [1, 4, 3], values: logits }, [TARGETS]: targets });
    for (const [t, value] of got.entries())
      expect(Math.abs(value - (expected[t] as number))).toBeLessThan(2e-5);
  });
});

describe('constants', () => {
  it('of MatMulNBits lose their coarse accuracy level', () => {
    const subgraph = subgraphOf(
      [
        makeNode(
          'MatMulNBits',
          ['x', 'w', 's'],
          ['y'],
          { accuracy_level: 4, bits: 4 },
          'com.microsoft',
        ),
      ],
      ['x'],
      ['y'],
      [],
    );
    expect(exactQuantisedMatMul(subgraph)).toBe(1);
    expect(subgraph.nodes[0]?.attributes.get('accuracy_level')).toMatchObject({ value: 0 });
    expect(exactQuantisedMatMul(subgraph)).toBe(0);
  });

  it('that are reshaped stay one range', () => {
    const data = { file: 'model.onnx_data', offset: 64, length: 128 };
    const subgraph = subgraphOf(
      [makeNode('Reshape', ['w', 'shape'], ['table']), makeNode('Add', ['x', 'table'], ['y'])],
      ['x'],
      ['y'],
      [{ name: 'w', type: FLOAT, dims: [4, 8], data }],
    );
    subgraph.initializers.set('shape', {
      name: 'shape',
      type: INT64,
      dims: [2],
      data: new Uint8Array(BigInt64Array.from([-1n, 2n]).buffer),
    });
    aliasReshapes(subgraph);
    expect(subgraph.nodes.map((node) => node.op)).toEqual(['Add']);
    expect(subgraph.initializers.get('table')).toMatchObject({ dims: [16, 2], data });
  });

  it('inside a branch become weights that the branch captures', () => {
    const large = floats('big', [20], new Array(20).fill(1));
    const constant = makeNode('Constant', [], ['big']);
    constant.attributes.set('value', { name: 'value', kind: 'tensor', value: large });
    const branch = {
      name: 'then',
      nodes: [constant],
      initializers: new Map(),
      inputs: [],
      outputs: [{ name: 'big', type: FLOAT, dims: null }],
      valueInfo: new Map(),
    };
    const node = makeNode('If', ['flag'], ['y']);
    node.attributes.set('then_branch', { name: 'then_branch', kind: 'graph', value: branch });
    const subgraph = subgraphOf([node], ['flag'], ['y'], []);
    liftConstants(subgraph);
    const [name] = [...subgraph.initializers.keys()];
    expect(name).toBe('y/then_branch/big');
    const lifted = subgraph.nodes[0]?.attributes.get('then_branch');
    expect(
      lifted?.kind === 'graph' && lifted.value.nodes.map((n) => [n.op, n.inputs, n.outputs]),
    ).toEqual([['Identity', [name], ['big']]]);
  });
});
