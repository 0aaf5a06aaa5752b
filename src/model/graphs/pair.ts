// A decoder in two files, decoder_model.onnx without and decoder_with_past_model.onnx with a past:
// one merged decoder, for running.

import { EspalierError } from '../../errors.ts';
import { joinedFunctions } from '../../onnx/codecFunctions.ts';
import {
  type Attribute,
  DataType,
  type Graph,
  type Model,
  type ValueInfo,
} from '../../onnx/graph.ts';
import { renameValues } from '../../onnx/rename.ts';
import { joinedOpset } from './opsets.ts';

/** The input that chooses the branch, as optimum names it. */
const SWITCH = 'use_cache_branch';
/** Before the weights of the graph with a past; its file has its own. */
const PREFIX = 'with-past:';

/**
 * The decoder without a past, with the cache inputs of the one that has them declared: nothing
 * reads them, but they say which outputs are caches.
 */
export function withDeclaredPast(withoutPast: Model, withPast: Model): Model {
  const own = new Set(withoutPast.graph.inputs.map(({ name }) => name));
  const declared = withPast.graph.inputs.filter(
    ({ name }) => !own.has(name) && !withPast.graph.initializers.has(name),
  );
  return {
    ...withoutPast,
    graph: { ...withoutPast.graph, inputs: [...withoutPast.graph.inputs, ...declared] },
  };
}

/** Takes away the inputs that `withDeclaredPast` has added and a removal may have renumbered. */
export function withoutDeclaredPast(model: Model, source: Model): Model {
  const read = new Set(source.graph.inputs.map(({ name }) => name));
  return {
    ...model,
    graph: { ...model.graph, inputs: model.graph.inputs.filter(({ name }) => read.has(name)) },
  };
}

/**
 * Both as one merged decoder, each with its own weights.
 * @throws EspalierError as `joinedOpset` and `joinedFunctions`; `unsupported-graph` for an output
 *   that one of them lacks
 */
export function mergePair(withoutPast: Model, withPast: Model): Model {
  const renamed = renameValues(
    withPast.graph,
    new Map([...withPast.graph.initializers.keys()].map((name) => [name, `${PREFIX}${name}`])),
  );
  const condition: ValueInfo = { name: SWITCH, type: DataType.bool, dims: [1] };
  const inputs = new Map(
    [...withoutPast.graph.inputs, ...renamed.inputs].map((value) => [value.name, value]),
  );
  return {
    ...withoutPast,
    irVersion: Math.max(withoutPast.irVersion, withPast.irVersion),
    opsets: joinedOpset(withoutPast, withPast),
    functions: joinedFunctions(withoutPast, withPast),
    graph: {
      ...withoutPast.graph,
      nodes: [
        {
          name: '',
          op: 'If',
          domain: '',
          inputs: [SWITCH],
          outputs: withoutPast.graph.outputs.map(({ name }) => name),
          attributes: new Map([
            ['then_branch', branch('then_branch', renamed, withoutPast.graph.outputs)],
            ['else_branch', branch('else_branch', withoutPast.graph, withoutPast.graph.outputs)],
          ]),
        },
      ],
      initializers: new Map([...withoutPast.graph.initializers, ...renamed.initializers]),
      inputs: [...inputs.values(), condition],
      valueInfo: new Map(),
    },
  };
}

/** The branch of an If, with its outputs in the order of the other branch. */
function branch(name: string, graph: Graph, order: readonly ValueInfo[]): Attribute {
  const outputs = order.map((value) => {
    const own = graph.outputs.find((output) => output.name === value.name);
    if (own) return own;
    throw new EspalierError(
      'unsupported-graph',
      `The graph without a past gives out "${value.name}", the one with a past does not.`,
      'Use both graphs of one export of the model.',
    );
  });
  return {
    name,
    kind: 'graph',
    value: { ...graph, name, inputs: [], outputs, initializers: new Map() },
  };
}
