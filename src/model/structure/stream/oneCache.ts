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
  const forms = new Set(flow.graph.outputs.filter(({ name }) => !paired.has(name)).map(formOf));
  const candidates = flow.graph.inputs.filter(
    (input) =>
      flow.inputs.has(input.name) &&
      !paired.has(input.name) &&
      (input.dims?.length ?? 0) >= 4 &&
      forms.has(formOf(input)),
  );
  const parts = partsRead(flow, new Set(candidates.map(({ name }) => name)));
  const found = candidates.filter(({ name }) => (parts.get(name) ?? 0) > 1);
  const [first, ...more] = found;
  if (!first) return;
  const names = [first, ...more].slice(0, 4).map(({ name }) => name);
  throw unsupported(
    `All layers share one cache tensor (${names.join(' and ')} of ${first.dims?.length} ` +
      'dimensions), of which each takes its part: the model is neither scored nor pruned.',
    'Export the decoder with a key and a value input for each layer.',
  );
}

/** Equal for values of one type and shape but for the lengths that are open in both. */
function formOf({ type, dims }: ValueInfo): string {
  return `${type} ${dims?.map((dim) => (typeof dim === 'number' ? dim : '*')).join(' ') ?? ''}`;
}

/**
 * How many parts, chosen by constants, are read of each input; negative for inputs of which
 * anything but parts and sizes is read.
 */
function partsRead(
  { nodes, deps, constants }: Flow,
  inputs: ReadonlySet<string>,
): Map<string, number> {
  const parts = new Map<string, number>();
  for (const [p, node] of nodes.entries()) {
    if (SHAPE_OPS.has(node.op)) continue;
    const selects =
      SELECTING_OPS.has(node.op) && node.inputs.slice(1).every((x) => x === '' || constants.has(x));
    for (const x of deps[p]!)
      if (inputs.has(x))
        parts.set(
          x,
          selects && node.inputs[0] === x
            ? (parts.get(x) ?? 0) + node.outputs.length
            : Number.NEGATIVE_INFINITY,
        );
  }
  return parts;
}
