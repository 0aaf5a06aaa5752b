// A small decoder with per-layer inputs, as Gemma 3n and Gemma 4 have them, for tests.

import type { Model } from '../../onnx/graph.ts';
import { modelOf } from '../../onnx/testing/text.ts';
import { int64Tensor } from '../programs/rewrites.ts';
import { PLAIN, residualModel } from './residual.ts';

/**
 * Three blocks of width 4 without caches, each of which adds what it makes of `all`, a value
 * (B, S, 3, 4) computed from the embedding and a second lookup of the token ids.
 * @param part the node that gives `part<i>`, by default the i-th part of `all`.
 */
export function perLayer(
  part = (i: number): string => `part${i} = Gather{axis=2}(all, sel${i})`,
): Model {
  const { graph, ...model } = residualModel({ ...PLAIN, caches: false, sizeFrom: -1 });
  const more = modelOf(
    [
      'init t1 f32 [8,12]',
      'init wp f32 [4,12]',
      'init form i64 [4]',
      'own = Gather(t1, input_ids)',
      'flat = MatMul(r0, wp)',
      'sum = Add(flat, own)',
      'all = Reshape(sum, form)',
      ...[0, 1, 2].flatMap((i) => [
        `init sel${i} i64 []`,
        `init wg${i} f32 [4,4]`,
        part(i),
        `gate${i} = MatMul(f${i}, wg${i})`,
        `part_of${i} = Mul(gate${i}, part${i})`,
      ]),
    ].join('\n'),
  ).graph;
  const ints = (name: string, dims: number[], values: number[]): void => {
    more.initializers.set(name, { ...int64Tensor(name, values), dims });
  };
  ints('form', [4], [0, 0, 3, 4]);
  for (const i of [0, 1, 2]) ints(`sel${i}`, [], [i]);
  for (const node of graph.nodes)
    if (node.op === 'Transpose')
      node.attributes.set('perm', { name: 'perm', kind: 'ints', value: [0, 2, 1] });
  const [lookup, ...rest] = graph.nodes;
  const ownParts = (node: (typeof rest)[number]): typeof rest => {
    const block = /^f(\d)$/.exec(node.outputs[0] ?? '')?.[1];
    return block === undefined
      ? [node]
      : [
          node,
          ...more.nodes.filter(
            ({ outputs }) => outputs[0]?.endsWith(`of${block}`) || outputs[0] === `gate${block}`,
          ),
        ];
  };
  const reads = (name: string): string => (/^f\d$/.test(name) ? `part_of${name.slice(1)}` : name);
  const early = more.nodes.filter(({ outputs }) => !/^(gate|part_of)/.test(outputs[0] ?? ''));
  return {
    ...model,
    graph: {
      ...graph,
      initializers: new Map([...graph.initializers, ...more.initializers]),
      nodes: [lookup!, ...early, ...rest.flatMap(ownParts)].map((node) => ({
        ...node,
        name: `${node.op}/${node.outputs[0]}`,
        inputs: node.op === 'Add' ? node.inputs.map(reads) : node.inputs,
      })),
    },
  };
}
