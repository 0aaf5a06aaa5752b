// Whether the nodes of one graph mean the same under the operator set of another.

import { EspalierError } from '../../errors.ts';
import type { Model } from '../../onnx/graph.ts';

/**
 * Operators whose operands or defaults changed, with the versions of the default operator set in
 * which they did (the change log of ONNX operators).
 */
const CHANGED: ReadonlyMap<string, readonly number[]> = new Map(
  Object.entries({
    Slice: [10],
    Dropout: [12],
    Clip: [11],
    Pad: [11],
    Squeeze: [13],
    Unsqueeze: [13],
    ReduceSum: [13],
    Split: [13, 18],
    Softmax: [13],
    LogSoftmax: [13],
    Reshape: [14],
    ReduceMax: [18],
    ReduceMin: [18],
    ReduceMean: [18],
    ReduceProd: [18],
    ReduceL1: [18],
    ReduceL2: [18],
    ReduceLogSum: [18],
    ReduceLogSumExp: [18],
    ReduceSumSquare: [18],
    Resize: [11, 13, 18],
    TopK: [10, 11],
    GroupNormalization: [21],
  }),
);

/**
 * The operator sets of a graph with the nodes of both models: the newer version of each domain.
 * @throws EspalierError `unsupported-graph` when an operator of the older graph changed in between
 */
export function joinedOpset(a: Model, b: Model): Map<string, number> {
  const versions = (model: Model): Map<string, number> =>
    new Map([...model.opsets].map(([domain, v]) => [domain === 'ai.onnx' ? '' : domain, v]));
  const [left, right] = [versions(a), versions(b)];
  for (const [model, from, to] of [
    [a, left.get(''), right.get('')],
    [b, right.get(''), left.get('')],
  ] as const) {
    if (from === undefined || to === undefined || from >= to) continue;
    const node = model.graph.nodes.find(
      ({ op, domain }) =>
        (domain === '' || domain === 'ai.onnx') &&
        CHANGED.get(op)?.some((version) => from < version && version <= to),
    );
    if (node)
      throw new EspalierError(
        'unsupported-graph',
        `One graph of the model uses operator set ${from}, another ${to}, and ${node.op} changed ` +
          'in between.',
        'Export both graphs with the same operator set.',
      );
  }
  const joined = new Map(left);
  for (const [domain, version] of right)
    joined.set(domain, Math.max(version, joined.get(domain) ?? 0));
  return joined;
}
