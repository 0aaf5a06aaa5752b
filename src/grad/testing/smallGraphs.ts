// Graphs of a few nodes, for tests.

import type { Model, Node, Tensor } from '../../onnx/graph.ts';
import { type AttributeValue, attributesOf } from '../build/attributes.ts';

export function nodeOf(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  domain = '',
): Node {
  const node = { name: '', op, domain, inputs: [...inputs], outputs: [...outputs] };
  return { ...node, attributes: attributesOf(attributes) };
}

/** A model whose outputs are those of its last node; inputs have the types that they are fed. */
export function graphOf(
  nodes: readonly Node[],
  inputs: readonly (string | { name: string; type: number })[],
  initializers: readonly Tensor[] = [],
  opset = 21,
): Model {
  return {
    irVersion: 10,
    producerName: '',
    producerVersion: '',
    opsets: new Map([
      ['', opset],
      ['com.microsoft', 1],
    ]),
    metadata: new Map(),
    functions: [],
    graph: {
      name: 'small',
      nodes: [...nodes],
      initializers: new Map(initializers.map((tensor) => [tensor.name, tensor])),
      inputs: inputs.map((input) => {
        const { name, type } = typeof input === 'string' ? { name: input, type: 1 } : input;
        return { name, type, dims: null };
      }),
      outputs: (nodes.at(-1)?.outputs ?? []).map((name) => ({ name, type: 0, dims: null })),
      valueInfo: new Map(),
    },
  };
}
