// A merged decoder: the whole model lies in both branches of one If node, with and without a past
// (optimum's decoder_model_merged.onnx). Takes the branches out as graphs of their own, and puts
// edited ones back.

import { capturesOf, dependencies } from '../../onnx/captures.ts';
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
  const past = graph.inputs.map(({ name }) => name).filter((name) => /past/i.test(name));
  const readsPast = (branch: BranchName): boolean => {
    const captured = new Set(capturesOf(branchOf(node, branch)));
    return past.some((name) => captured.has(name));
  };
  // Where both branches read a past, an empty one serves in the place of none.
  const withPastWhen = readsPast('then_branch') || !readsPast('else_branch');
  return {
    switch: condition,
    withPastWhen,
    withPast: withPastWhen ? 'then_branch' : 'else_branch',
    withoutPast: withPastWhen ? 'else_branch' : 'then_branch',
  };
}

/** The only If that makes all outputs of the graph; null where there is no such node. */
function mergedNode(graph: Graph): Node | null {
  const ifs = graph.nodes.filter((node) => node.op === 'If');
  const [node] = ifs;
  if (!node || ifs.length !== 1) return null;
  const made = new Set(node.outputs);
  const whole =
    graph.outputs.length > 0 &&
    graph.outputs.every(({ name }) => made.has(name)) &&
    BRANCHES.every((name) => branchOf(node, name).nodes.length >= MIN_NODES);
  return whole ? node : null;
}

function branchOf(node: Node, name: BranchName): Graph {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'graph'
    ? attribute.value
    : { name, nodes: [], initializers: new Map(), inputs: [], outputs: [], valueInfo: new Map() };
}

/** The graph input that the condition of the If passes on. */
function switchOf(graph: Graph, { inputs }: Node): string | null {
  let value = inputs[0] ?? '';
  for (let step = 0; step < 8; step++) {
    if (graph.inputs.some(({ name }) => name === value) && !graph.initializers.has(value))
      return value;
    const maker = graph.nodes.find((node) => node.outputs.includes(value));
    if (!maker || !PASSING_OPS.has(maker.op)) return null;
    value = maker.inputs[0] ?? '';
  }
  return null;
}

/** Metadata of one branch have its name before their key. */
const keyOf = (branch: BranchName, key: string): string => `${branch}:${key}`;

/** One branch as a plain decoder with the inputs and outputs of the merged one. */
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
      nodes: [...graph.nodes.filter((other) => other !== node), ...renamed.nodes, ...passed],
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
 * outputs; what only one of them reads of the outer graph stays there.
 */
export function withBranches(model: Model, branches: Readonly<Record<BranchName, Model>>): Model {
  const { graph } = model;
  const node = mergedNode(graph);
  if (!node) return model;
  const outerNodes = new Set(
    graph.nodes.filter((other) => other !== node).flatMap(({ outputs }) => outputs),
  );
  const isOuter = ({ outputs }: Node): boolean => outputs.some((name) => outerNodes.has(name));
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
  const read = new Set(
    [merged, ...graph.nodes.filter((other) => other !== node)].flatMap(dependencies),
  );
  return {
    ...model,
    metadata,
    graph: {
      ...graph,
      nodes: [...graph.nodes.filter((other) => other !== node), merged],
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
