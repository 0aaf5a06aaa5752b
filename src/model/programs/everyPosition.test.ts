// Graphs in less common forms: heads of the last position, position ids of other ranks, heads with
// flat products.

import { describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { encodeModel } from '../../onnx/codec.ts';
import type { Graph, Node, Tensor } from '../../onnx/graph.ts';
import { readModel } from '../../onnx/read.ts';
import type { Folder } from '../../onnx/source.ts';
import { fixturePath, golden } from '../../testing/fixtures.ts';
import { openModel } from '../open/open.ts';
import { Chain } from '../testing/chain.ts';
import { keepEveryPosition } from './everyPosition.ts';
import { appendNll } from './nll.ts';
import { makeScorePrograms } from './programs.ts';
import { foldTransposedWeights, int64Tensor, makeNode } from './rewrites.ts';
import type { Subgraph } from './subgraph.ts';

const scalar = (name: string, value: number): Tensor => ({
  ...int64Tensor(name, [value]),
  dims: [],
});
const table: Tensor = {
  name: 'w',
  type: 1,
  dims: [8, 4],
  data: { file: 'model.onnx_data', offset: 0, length: 128 },
};

function headOf(nodes: Node[], tensors: Tensor[]): Subgraph {
  return {
    nodes,
    inputs: ['h'],
    outputs: ['logits'],
    initializers: new Map([table, ...tensors].map((t) => [t.name, t])),
  };
}

describe('a head that keeps the last position', () => {
  const [minus, list, one, far] = [
    scalar('i', -1),
    int64Tensor('i', [-1]),
    int64Tensor('a', [1]),
    int64Tensor('e', [2 ** 53 - 1]),
  ];
  const product = (x: string, out = 'logits'): Node => makeNode('MatMul', [x, 'w'], [out]);
  const forms: [string, Node[], Tensor[]][] = [
    [
      'by Gather of one index, then Unsqueeze',
      [
        makeNode('Gather', ['h', 'i'], ['g'], { axis: 1 }),
        makeNode('Unsqueeze', ['g', 'a'], ['u']),
        product('u'),
      ],
      [minus, one],
    ],
    [
      'by Gather of one index',
      [makeNode('Gather', ['h', 'i'], ['g'], { axis: -2 }), product('g')],
      [minus],
    ],
    [
      'by Gather of a list',
      [makeNode('Gather', ['h', 'i'], ['g'], { axis: 1 }), product('g')],
      [list],
    ],
    ['by Slice', [makeNode('Slice', ['h', 'i', 'e', 'a'], ['s']), product('s')], [list, far, one]],
    [
      'by Slice, then Squeeze of the logits',
      [
        makeNode('Slice', ['h', 'i', 'e', 'a'], ['s']),
        product('s', 'l'),
        makeNode('Squeeze', ['l', 'a'], ['logits']),
      ],
      [list, far, one],
    ],
  ];

  it.each(forms)('%s computes every position afterwards', (_, nodes, tensors) => {
    const subgraph = headOf(nodes, tensors);
    expect(keepEveryPosition(subgraph, 'h')).toBe(true);
    expect(subgraph.nodes.map(({ op, inputs }) => [op, inputs])).toEqual([['MatMul', ['h', 'w']]]);
    expect(appendNll(subgraph, 'h', 18)).toBe(true);
  });

  it.each([
    [
      'another position',
      [makeNode('Gather', ['h', 'i'], ['g'], { axis: 1 }), product('g')],
      [scalar('i', 3)],
    ],
    ['another axis', [makeNode('Gather', ['h', 'i'], ['g'], { axis: 2 }), product('g')], [minus]],
    [
      'two positions',
      [makeNode('Slice', ['h', 'i', 'e', 'a'], ['s']), product('s')],
      [int64Tensor('i', [-2]), far, one],
    ],
    ['no selection', [product('h')], []],
  ] as [string, Node[], Tensor[]][])('leaves %s alone', (_, nodes, tensors) => {
    const subgraph = headOf(nodes, tensors);
    expect(keepEveryPosition(subgraph, 'h')).toBe(false);
    expect(subgraph.nodes.length).toBe(nodes.length);
  });
});

describe('a head with a product by row', () => {
  it('may be run on any stretch of positions', () => {
    const subgraph = headOf(
      [
        makeNode('Transpose', ['t'], ['tt'], { perm: [1, 0] }),
        makeNode('MatMul', ['h', 'tt'], ['logits']),
      ],
      [],
    );
    subgraph.initializers.set('t', { ...table, name: 't' });
    expect(foldTransposedWeights(subgraph)).toBe(1);
    expect(appendNll(subgraph, 'h', 18)).toBe(true);
    expect(subgraph.nodes[0]?.op).toBe('Slice');
  });

  it.each([
    ['restated', true],
    ['h', false],
  ])('may where a shape from elsewhere restates it, and %s tells the sizes: %s', (of, may) => {
    const subgraph = headOf(
      [
        makeNode('Reshape', ['h', 'side'], ['restated']),
        makeNode('Reshape', ['restated', 'flat'], ['f']),
        makeNode('Gemm', ['f', 'w'], ['product']),
        makeNode('Shape', [of], ['sizes']),
        makeNode('Slice', ['sizes', 'zero', 'minus one'], ['lead']),
        makeNode('Concat', ['lead', 'words'], ['all'], { axis: 0 }),
        makeNode('Reshape', ['product', 'all'], ['logits']),
      ],
      [
        int64Tensor('flat', [-1, 8]),
        ...[int64Tensor('zero', [0]), int64Tensor('minus one', [-1]), int64Tensor('words', [16])],
      ],
    );
    subgraph.inputs.push('side');
    expect(appendNll(subgraph, 'h', 18)).toBe(may);
    expect(subgraph.inputs.includes('side')).toBe(!may);
  });

  it('may not when rows are mixed on the way', () => {
    const flat = [
      makeNode('Reshape', ['h', 'to'], ['f']),
      makeNode('Softmax', ['f'], ['s'], { axis: 0 }),
    ];
    const subgraph = headOf(
      [...flat, makeNode('MatMul', ['s', 'w'], ['logits'])],
      [int64Tensor('to', [-1, 8])],
    );
    expect(appendNll(subgraph, 'h', 18)).toBe(false);
  });
});

describe('position ids', () => {
  /** The graph with its position ids made of another input. */
  async function scored(edit: (graph: Graph) => void): Promise<number[]> {
    const folder = await openFolder(fixturePath('optimum-llama-fp32'));
    const model = await readModel(folder, 'onnx/model.onnx');
    edit(model.graph);
    // The weights stay where they are, in the file that the edited graph replaces.
    const bytes = encodeModel(model, (_, { offset, length }) => ({
      location: 'original.data',
      offset,
      length,
    }));
    const source = {
      size: bytes.length,
      read: async (offset: number, length: number) => bytes.slice(offset, offset + length),
    };
    const original = folder.open('onnx/model.onnx');
    const edited: Folder = {
      name: folder.name,
      files: [...folder.files, { path: 'onnx/original.data', size: original?.size ?? 0 }],
      open: (path) => {
        if (path === 'onnx/model.onnx') return source;
        return path === 'onnx/original.data' ? original : folder.open(path);
      },
    };
    const opened = await openModel(edited, 'onnx/model.onnx');
    expect(opened.summary.canScore).toBe(true);
    const chain = await Chain.open(makeScorePrograms(opened, { device: 'wasm' }), edited);
    const rows = await chain.nll(golden('optimum-llama-fp32').windows);
    await chain.close();
    await folder.close();
    return rows.map((row) => row.reduce((sum, value) => sum + value, 0) / row.length);
  }

  const replace = (
    graph: Graph,
    name: string,
    dims: (string | number)[],
    node: Node,
    constant: Tensor,
  ): void => {
    const input = graph.inputs.find((value) => value.name === 'position_ids');
    if (!input) throw new Error('no position ids');
    for (const other of graph.nodes)
      other.inputs = other.inputs.map((value) =>
        value === 'position_ids' ? 'positions_2d' : value,
      );
    Object.assign(input, { name, dims });
    graph.initializers.set(constant.name, constant);
    graph.nodes.unshift(node);
  };

  it.each([
    [
      'of one row for all',
      'cache_position',
      ['S'],
      makeNode('Unsqueeze', ['cache_position', 'axis'], ['positions_2d']),
      int64Tensor('axis', [0]),
    ],
    [
      'of three axes',
      'position_ids',
      [3, 'B', 'S'],
      makeNode('Gather', ['position_ids', 'first'], ['positions_2d']),
      scalar('first', 1),
    ],
  ] as [string, string, (string | number)[], Node, Tensor][])(
    '%s give the same likelihoods',
    async (_, name, dims, node, constant) => {
      const found = await scored((graph) => replace(graph, name, dims, node, constant));
      const expected = golden('optimum-llama-fp32').baseline?.nllPerWindow ?? [];
      for (const [w, value] of found.entries())
        expect(Math.abs(value - (expected[w] ?? Number.NaN))).toBeLessThan(1e-4);
    },
  );
});
