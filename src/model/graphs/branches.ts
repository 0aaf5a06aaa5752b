// A merged decoder: the whole model lies in both branches of one If node, with and without a past
// (optimum's decoder_model_merged.onnx). Takes the branches out as graphs of their own, and puts
// edited ones back.

import { capturesOf, dependencies, usedNodes } from '../../onnx/captures.ts';
import type { Graph, Model, Node, Tensor } from '../../onnx/graph.ts';
import { renameValues } from '../../onnx/rename.ts';

/** Attribute names of the branches of If; `then_branch` runs where the condition is true. */
const BRANCHES = ['then_branch', 'else_branch'] as const;
export type BranchName = (typeof BRANCHES)[number];

/** A merged decoder. */
export interface Merged {
  /** The boolean graph input that chooses the branch. */
  switch: string;
  /** Its value where a past is read. */
  withPastWhen: boolean;
  withoutPast: BranchName;
  withPast: BranchName;
}

/** Fewer nodes than this are no decoder: exporters use If for small choices too. */
const MIN_NODES = 20;
const PASSING_OPS: ReadonlySet<string> = new Set(['Cast', 'Identity', 'Reshape', 'Squeeze']);

/** How the graph is merged; null for any other graph. Linear in the number of nodes. */
export function findMerged({ graph }: Model): Merged | null {
  const node = mergedNode(graph);
  const condition = node && switchOf(graph, node);
  if (!node || !condition) return null;
  const past = madeFrom(
    graph,
    graph.inputs.flatMap(({ name }) =>
      /past/i.test(name) && name !== condition.input ? name : [],
    ),
  );
  const readsPast = (branch: BranchName): boolean =>
    capturesOf(branchOf(node, branch)).some((name) => past.has(name));
  // Where both branches read a past, an empty one serves in the place of none.
  const thenReads = readsPast('then_branch') || !readsPast('else_branch');
  return {
    switch: condition.input,
    withPastWhen: thenReads !== condition.negated,
    withPast: thenReads ? 'then_branch' : 'else_branch',
    withoutPast: thenReads ? 'else_branch' : 'then_branch',
  };
}

/**
 * The only If of two whole decoders, on which all outputs of the graph depend; null where there is
 * no such node.
 */
function mergedNode(graph: Graph): Node | null {
  const ifs = graph.nodes.filter(
    (node) =>
      node.op === 'If' && BRANCHES.every((name) => branchOf(node, name).nodes.length >= MIN_NODES),
  );
  const [node] = ifs;
  if (!node || ifs.length !== 1) return null;
  const made = madeFrom(graph, node.outputs);
  return graph.outputs.length > 0 && graph.outputs.every(({ name }) => made.has(name))
    ? node
    : null;
}

/** These values and all that depend on them; takes the nodes in the order in which they run. */
function madeFrom(graph: Graph, values: readonly string[]): Set<string> {
  const made = new Set(values);
  for (const node of graph.nodes)
    if (dependencies(node).some((name) => made.has(name)))
      for (const name of node.outputs) if (name !== '') made.add(name);
  return made;
}

function branchOf(node: Node, name: BranchName): Graph {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'graph'
    ? attribute.value
    : { name, nodes: [], initializers: new Map(), inputs: [], outputs: [], valueInfo: new Map() };
}

/** What the condition of the If is computed from. */
interface Condition {
  /** The graph input that is passed on, */
  input: string;
  /** negated or not, */
  negated: boolean;
  /** by these nodes. */
  nodes: ReadonlySet<Node>;
}

function switchOf(graph: Graph, { inputs }: Node): Condition | null {
  let input = inputs[0] ?? '';
  let negated = false;
  const nodes = new Set<Node>();
  for (let step = 0; step < 8; step++) {
    const value = input;
    if (graph.inputs.some(({ name }) => name === value) && !graph.initializers.has(value))
      return { input, negated, nodes };
    const maker = graph.nodes.find((node) => node.outputs.includes(value));
    if (maker?.op === 'Not') negated = !negated;
    else if (!maker || !PASSING_OPS.has(maker.op)) return null;
    nodes.add(maker);
    input = maker.inputs[0] ?? '';
  }
  return null;
}

/** Metadata of one branch have its name before their key. */
const keyOf = (branch: BranchName, key: string): string => `${branch}:${key}`;

/**
 * One branch as a plain decoder with the inputs and outputs of the merged one. It has the nodes
 * around the If too, as far as this branch uses them.
 */
export function branchModel(model: Model, branch: BranchName): Model {
  const { graph } = model;
  const node = mergedNode(graph);
  if (!node) return model;
  const inner = branchOf(node, branch);
  const made = new Set(inner.nodes.flatMap(({ outputs }) => outputs));
  const names = new Map<string, string>();
  const passed: Node[] = [];
  inner.outputs.forEach(({ name }, k) => {
    const outer = node.outputs[k] ?? '';
    if (outer === '' || outer === name) return;
    if (made.has(name) && !names.has(name)) names.set(name, outer);
    else passed.push(identity(names.get(name) ?? name, outer));
  });
  const renamed = renameValues(inner, names);
  const metadata = new Map(model.metadata);
  for (const [key, value] of model.metadata)
    for (const name of BRANCHES)
      if (key.startsWith(`${name}:`)) {
        metadata.delete(key);
        if (name === branch) metadata.set(key.slice(name.length + 1), value);
      }
  return {
    ...model,
    metadata,
    graph: {
      ...graph,
      nodes: usedNodes(
        graph.nodes.flatMap((other) => (other === node ? [...renamed.nodes, ...passed] : [other])),
        graph.outputs.map(({ name }) => name),
        new Set(renamed.nodes),
      ),
      initializers: new Map([...graph.initializers, ...renamed.initializers]),
      valueInfo: new Map([...graph.valueInfo, ...renamed.valueInfo]),
    },
  };
}

function identity(from: string, to: string): Node {
  return {
    name: '',
    op: 'Identity',
    domain: '',
    inputs: [from],
    outputs: [to],
    attributes: new Map(),
  };
}

/**
 * The merged decoder with other branches, as `branchModel` gives them. Both must have the same
 * outputs. What they have of the nodes around the If goes into each of them, as it may differ now;
 * only what makes the condition stays outside.
 */
export function withBranches(model: Model, branches: Readonly<Record<BranchName, Model>>): Model {
  const { graph } = model;
  const node = mergedNode(graph);
  const condition = node && switchOf(graph, node);
  if (!node || !condition) return model;
  const outer = graph.nodes.filter((other) => condition.nodes.has(other));
  const outerValues = new Set(outer.flatMap(({ outputs }) => outputs));
  const isOuter = ({ outputs }: Node): boolean => outputs.some((name) => outerValues.has(name));
  const { outputs, inputs } = branches.then_branch.graph;
  const attributes = new Map(node.attributes);
  const initializers = new Map<string, Tensor>();
  const metadata = new Map(model.metadata);
  for (const name of BRANCHES) {
    const branch = branches[name];
    const own = new Set(branchOf(node, name).initializers.keys());
    for (const [key, tensor] of branch.graph.initializers)
      if (!own.has(key)) initializers.set(key, tensor);
    for (const [key, value] of branch.metadata)
      if (model.metadata.get(key) !== value) metadata.set(keyOf(name, key), value);
    attributes.set(name, {
      name,
      kind: 'graph',
      value: {
        ...branchOf(node, name),
        nodes: branch.graph.nodes.filter((inner) => !isOuter(inner)),
        initializers: new Map([...branch.graph.initializers].filter(([key]) => own.has(key))),
        outputs: branch.graph.outputs.map((value) => ({ ...value })),
        valueInfo: branch.graph.valueInfo,
      },
    });
  }
  const merged: Node = { ...node, outputs: outputs.map(({ name }) => name), attributes };
  const read = new Set([...outer, merged].flatMap(dependencies));
  return {
    ...model,
    metadata,
    graph: {
      ...graph,
      nodes: [...outer, merged],
      initializers: new Map(
        [...graph.initializers.keys(), ...initializers.keys()].flatMap((name) => {
          const tensor = initializers.get(name) ?? graph.initializers.get(name);
          return tensor && read.has(name) ? [[name, tensor] as const] : [];
        }),
      ),
      inputs,
      outputs,
      valueInfo: new Map(),
    },
  };
}
