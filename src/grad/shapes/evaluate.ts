// Evaluates what is known of every value of a graph for given inputs, without running it.

import { EspalierError } from '../../errors.ts';
import type { Graph, Model, Node } from '../../onnx/graph.ts';
import { nodeInWords, operatorName } from '../../onnx/operators.ts';
import { sortedNodes } from '../../onnx/sort.ts';
import { Call, type Rule } from './call.ts';
import { ELEMENTWISE } from './elementwise.ts';
import { INDEXING } from './indexing.ts';
import { MIXING } from './mixing.ts';
import { PRODUCTS } from './products.ts';
import { REDUCING } from './reducing.ts';
import { RESHAPING } from './reshaping.ts';
import { constantValue, type Value } from './value.ts';

const RULES: Readonly<Record<string, Rule>> = {
  ...ELEMENTWISE,
  ...RESHAPING,
  ...INDEXING,
  ...REDUCING,
  ...PRODUCTS,
  ...MIXING,
};

/**
 * Types, dims and known contents of every value of a graph for given inputs.
 * @throws EspalierError `unsupported-op` naming operator and node when an operator has no rule, or
 *   a dimension depends on content.
 */
export function evaluateShapes(
  model: Model,
  inputs: ReadonlyMap<string, Value>,
): Map<string, Value> {
  const opset = model.opsets.get('') ?? model.opsets.get('ai.onnx') ?? 1;
  const values = new Map<string, Value>();
  for (const { name } of model.graph.inputs) {
    const value = inputs.get(name);
    if (value) values.set(name, value);
    else if (!model.graph.initializers.has(name))
      throw new EspalierError('bug', `Nothing is known of the graph input "${name}".`);
  }
  evaluateGraph(model.graph, values, opset);
  return values;
}

/** Adds the values of a graph to those of its inputs and of the scopes around it. */
function evaluateGraph(graph: Graph, values: Map<string, Value>, opset: number): void {
  for (const [name, tensor] of graph.initializers)
    if (!values.has(name)) values.set(name, constantValue(tensor));
  for (const node of sortedNodes(graph)) {
    const results = node.op === 'If' ? branch(node, values, opset) : outputsOf(node, values, opset);
    for (const [k, name] of node.outputs.entries()) {
      const result = results[k];
      if (name === '') continue;
      if (!result)
        throw new EspalierError(
          'unsupported-op',
          `${nodeInWords(node)} cannot be differentiated: what its output ${k} holds is not known.`,
        );
      values.set(name, result);
    }
  }
}

function outputsOf(
  node: Node,
  values: ReadonlyMap<string, Value>,
  opset: number,
): readonly Value[] {
  const operator = operatorName(node);
  const operands = node.inputs.map((name) => (name === '' ? null : known(values, name)));
  const call = new Call(node, operands, opset);
  const rule = Object.hasOwn(RULES, operator) ? RULES[operator] : undefined;
  if (!rule) return call.fail('there is no rule for this operator');
  try {
    return rule(call);
  } catch (error) {
    if (error instanceof EspalierError && error.code === 'unsupported-op') throw error;
    return call.fail(error instanceof Error ? error.message.replace(/\.$/, '') : String(error));
  }
}

/** The branch that an If takes; which one must be known. */
function branch(node: Node, values: ReadonlyMap<string, Value>, opset: number): Value[] {
  const call = new Call(node, [known(values, node.inputs[0] ?? '')], opset);
  const taken = node.attributes.get(call.content(0)[0] ? 'then_branch' : 'else_branch');
  if (taken?.kind !== 'graph') return call.fail('it has no such branch');
  const inner = new Map(values);
  // Names of a branch hide those around it.
  for (const name of taken.value.initializers.keys()) inner.delete(name);
  evaluateGraph(taken.value, inner, opset);
  return taken.value.outputs.map(({ name }) => known(inner, name));
}

function known(values: ReadonlyMap<string, Value>, name: string): Value {
  const value = values.get(name);
  if (value) return value;
  throw new EspalierError('bug', `The value "${name}" is read before it is computed.`);
}
