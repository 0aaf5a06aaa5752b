// The checks of an export that need no runtime: its structure, its graph against the plan, and the
// bytes of every tensor. Tensors may exceed the memory, so none is read whole.

import { throwIfCancelled } from '../../errors.ts';
import { exportedModel } from '../../model/export/apply.ts';
import { exportSteps, type StepChoice } from '../../model/export/steps.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { planRemoval } from '../../model/structure/removal.ts';
import { BytesReader, keyOf } from '../../onnx/bytes.ts';
import { checkGraph } from '../../onnx/check.ts';
import type { Model, Node, Tensor } from '../../onnx/graph.ts';
import type { ByteSource } from '../../onnx/source.ts';
import { formatBytes } from '../../quantities.ts';
import type { Unit } from '../../units.ts';
import { failed, type Outcome, passed } from './outcome.ts';
import { compareStreams } from './residual.ts';

/** Bytes compared at a time. */
const READ_BYTES = 4 * 2 ** 20;

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
  const order = withAttention.map((block) => block.stateIndex);
  if (order.some((index, k) => k > 0 && index <= (order[k - 1] ?? 0)))
    return failed(`the caches are numbered out of order: ${order.join(', ')}`);
  const states = structure.blocks.reduce((sum, block) => sum + block.states.length, 0);
  return passed(
    `${numBlocks} blocks, ${structure.model.graph.nodes.length} nodes, ${states} caches and ` +
      'states; no dangling or unused nodes; config agrees',
  );
}

/** The model that an export of the source should contain. */
export function plannedModel(
  source: OpenedModel,
  removed: readonly Unit[],
  steps: readonly StepChoice[],
): Model {
  const removal = planRemoval(source.structure, removed);
  return exportedModel(source, removal, exportSteps(removal.units, steps));
}

/** The written graph has the nodes, inputs and outputs of the planned one. */
export function compareWithPlan(exported: OpenedModel, planned: Model): Outcome {
  const found = exported.structure.model;
  const names =
    nameDifference('input', planned.graph.inputs, found.graph.inputs) ??
    nameDifference('output', planned.graph.outputs, found.graph.outputs);
  if (names) return failed(names);
  const nodes = new Map(found.graph.nodes.map((node) => [node.outputs.join('\n'), node]));
  for (const node of planned.graph.nodes) {
    const twin = nodes.get(node.outputs.join('\n'));
    if (!twin) return failed(`the node that makes ${node.outputs[0]} is missing`);
    if (wiring(twin) !== wiring(node))
      return failed(
        `the node that makes ${node.outputs[0]} reads ${twin.inputs.join(', ')} instead of ` +
          `${node.inputs.join(', ')}`,
      );
  }
  if (nodes.size !== planned.graph.nodes.length)
    return failed(`the graph has ${nodes.size} nodes instead of ${planned.graph.nodes.length}`);
  return passed(
    `${nodes.size} nodes, ${planned.graph.inputs.length} inputs and ` +
      `${planned.graph.outputs.length} outputs as planned`,
  );
}

/**
 * The residual stream of the written graph is that of the source without what the plan removes,
 * read from both graphs anew. Steps after the removal rewrite nodes: where there are any, the graph
 * before them is read, which the comparison with the plan holds to the written one.
 */
export function checkStream(
  exported: OpenedModel,
  source: OpenedModel,
  removed: readonly Unit[],
  steps: readonly StepChoice[],
): Outcome {
  const { units, names } = planRemoval(source.structure, removed);
  const written = steps.length === 0 ? exported.structure.model : plannedModel(source, removed, []);
  return compareStreams(source.structure, units, written, names);
}

/**
 * Every tensor has the bytes that the plan gives it: those of the source, or what the steps compute
 * from them; both are read once, 4 MiB at a time.
 * @param onBytes bytes compared so far, and all
 */
export async function compareWithSource(
  exported: OpenedModel,
  planned: Model,
  source: OpenedModel,
  signal: AbortSignal | undefined,
  onBytes: (done: number, total: number) => void = () => {},
): Promise<Outcome> {
  const originals = tensorsOf(planned);
  const [written, expected] = [new BytesReader(exported.folder), new BytesReader(source.folder)];
  const taken = new Set(
    [...tensorsOf(source.structure.model).values()].map(({ data }) => keyOf(data)),
  );
  let computed = 0;
  let count = 0;
  let bytes = 0;
  const tensors = tensorsOf(exported.structure.model);
  const total = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
  for (const [name, tensor] of tensors) {
    const original = originals.get(name);
    if (!original) return failed(`the tensor ${name} is not in the source`);
    if (original.type !== tensor.type || original.dims.join() !== tensor.dims.join())
      return failed(
        `the tensor ${name} is ${tensor.dims.join(' x ')} (type ${tensor.type}) instead of ` +
          `${original.dims.join(' x ')} (type ${original.type})`,
      );
    const before = bytes;
    const made = !taken.has(keyOf(original.data));
    const difference = await byteDifference(
      name,
      made ? COMPUTED : 'the source',
      written.open(tensor.data),
      expected.open(original.data),
      signal,
      (done) => onBytes(before + done, total),
    );
    if (difference) return failed(difference);
    count += 1;
    if (made) computed += 1;
    bytes += tensor.data.length;
  }
  const all = `${count} tensors, ${formatBytes(bytes)}`;
  return passed(
    computed === 0
      ? `${all}, all equal to the source`
      : `${all}: ${count - computed} equal to those of the source, ${computed} to ${COMPUTED}`,
  );
}

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
  return `the ${what} ${planned[k]?.name} has type ${found[k]?.type} instead of ${planned[k]?.type}`;
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

/** What tensors are compared with that the source does not have so. */
const COMPUTED = 'what the export computes from the source';

/** Where the bytes of a tensor first differ, or null. @param what it is compared with */
async function byteDifference(
  name: string,
  what: string,
  a: ByteSource,
  b: ByteSource,
  signal: AbortSignal | undefined,
  onBytes: (done: number) => void,
): Promise<string | null> {
  const length = a.size;
  if (length !== b.size) return `the tensor ${name} has ${length} bytes instead of ${b.size}`;
  const read = (at: number) =>
    Promise.all([a, b].map((held) => held.read(at, Math.min(READ_BYTES, length - at))));
  for (let at = 0; at < length; at += READ_BYTES) {
    throwIfCancelled(signal);
    const [left = EMPTY, right = EMPTY] = await read(at);
    const wrong = firstDifference(left, right);
    if (wrong >= 0)
      return `the tensor ${name} differs from ${what} at byte ${at + wrong} of ${length}`;
    onBytes(at + left.length);
  }
  return null;
}

const EMPTY = new Uint8Array(0);

/**
 * Index of the first byte that differs, or -1. Eight bytes a step where both are aligned to eight,
 * as whole reads are.
 */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  let k = 0;
  if (a.byteOffset % 8 === 0 && b.byteOffset % 8 === 0) {
    const [left, right] = [words(a), words(b)];
    while (k < left.length && left[k] === right[k]) k++;
    k *= 8;
  }
  for (; k < a.length; k++) if (a[k] !== b[k]) return k;
  return -1;
}

function words({ buffer, byteOffset, length }: Uint8Array): BigInt64Array {
  return new BigInt64Array(buffer, byteOffset, length >> 3);
}
