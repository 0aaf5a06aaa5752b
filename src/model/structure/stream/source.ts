// Where the residual stream of a decoder starts: the table lookup of the token ids, or the input
// of embedded tokens.

import { subgraphs } from '../../../onnx/captures.ts';
import { DataType, type Graph, type Node } from '../../../onnx/graph.ts';
import type { RoleOf } from '../roles.ts';
import { unsupported } from './unsupported.ts';

/** Operators that pass token ids on unchanged. */
const ID_OPS: ReadonlySet<string> = new Set([
  'Identity',
  'Cast',
  'Reshape',
  'Unsqueeze',
  'Squeeze',
  'Flatten',
]);
const LOOKUP_OPS: ReadonlySet<string> = new Set([
  'Gather',
  'GatherBlockQuantized',
  'EmbedLayerNormalization',
]);
/** Operators with two operands that keep the shape of the residual stream. */
const PAIR_OPS: ReadonlySet<string> = new Set(['Add', 'Sub', 'Mul', 'Div']);
const SIZES: ReadonlySet<string> = new Set(['Shape', 'Size']);
/** Most nodes on the way from the logits back to the embedding. */
const MAX_STEPS = 200_000;

export interface TokenSource {
  /** The graph input of token ids or embeddings. */
  tokenInput: string;
  embedsInput: boolean;
  /** The value of the embedded tokens. */
  source: string;
}

/** What is known of a graph before its flow is traced. */
export interface SourceGraph {
  graph: Graph;
  inputs: ReadonlySet<string>;
  constants: ReadonlySet<string>;
  deps: readonly string[][];
  producer: ReadonlyMap<string, number>;
  roleOf: RoleOf;
  /** Names of the caches and states among the inputs. */
  states: ReadonlySet<string>;
}

/**
 * The embedded tokens: the table lookup of the token ids from which the residual stream starts, or
 * the embeddings input. Other lookups of the ids (per-layer embeddings) are values that blocks
 * read beside the stream.
 * @throws EspalierError `unsupported-graph`
 */
export function findSource(at: SourceGraph): TokenSource {
  const { graph, inputs, roleOf } = at;
  const withRole = (role: string): string | undefined =>
    [...inputs].find((name) => roleOf(name) === role);
  const embeddings = withRole('embeddings');
  if (embeddings) return { tokenInput: embeddings, embedsInput: true, source: embeddings };
  const tokenInput = withRole('tokens') ?? lookedUpInput(at);
  const embedded = tokenInput === null ? embeddedInput(at) : null;
  if (embedded !== null) return { tokenInput: embedded, embedsInput: true, source: embedded };
  if (tokenInput === null) {
    throw unsupported(
      'The graph has neither an input_ids nor an inputs_embeds input (its inputs: ' +
        `${[...inputs].slice(0, 4).join(', ') || 'none'}), and genai_config.json names none.`,
      'Choose the text decoder of the model; image, audio and pooling graphs cannot be pruned.',
    );
  }
  const lookups = lookupsOf(at, tokenInput);
  const [first, ...more] = lookups;
  if (first === undefined) throw withoutLookup(graph, tokenInput);
  const source = more.length === 0 ? first : streamStart(at, lookups);
  return { tokenInput, embedsInput: false, source };
}

/** The results of the lookups of `ids` in constant tables. */
function lookupsOf({ graph, deps, constants }: SourceGraph, input: string): string[] {
  const ids = new Set([input]);
  const lookups: string[] = [];
  for (const [p, n] of graph.nodes.entries()) {
    if (ID_OPS.has(n.op) && ids.has(deps[p]![0] ?? '')) for (const o of n.outputs) ids.add(o);
    else if (LOOKUP_OPS.has(n.op) && ids.has(n.inputs[1] ?? '') && constants.has(n.inputs[0] ?? ''))
      lookups.push(n.outputs[0] ?? '');
  }
  return lookups;
}

/**
 * The one integer input of rank 2 without another role that indexes a table; where several do (a
 * table of positions), the one from whose lookup the residual stream starts.
 */
function lookedUpInput(at: SourceGraph): string | null {
  const candidates = at.graph.inputs.filter(
    ({ name, type, dims }) =>
      at.inputs.has(name) &&
      at.roleOf(name) === null &&
      (type === DataType.int64 || type === DataType.int32) &&
      dims?.length === 2 &&
      lookupsOf(at, name).length > 0,
  );
  const [only, ...more] = candidates.map(({ name }) => name);
  if (only === undefined || more.length === 0) return only ?? null;
  const start = streamStart(
    at,
    [only, ...more].flatMap((name) => lookupsOf(at, name)),
  );
  return [only, ...more].find((name) => lookupsOf(at, name).includes(start)) ?? null;
}

const FLOATS: ReadonlySet<number> = new Set([DataType.float, DataType.float16, DataType.bfloat16]);

/**
 * The one input of embeddings, (B, S, C), of a graph with caches; null where there is none, or more
 * than one. Encoders take such inputs too, but keep no caches.
 */
function embeddedInput({ graph, inputs, roleOf, states }: SourceGraph): string | null {
  if (states.size === 0) return null;
  const [only, ...more] = graph.inputs.filter(
    ({ name, type, dims }) =>
      inputs.has(name) &&
      !states.has(name) &&
      roleOf(name) === null &&
      FLOATS.has(type) &&
      dims?.length === 3 &&
      typeof dims[1] !== 'number',
  );
  return only && more.length === 0 ? only.name : null;
}

/**
 * The lookup at the start of the residual stream. From the logits back, a sum or product of x and
 * of something computed from x leads on to x (residual sums, norms), and so does an operator with
 * one operand.
 */
function streamStart(at: SourceGraph, lookups: readonly string[]): string {
  const { graph, deps, producer } = at;
  const known = new Set(lookups);
  const content = new Set(lookups);
  for (const [p, node] of graph.nodes.entries()) {
    if (SIZES.has(node.op) || !deps[p]!.some((x) => content.has(x))) continue;
    for (const o of node.outputs) if (o) content.add(o);
  }
  const positionOf = (value: string): number => producer.get(value) ?? -1;
  const operandsOf = (value: string): string[] => [
    ...new Set((deps[positionOf(value)] ?? []).filter((x) => content.has(x))),
  ];
  /** Depth-first over the positions from `of` back to `from`: stays within a block. */
  const dependsOn = (of: string, from: string): boolean => {
    const start = positionOf(from);
    const seen = new Set<string>([of]);
    const stack = [of];
    for (let x = stack.pop(); x !== undefined; x = stack.pop()) {
      if (x === from) return true;
      for (const y of known.has(x) ? [] : operandsOf(x))
        if (!seen.has(y) && positionOf(y) >= start) {
          seen.add(y);
          stack.push(y);
        }
    }
    return false;
  };
  /** Back through operators with one operand: a scaled residual stream. */
  const stripped = (value: string): string => {
    let at = value;
    for (let step = 0; step < 8 && !known.has(at); step++) {
      const operands = operandsOf(at);
      if (operands.length !== 1 || !PAIR_OPS.has(graph.nodes[positionOf(at)]?.op ?? '')) break;
      at = operands[0]!;
    }
    return at;
  };
  let value = lastOutput(graph, content);
  for (let step = 0; step < MAX_STEPS && !known.has(value); step++) {
    const operands = operandsOf(value);
    if (operands.length === 0) break;
    value = operands.length === 1 ? operands[0]! : older(operands);
  }
  return known.has(value) ? value : lookups[0]!;

  /** Of several operands the one that the others are computed from, else the earliest. */
  function older(operands: readonly string[]): string {
    const byAge = [...operands].sort((a, b) => positionOf(a) - positionOf(b));
    for (const x of byAge) {
      const origin = stripped(x);
      const others = byAge.filter((y) => y !== x);
      if (others.every((y) => dependsOn(y, origin))) return origin;
    }
    // Sums of sums: the older operand of an operand (x + attention + feed-forward).
    for (const x of byAge) {
      const inner = operandsOf(x);
      const others = byAge.filter((y) => y !== x);
      const origin = inner.find((y) => others.every((z) => dependsOn(z, y)));
      if (origin !== undefined && !known.has(x)) return origin;
    }
    return byAge[0]!;
  }
}

/** `logits`, else the last graph output that depends on the tokens. */
function lastOutput(graph: Graph, content: ReadonlySet<string>): string {
  const found =
    graph.outputs.find(({ name }) => name === 'logits' && content.has(name)) ??
    graph.outputs.find(({ name }) => content.has(name));
  return found?.name ?? '';
}

function withoutLookup(graph: Graph, tokenInput: string): Error {
  const merged = graph.nodes.some(
    (n) =>
      n.op === 'If' &&
      subgraphs(n).some(
        (g) =>
          g.nodes.length > 20 ||
          g.nodes.some((m: Node) => LOOKUP_OPS.has(m.op) && m.inputs[1] === tokenInput),
      ),
  );
  return merged
    ? unsupported(
        'The model is inside an If node, but not as in a merged decoder, where one If makes ' +
          'every output and a boolean input chooses the branch.',
        'Use the plain model.onnx export, or decoder_model.onnx with decoder_with_past_model.onnx.',
      )
    : unsupported(
        `No token embedding lookup was found: nothing looks up ${tokenInput} in a constant table.`,
        'Export the model with its embedding inside the graph, or with an inputs_embeds input.',
      );
}
