// Data flow of a decoder graph from the embedding lookup to the logits: which values depend on the
// tokens, and at which single values the graph can be cut.

import { EspalierError } from '../../errors.ts';
import { dependencies, subgraphs } from '../../onnx/captures.ts';
import type { Graph, Node } from '../../onnx/graph.ts';
import { pairStates } from './kv.ts';
import type { StatePair } from './structure.ts';

/** Operators that read only the size of their input. */
export const SHAPE_OPS: ReadonlySet<string> = new Set(['Shape', 'Size']);
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
const RANDOM_OPS: ReadonlySet<string> = new Set(['RandomNormal', 'RandomUniform']);
const ID_INPUTS = ['input_ids', 'decoder_input_ids', 'tokens', 'ids'];
const EMBEDDING_INPUTS = ['inputs_embeds', 'input_embeds'];

/** A value that is the only live content after the node at `position` (-1: a graph input). */
export interface Cut {
  position: number;
  value: string;
}

/**
 * The data flow of a graph. Positions index `nodes`, which are sorted, with skip norms expanded.
 * Content values depend on the embedded tokens; the path consists of the content nodes that the
 * logits depend on.
 */
export interface Flow {
  graph: Graph;
  nodes: readonly Node[];
  deps: readonly string[][];
  producer: ReadonlyMap<string, number>;
  /** Graph inputs that must be fed. */
  inputs: ReadonlySet<string>;
  constants: ReadonlySet<string>;
  isConstant: Uint8Array;
  states: ReadonlyMap<number, StatePair[]>;
  tokenInput: string;
  embedsInput: boolean;
  /** The value of the embedded tokens. */
  source: string;
  logits: string;
  /** True when the graph has no head; `logits` is then the last hidden state. */
  headless: boolean;
  content: ReadonlySet<string>;
  /** Per node: computes content. */
  isContent: Uint8Array;
  /** Per node: computes content that the logits depend on. */
  onPath: Uint8Array;
  /** Position of the last node on the path that reads a content value. */
  lastUse: ReadonlyMap<string, number>;
  cuts: readonly Cut[];
}

/**
 * Traces the flow of a sorted graph.
 * @throws EspalierError `unsupported-graph`, naming the obstacle.
 */
export function traceFlow(graph: Graph): Flow {
  const nodes = graph.nodes;
  const deps = nodes.map(dependencies);
  const producer = new Map<string, number>();
  for (const [p, n] of nodes.entries()) for (const o of n.outputs) if (o) producer.set(o, p);
  const fed = graph.inputs.filter((v) => !graph.initializers.has(v.name));
  const inputs = new Set(fed.map((v) => v.name));
  const { constants, isConstant } = findConstants(graph, deps);
  const states = pairStates(fed, graph.outputs);
  const { tokenInput, embedsInput, source } = findSource(graph, inputs, constants, deps);
  const { logits, headless } = findLogits(graph, states, source, producer);
  const { content, isContent } = taint(nodes, deps, source);
  if (!content.has(logits))
    throw unsupported(
      `The output ${logits} does not depend on the token embedding.`,
      'Choose the decoder graph of the model.',
    );
  const onPath = ancestors(nodes, deps, content, isContent, source, logits);
  const { cuts, lastUse } = sweep({ nodes, deps, producer, content, onPath, source, logits });
  return {
    graph,
    nodes,
    deps,
    producer,
    inputs,
    constants,
    isConstant,
    states,
    tokenInput,
    embedsInput,
    source,
    logits,
    headless,
    content,
    isContent,
    onPath,
    lastUse,
    cuts,
  };
}

export function unsupported(message: string, hint: string): EspalierError {
  return new EspalierError('unsupported-graph', message, hint);
}

function findConstants(
  graph: Graph,
  deps: readonly string[][],
): { constants: Set<string>; isConstant: Uint8Array } {
  const constants = new Set<string>(graph.initializers.keys());
  const isConstant = new Uint8Array(graph.nodes.length);
  for (const [p, n] of graph.nodes.entries()) {
    if (RANDOM_OPS.has(n.op) || !deps[p]!.every((x) => constants.has(x))) continue;
    isConstant[p] = 1;
    for (const o of n.outputs) if (o) constants.add(o);
  }
  return { constants, isConstant };
}

/**
 * The embedded tokens: the result of the only table lookup of the token ids, or the embeddings
 * input.
 */
function findSource(
  graph: Graph,
  inputs: ReadonlySet<string>,
  constants: ReadonlySet<string>,
  deps: readonly string[][],
): { tokenInput: string; embedsInput: boolean; source: string } {
  const embeddings = [...inputs].find((x) => EMBEDDING_INPUTS.includes(x));
  if (embeddings) return { tokenInput: embeddings, embedsInput: true, source: embeddings };
  const tokenInput = [...inputs].find((x) => ID_INPUTS.includes(x));
  if (!tokenInput) {
    throw unsupported(
      'The graph has neither an input_ids nor an inputs_embeds input (its inputs: ' +
        `${[...inputs].slice(0, 4).join(', ') || 'none'}).`,
      'Choose the text decoder of the model; image, audio and pooling graphs cannot be pruned.',
    );
  }
  const ids = new Set([tokenInput]);
  const lookups: Node[] = [];
  for (const [p, n] of graph.nodes.entries()) {
    if (ID_OPS.has(n.op) && ids.has(deps[p]![0] ?? '')) for (const o of n.outputs) ids.add(o);
    else if (LOOKUP_OPS.has(n.op) && ids.has(n.inputs[1] ?? '') && constants.has(n.inputs[0] ?? ''))
      lookups.push(n);
  }
  const [first] = lookups;
  if (lookups.length === 1 && first)
    return { tokenInput, embedsInput: false, source: first.outputs[0] ?? '' };
  if (lookups.length > 1) {
    throw unsupported(
      `The token ids are looked up in ${lookups.length} tables (${lookups
        .map((n) => n.name || n.outputs[0])
        .slice(0, 3)
        .join(', ')}): per-layer embeddings, where every block reads the token ids.`,
      'Models with per-layer embeddings cannot be pruned by whole blocks here.',
    );
  }
  if (
    graph.nodes.some(
      (n) =>
        n.op === 'If' &&
        subgraphs(n).some(
          (g) =>
            g.nodes.length > 20 ||
            g.nodes.some((m) => LOOKUP_OPS.has(m.op) && m.inputs[1] === tokenInput),
        ),
    )
  ) {
    throw unsupported(
      'This is a merged decoder: the entire model is inside an If node with one branch with ' +
        'and one without past.',
      'Use the decoder_with_past_model.onnx or the plain model.onnx export instead.',
    );
  }
  throw unsupported(
    `No token embedding lookup was found: nothing looks up ${tokenInput} in a constant table.`,
    'Export the model with its embedding inside the graph, or with an inputs_embeds input.',
  );
}

/**
 * The output `logits`; else the first output that is no state and not as wide as the residual
 * stream; else, when there are caches, the only other output.
 */
function findLogits(
  graph: Graph,
  states: ReadonlyMap<number, StatePair[]>,
  source: string,
  producer: ReadonlyMap<string, number>,
): { logits: string; headless: boolean } {
  const stateOutputs = new Set([...states.values()].flatMap((pairs) => pairs.map((s) => s.output)));
  const others = graph.outputs.filter((o) => !stateOutputs.has(o.name));
  const lookup = graph.nodes[producer.get(source) ?? -1];
  const table = lookup && graph.initializers.get(lookup.inputs[0] ?? '');
  const named = others.find((o) => o.name === 'logits');
  if (named) {
    const classes = named.dims?.length === 2 ? named.dims[1] : null;
    if (typeof classes !== 'number' || !table || classes >= (table.dims[0] ?? 0))
      return { logits: named.name, headless: false };
    throw unsupported(
      `The output logits scores ${classes} classes, not the ${table.dims[0]} tokens of the ` +
        'vocabulary: it is a classifier, not a decoder language model.',
      'Choose a text-generation export of the model.',
    );
  }
  const width = table?.dims.at(-1) ?? graph.inputs.find((v) => v.name === source)?.dims?.at(-1);
  const wide = others.find((o) => {
    const last = o.dims?.at(-1);
    const hidden =
      /hidden|pool|embed/i.test(o.name) ||
      (typeof last === 'number' && last === width && last !== table?.dims[0]);
    return !hidden && (o.dims === null || o.dims.length >= 2);
  });
  if (wide) return { logits: wide.name, headless: false };
  // A decoder without its head: it keeps caches, and its one other output is the last hidden state.
  const [only, ...more] = others;
  if (states.size > 0 && only && more.length === 0) return { logits: only.name, headless: true };
  throw unsupported(
    `The graph has no logits output (its outputs: ${
      others
        .map((o) => o.name)
        .slice(0, 4)
        .join(', ') || 'caches only'
    }): it is an encoder or a feature extractor, not a decoder language model.`,
    'Choose a text-generation export of the model.',
  );
}

/** All values that depend on the source other than through its size. */
function taint(
  nodes: readonly Node[],
  deps: readonly string[][],
  source: string,
): { content: Set<string>; isContent: Uint8Array } {
  const content = new Set([source]);
  const isContent = new Uint8Array(nodes.length);
  for (const [p, n] of nodes.entries()) {
    if (SHAPE_OPS.has(n.op)) continue;
    if (deps[p]!.some((x) => content.has(x))) {
      isContent[p] = 1;
      for (const o of n.outputs) if (o) content.add(o);
    } else if (n.outputs.includes(source)) isContent[p] = 1;
  }
  return { content, isContent };
}

function ancestors(
  nodes: readonly Node[],
  deps: readonly string[][],
  content: ReadonlySet<string>,
  isContent: Uint8Array,
  source: string,
  logits: string,
): Uint8Array {
  const onPath = new Uint8Array(nodes.length);
  const needed = new Set([logits]);
  for (let p = nodes.length - 1; p >= 0; p--) {
    const n = nodes[p]!;
    if (!isContent[p] || !n.outputs.some((o) => o && needed.has(o))) continue;
    onPath[p] = 1;
    if (n.outputs.includes(source)) continue;
    for (const x of deps[p]!) if (content.has(x)) needed.add(x);
  }
  return onPath;
}

/** Finds all cuts in one linear pass: positions after which exactly one content value is live. */
function sweep(
  flow: Pick<Flow, 'nodes' | 'deps' | 'producer' | 'content' | 'onPath' | 'source' | 'logits'>,
): {
  cuts: Cut[];
  lastUse: Map<string, number>;
} {
  const { nodes, deps, content, onPath, source, logits } = flow;
  const lastUse = new Map<string, number>();
  for (let p = 0; p < nodes.length; p++)
    if (onPath[p]) for (const x of deps[p]!) if (content.has(x)) lastUse.set(x, p);
  lastUse.set(logits, nodes.length);
  const live = new Set<string>();
  const cuts: Cut[] = [];
  if (!flow.producer.has(source)) {
    live.add(source);
    cuts.push({ position: -1, value: source });
  }
  for (const [p, n] of nodes.entries()) {
    if (!onPath[p]) continue;
    for (const x of deps[p]!) if (lastUse.get(x) === p) live.delete(x);
    for (const o of n.outputs) if (o && content.has(o) && (lastUse.get(o) ?? -1) > p) live.add(o);
    if (live.size !== 1) continue;
    const [value] = live;
    if (value !== undefined && n.outputs.includes(value)) cuts.push({ position: p, value });
  }
  return { cuts, lastUse };
}
