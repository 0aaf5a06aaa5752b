// The checks of an export that need no runtime: its structure, its graph against the plan, and the
// bytes of every tensor. Tensors may exceed the memory, so none is read whole.

import { type ExportedFile, exportedFiles, filesAlong } from '../../model/export/manifest.ts';
import { exportSteps, type StepChoice } from '../../model/export/steps.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { withinTop } from '../../model/open/root.ts';
import { planRemoval } from '../../model/structure/removal.ts';
import { BytesReader, filesOf, keyOf } from '../../onnx/bytes.ts';
import { checkGraph } from '../../onnx/check.ts';
import type { Model, Node, Tensor } from '../../onnx/graph.ts';
import type { Folder } from '../../onnx/source.ts';
import { formatBytes } from '../../quantities.ts';
import type { Unit } from '../../units.ts';
import { byteDifference, COMPUTED, fromSource } from './bytes.ts';
import { failed, type Outcome, passed } from './outcome.ts';
import { compareStreams } from './residual.ts';

/** The written graph is well-formed, has its blocks, and agrees with its config. */
export function checkStructure(exported: OpenedModel, numBlocks: number): Outcome {
  const { structure, config } = exported;
  const problems = checkGraph(structure.model.graph);
  if (problems.length > 0)
    return failed(`${problems.length} problems in the graph, first: ${problems[0]}`);
  if (structure.blocks.length !== numBlocks)
    return failed(`the graph has ${structure.blocks.length} blocks instead of ${numBlocks}`);
  const withAttention = structure.blocks.filter((block) => block.lacks !== 'attn');
  if (config.layers !== null && config.layers !== withAttention.length)
    return failed(
      `the config says ${config.layers} layers, the graph has ${withAttention.length} blocks ` +
        'with attention',
    );
  const order = withAttention.map((block) => block.stateIndex).filter((index) => index >= 0);
  if (order.some((index, k) => k > 0 && index <= (order[k - 1] ?? 0)))
    return failed(`the caches are numbered out of order: ${order.join(', ')}`);
  const states = structure.blocks.reduce((sum, block) => sum + block.states.length, 0);
  return passed(
    `${numBlocks} blocks, ${structure.model.graph.nodes.length} nodes, ${states} caches and ` +
      'states; no dangling or unused nodes; config agrees',
  );
}

/** The decoder files that an export of the source should contain. */
export function plannedFiles(
  source: OpenedModel,
  removed: readonly Unit[],
  steps: readonly StepChoice[],
): ExportedFile[] {
  const { units } = planRemoval(source.structure, removed);
  return exportedFiles(source, units, exportSteps(units, steps));
}

/** Every written decoder has the nodes, inputs and outputs of the planned one. */
export function compareWithPlan(exported: OpenedModel, planned: readonly ExportedFile[]): Outcome {
  let nodes = 0;
  for (const [written, wanted] of paired(exported, planned)) {
    const difference = graphDifference(written, wanted);
    if (difference !== null) return failed(difference);
    nodes += wanted.graph.nodes.length;
  }
  const { inputs, outputs } = exported.structure.model.graph;
  return passed(`${nodes} nodes, ${inputs.length} inputs and ${outputs.length} outputs as planned`);
}

/** Written and planned decoders; those that are missing have no nodes. */
function paired(
  exported: OpenedModel,
  planned: readonly ExportedFile[],
): (readonly [Model, Model])[] {
  return planned.flatMap(({ path, copies }) => {
    const file = exported.decoders.find((decoder) => decoder.path === path);
    return copies.map((copy, k) => {
      const written = file?.copies[k]?.model;
      return [written ?? { ...copy, graph: { ...copy.graph, nodes: [] } }, copy] as const;
    });
  });
}

/** What differs between two graphs, or null. */
function graphDifference(written: Model, planned: Model): string | null {
  const names =
    nameDifference('input', planned.graph.inputs, written.graph.inputs) ??
    nameDifference('output', planned.graph.outputs, written.graph.outputs);
  if (names) return names;
  const nodes = new Map(written.graph.nodes.map((node) => [node.outputs.join('\n'), node]));
  for (const node of planned.graph.nodes) {
    const twin = nodes.get(node.outputs.join('\n'));
    if (!twin) return `the node that makes ${node.outputs[0]} is missing`;
    if (wiring(twin) !== wiring(node))
      return (
        `the node that makes ${node.outputs[0]} reads ${twin.inputs.join(', ')} instead of ` +
        `${node.inputs.join(', ')}`
      );
  }
  if (nodes.size !== planned.graph.nodes.length)
    return `the graph has ${nodes.size} nodes instead of ${planned.graph.nodes.length}`;
  return null;
}

/**
 * The residual stream of every written decoder is that of the source without what the plan removes,
 * read from both graphs anew. Steps after the removal rewrite nodes: where there are any, the graph
 * before them is read, which the comparison with the plan holds to the written one.
 */
export function checkStream(
  exported: OpenedModel,
  source: OpenedModel,
  removed: readonly Unit[],
  steps: readonly StepChoice[],
): Outcome {
  const { units } = planRemoval(source.structure, removed);
  const pairs = paired(exported, plannedFiles(source, units, []));
  const copies = source.decoders.flatMap((decoder) => decoder.copies);
  let outcome = failed('the source has no decoder');
  for (const [k, copy] of copies.entries()) {
    const [written, planned] = pairs[k] ?? [];
    const model = steps.length === 0 ? written : planned;
    if (!model) return failed(`there are ${pairs.length} decoders instead of ${copies.length}`);
    outcome = compareStreams(copy, units, model, planRemoval(copy, units).names);
    if (!outcome.ok) return outcome;
  }
  return outcome;
}

/**
 * Every tensor has the bytes that the plan gives it: those of the source, or what the steps compute
 * from them; both are read once, 4 MiB at a time.
 * @param onBytes bytes compared so far, and all
 */
export async function compareWithSource(
  exported: OpenedModel,
  planned: readonly ExportedFile[],
  source: OpenedModel,
  signal: AbortSignal | undefined,
  onBytes: (done: number, total: number) => void = () => {},
): Promise<Outcome> {
  const [written, expected] = [new BytesReader(exported.folder), new BytesReader(source.folder)];
  const taken = new Set(
    source.decoders.flatMap(({ copies }) =>
      copies.flatMap(({ model }) => [...tensorsOf(model).values()].map(({ data }) => keyOf(data))),
    ),
  );
  const pairs = new Map<string, { name: string; tensor: Tensor; original: Tensor | undefined }>();
  for (const [found, wanted] of paired(exported, planned)) {
    const originals = tensorsOf(wanted);
    // The branches of a merged decoder share their weights.
    for (const [name, tensor] of tensorsOf(found))
      pairs.set(`${name}\n${keyOf(tensor.data)}`, { name, tensor, original: originals.get(name) });
  }
  const along = await comparedFiles(exported, source);
  let computed = 0;
  let count = 0;
  let bytes = 0;
  const total =
    [...pairs.values()].reduce((sum, { tensor }) => sum + tensor.data.length, 0) +
    along.reduce((sum, path) => sum + sizeOf(source.folder, path), 0);
  for (const { name, tensor, original } of pairs.values()) {
    if (!original) return failed(`the tensor ${name} is not in the source`);
    if (original.type !== tensor.type || original.dims.join() !== tensor.dims.join())
      return failed(
        `the tensor ${name} is ${tensor.dims.join(' x ')} (type ${tensor.type}) instead of ` +
          `${original.dims.join(' x ')} (type ${original.type})`,
      );
    const before = bytes;
    const made = !taken.has(keyOf(original.data)) || 'from' in original.data;
    const difference = await byteDifference(
      `the tensor ${name}`,
      made ? COMPUTED : 'the source',
      written.open(tensor.data),
      fromSource(() => expected.open(original.data)),
      signal,
      (done) => onBytes(before + done, total),
    );
    if (difference) return failed(difference);
    count += 1;
    if (made) computed += 1;
    bytes += tensor.data.length;
  }
  for (const path of along) {
    const name = withinTop(source.root, path);
    const [copy, held] = [exported.folder.open(name), source.folder.open(path)];
    if (!copy || !held) return failed(`the export has no ${name}`);
    const original = fromSource(() => held);
    const before = bytes;
    const report = (done: number): void => onBytes(before + done, total);
    const difference = await byteDifference(path, 'the source', copy, original, signal, report);
    if (difference) return failed(difference);
    bytes += original.size;
  }
  const files = along.length > 0 ? ` and ${along.length} files beside the decoder` : '';
  const all = `${count} tensors${files}, ${formatBytes(bytes)}`;
  return passed(
    computed === 0
      ? `${all}, all equal to the source`
      : `${all}: ${count - computed} equal to those of the source, ${computed} to ${COMPUTED}`,
  );
}

/** Files that the export has as they are in the source, because the model needs them. */
async function comparedFiles(exported: OpenedModel, source: OpenedModel): Promise<string[]> {
  const written = new Set(
    exported.decoders.flatMap(({ path, model }) => [path, ...filesOf(model)]),
  );
  return (await filesAlong(source)).filter((path) => !written.has(withinTop(source.root, path)));
}

const sizeOf = (folder: Folder, path: string): number => folder.open(path)?.size ?? 0;

/** What differs between two lists of names, or null. */
function nameDifference(
  what: string,
  planned: readonly { name: string; type: number }[],
  found: readonly { name: string; type: number }[],
): string | null {
  const [a, b] = [planned.map((v) => v.name).join(', '), found.map((v) => v.name).join(', ')];
  if (a !== b) return `the graph's ${what}s are ${b} instead of ${a}`;
  const k = planned.findIndex(({ type }, at) => found[at]?.type !== type);
  if (k < 0) return null;
  const [wanted, type] = [planned[k], found[k]?.type];
  return `the ${what} ${wanted?.name} has type ${type} instead of ${wanted?.type}`;
}

/**
 * Operator, operands and plain attributes; tensors and subgraphs are compared by their bytes and
 * names elsewhere.
 */
function wiring(node: Node): string {
  const attributes = [...node.attributes.values()]
    .filter(
      (a) => a.kind === 'int' || a.kind === 'float' || a.kind === 'ints' || a.kind === 'floats',
    )
    .map((a) => `${a.name}=${Array.isArray(a.value) ? a.value.join(' ') : String(a.value)}`)
    .sort();
  return [
    node.domain === 'ai.onnx' ? '' : node.domain,
    node.op,
    ...node.inputs,
    '|',
    ...attributes,
  ].join('\n');
}

/** Initializers by name, and tensors in node attributes by the value that the node makes. */
function tensorsOf(model: Model): Map<string, Tensor> {
  const tensors = new Map(model.graph.initializers);
  for (const node of model.graph.nodes)
    for (const attribute of node.attributes.values())
      if (attribute.kind === 'tensor')
        tensors.set(`${node.outputs[0]} (${attribute.name})`, attribute.value);
  return tensors;
}
