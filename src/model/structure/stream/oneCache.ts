// Caches of all layers in one tensor, of which each layer takes its part: no block has one of its
// own.

import type { ValueInfo } from '../../../onnx/graph.ts';
import { type Flow, SHAPE_OPS } from '../flow.ts';
import { SELECTING_OPS } from './sideContent.ts';
import { unsupported } from './unsupported.ts';

/** @throws EspalierError `unsupported-graph`, naming the tensor. */
export function requireCachesByLayer(flow: Flow): void {
  const paired = new Set(
    [...flow.states.values()].flat().flatMap(({ input, output }) => [input, output]),
  );
  const found = flow.graph.inputs.filter(
    (input) =>
      flow.inputs.has(input.name) &&
      !paired.has(input.name) &&
      (input.dims?.length ?? 0) >= 4 &&
      flow.graph.outputs.some((output) => !paired.has(output.name) && follows(output, input)) &&
      isDivided(flow, input.name),
  );
  const [first, ...more] = found;
  if (!first) return;
  const names = [first, ...more].slice(0, 4).map(({ name }) => name);
  throw unsupported(
    `All layers share one cache tensor (${names.join(' and ')} of ${first.dims?.length} ` +
      'dimensions), of which each takes its part: the model is neither scored nor pruned.',
    'Export the decoder with a key and a value input for each layer.',
  );
}

/** True when an output has the form of an input with another length of the sequence. */
function follows(output: ValueInfo, input: ValueInfo): boolean {
  const [a, b] = [output.dims, input.dims];
  if (!a || !b || a.length !== b.length || output.type !== input.type) return false;
  return b.every((dim, k) => (typeof dim === 'number' ? a[k] === dim : typeof a[k] !== 'number'));
}

/** True when two or more parts, chosen by constants, are all that is read of an input. */
function isDivided({ nodes, deps, constants }: Flow, input: string): boolean {
  let parts = 0;
  for (const [p, node] of nodes.entries()) {
    if (SHAPE_OPS.has(node.op) || !deps[p]!.includes(input)) continue;
    const selects =
      SELECTING_OPS.has(node.op) &&
      node.inputs[0] === input &&
      node.inputs.slice(1).every((x) => x === '' || constants.has(x));
    if (!selects) return false;
    parts += node.outputs.length;
  }
  return parts > 1;
}
