// Caches of all layers in one tensor, of which each layer takes its part: no block has one of its
// own.

import type { ValueInfo } from '../../../onnx/graph.ts';
import type { Flow } from '../flow.ts';
import { unsupported } from './unsupported.ts';

const SELECTING_OPS: ReadonlySet<string> = new Set(['Gather', 'Slice', 'Split']);
const SIZES: ReadonlySet<string> = new Set(['Shape', 'Size']);

/** @throws EspalierError `unsupported-graph`, naming the tensor. */
export function requireCachesByLayer(flow: Flow): void {
  const paired = new Set(
    [...flow.states.values()].flat().flatMap(({ input, output }) => [input, output]),
  );
  const candidates = flow.graph.inputs.filter(
    ({ name, dims }) => flow.inputs.has(name) && !paired.has(name) && (dims?.length ?? 0) >= 4,
  );
  const divided = dividedInputs(flow, new Set(candidates.map(({ name }) => name)));
  const given = new Set(
    flow.graph.outputs.filter(({ name }) => !paired.has(name)).map((output) => formOf(output)),
  );
  const found = candidates.filter((input) => divided.has(input.name) && given.has(formOf(input)));
  const [first, ...more] = found;
  if (!first) return;
  const names = [first, ...more].slice(0, 4).map(({ name }) => name);
  throw unsupported(
    `All layers share one cache tensor (${names.join(' and ')} of ${first.dims?.length} ` +
      'dimensions), of which each takes its part: the model is neither scored nor pruned.',
    'Export the decoder with a key and a value input for each layer.',
  );
}

/** Element type and numbers among the dims: a cache and its next value differ in symbols alone. */
function formOf({ type, dims }: ValueInfo): string {
  return [type, ...(dims ?? []).map((dim) => (typeof dim === 'number' ? dim : '?'))].join();
}

/** The inputs of which two or more parts, chosen by constants, are all that is read. */
function dividedInputs(
  { nodes, deps, constants }: Flow,
  inputs: ReadonlySet<string>,
): ReadonlySet<string> {
  const parts = new Map<string, number>();
  const whole = new Set<string>();
  for (const [p, node] of nodes.entries()) {
    if (SIZES.has(node.op)) continue;
    for (const x of new Set(deps[p]!)) {
      if (!inputs.has(x)) continue;
      const selects =
        SELECTING_OPS.has(node.op) &&
        node.inputs[0] === x &&
        node.inputs.slice(1).every((y) => y === '' || constants.has(y));
      if (selects) parts.set(x, (parts.get(x) ?? 0) + node.outputs.length);
      else whole.add(x);
    }
  }
  return new Set([...parts].flatMap(([x, n]) => (n > 1 && !whole.has(x) ? [x] : [])));
}
