// Data flow of a decoder graph from the embedding lookup to the logits: which values depend on the
// tokens, and at which single values the graph can be cut.

import { dependencies } from '../../onnx/captures.ts';
import type { Graph, Node } from '../../onnx/graph.ts';
import { pairStates } from './kv.ts';
import { type GraphNames, graphNames, type RoleOf } from './roles.ts';
import { type Borrowing, findSharedKeys } from './stream/attention.ts';
import { findSideContent } from './stream/sideContent.ts';
import { findSource } from './stream/source.ts';
import { unsupported } from './stream/unsupported.ts';
import type { StatePair } from './structure.ts';

/** Operators that read only the size of their input. */
export const SHAPE_OPS: ReadonlySet<string> = new Set(['Shape', 'Size']);
const RANDOM_OPS: ReadonlySet<string> = new Set(['RandomNormal', 'RandomUniform']);

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
  roleOf: RoleOf;
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
  /** Attentions that read the keys and values of an earlier one, in graph order. */
  borrowings: readonly Borrowing[];
}

/**
 * Traces the flow of a sorted graph. Keys and values that several attentions share, and values of
 * which each block reads its own part (per-layer inputs), do not keep the graph from being cut.
 * @throws EspalierError `unsupported-graph`, naming the obstacle.
 */
export function traceFlow(graph: Graph, names: GraphNames = graphNames(null)): Flow {
  const nodes = graph.nodes;
  const deps = nodes.map(dependencies);
  const producer = new Map<string, number>();
  for (const [p, n] of nodes.entries()) for (const o of n.outputs) if (o) producer.set(o, p);
  const fed = graph.inputs.filter((v) => !graph.initializers.has(v.name));
  const inputs = new Set(fed.map((v) => v.name));
  const { constants, isConstant } = findConstants(graph, deps);
  const states = pairStates(fed, graph.outputs, names.caches);
  const { roleOf } = names;
  const stateInputs = new Set([...states.values()].flat().map(({ input }) => input));
  const at = { graph, inputs, constants, deps, producer, roleOf, states: stateInputs };
  const { tokenInput, embedsInput, source } = findSource(at);
  const { logits, headless } = findLogits(graph, states, source, producer, names.logits);
  const { content, isContent } = taint(nodes, deps, source);
  if (!content.has(logits))
    throw unsupported(
      `The output ${logits} does not depend on the token embedding.`,
      'Choose the decoder graph of the model.',
    );
  const onPath = ancestors(nodes, deps, content, isContent, source, logits);
  const traced = { graph, nodes, deps, producer, constants, content, onPath, source, logits };
  const { borrowings, carried } = findSharedKeys(traced);
  const aside = findSideContent(traced, (cone, from, to) => {
    const without = onPath.map((on, p) => (cone.has(p) ? 0 : on));
    const { cuts } = sweep({ ...traced, onPath: without }, carried);
    return cuts.some(({ position }) => position >= from && position < to);
  });
  for (const p of aside) {
    onPath[p] = 0;
    isContent[p] = 0;
    for (const o of nodes[p]!.outputs) content.delete(o);
  }
  const { cuts, lastUse } = sweep(traced, carried);
  return {
    graph,
    nodes,
    deps,
    producer,
    inputs,
    constants,
    isConstant,
    states,
    roleOf,
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
    borrowings,
  };
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
 * The output that the config names, or `logits`; else the first output that is no state and not as
 * wide as the residual stream; else, when there are caches, the only other output.
 */
function findLogits(
  graph: Graph,
  states: ReadonlyMap<number, StatePair[]>,
  source: string,
  producer: ReadonlyMap<string, number>,
  byConfig: string | null,
): { logits: string; headless: boolean } {
  const stateOutputs = new Set([...states.values()].flatMap((pairs) => pairs.map((s) => s.output)));
  const others = graph.outputs.filter((o) => !stateOutputs.has(o.name));
  const lookup = graph.nodes[producer.get(source) ?? -1];
  const table = lookup && graph.initializers.get(lookup.inputs[0] ?? '');
  const named = others.find((o) => o.name === byConfig) ?? others.find((o) => o.name === 'logits');
  if (named) {
    const classes = named.dims?.length === 2 ? named.dims[1] : null;
    if (typeof classes !== 'number' || !table || classes >= (table.dims[0] ?? 0))
      return { logits: named.name, headless: false };
    throw unsupported(
      `The output ${named.name} scores ${classes} classes, not the ${table.dims[0]} tokens of ` +
        'the vocabulary: it is a classifier, not a decoder language model.',
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
  const embeds = others.find(({ name }) => /inputs_?embeds/i.test(name));
  if (embeds)
    throw unsupported(
      `The graph makes embeddings of tokens (its output is ${embeds.name}): it is one graph of a ` +
        'model of several, and has no blocks.',
      'Open the whole folder of the model, with its decoder graph.',
    );
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

/**
 * Finds all cuts in one linear pass: positions after which exactly one content value is live.
 * @param passing values that do not count: shared keys and values.
 */
function sweep(
  flow: Pick<Flow, 'nodes' | 'deps' | 'producer' | 'content' | 'onPath' | 'source' | 'logits'>,
  passing: ReadonlySet<string>,
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
    for (const o of n.outputs)
      if (o && content.has(o) && !passing.has(o) && (lastUse.get(o) ?? -1) > p) live.add(o);
    if (live.size !== 1) continue;
    const [value] = live;
    if (value !== undefined && n.outputs.includes(value)) cuts.push({ position: p, value });
  }
  return { cuts, lastUse };
}
