// The checks of an export that need no runtime: structure, the plan's graph, and the bytes of every
// tensor; must not load a tensor whole.

import { throwIfCancelled } from '../../errors.ts';
import { exportedModel } from '../../model/export/apply.ts';
import { exportSteps, type StepChoice } from '../../model/export/steps.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { planRemoval } from '../../model/structure/removal.ts';
import { BytesReader } from '../../onnx/bytes.ts';
import { checkGraph } from '../../onnx/check.ts';
import type { Model, Node, Tensor } from '../../onnx/graph.ts';
import type { ByteSource, Folder } from '../../onnx/source.ts';
import type { Unit } from '../../units.ts';

/** Bytes compared at a time. */
const PIECE_BYTES = 4 * 2 ** 20;

/** @returns what was checked. @throws Error naming the first problem. */
export function structureProblems(exported: OpenedModel, numBlocks: number): string {
  const { structure, config } = exported;
  const problems = checkGraph(structure.model.graph);
  if (problems.length > 0)
    throw new Error(`${problems.length} problems in the graph, first: ${problems[0]}`);
  if (structure.blocks.length !== numBlocks)
    throw new Error(`the graph has ${structure.blocks.length} blocks instead of ${numBlocks}`);
  const withAttention = structure.blocks.filter((block) => block.lacks !== 'attn');
  if (config.layers !== null && config.layers !== withAttention.length)
    throw new Error(
      `the config says ${config.layers} layers, the graph has ${withAttention.length} blocks ` +
        'with attention',
    );
  const order = withAttention.map((block) => block.stateIndex);
  if (order.some((index, k) => k > 0 && index <= (order[k - 1] ?? 0)))
    throw new Error(`the caches are numbered out of order: ${order.join(', ')}`);
  const states = structure.blocks.reduce((sum, block) => sum + block.states.length, 0);
  return (
    `${numBlocks} blocks, ${structure.model.graph.nodes.length} nodes, ${states} caches and ` +
    'states; nothing dangling or unused; config agrees'
  );
}

/** The model that an export of the source is to be. */
export function plannedModel(
  source: OpenedModel,
  removed: readonly Unit[],
  steps: readonly StepChoice[],
): Model {
  const removal = planRemoval(source.structure, removed);
  return exportedModel(source, removal, exportSteps(removal.units, steps));
}

/**
 * The written graph has the nodes, inputs and outputs that the plan gives. @throws Error naming the
 * first difference.
 */
export function compareWithPlan(exported: OpenedModel, planned: Model): string {
  const found = exported.structure.model;
  compareNames('input', planned.graph.inputs, found.graph.inputs);
  compareNames('output', planned.graph.outputs, found.graph.outputs);
  const nodes = new Map(found.graph.nodes.map((node) => [node.outputs.join('\n'), node]));
  for (const node of planned.graph.nodes) {
    const twin = nodes.get(node.outputs.join('\n'));
    if (!twin) throw new Error(`the node that makes ${node.outputs[0]} is missing`);
    if (wiring(twin) !== wiring(node))
      throw new Error(
        `the node that makes ${node.outputs[0]} reads ${twin.inputs.join(', ')} instead of ` +
          `${node.inputs.join(', ')}`,
      );
  }
  if (nodes.size !== planned.graph.nodes.length)
    throw new Error(`the graph has ${nodes.size} nodes instead of ${planned.graph.nodes.length}`);
  return (
    `${nodes.size} nodes, ${planned.graph.inputs.length} inputs and ` +
    `${planned.graph.outputs.length} outputs as planned`
  );
}

/**
 * Every tensor has the bytes that the plan gives it: those of the source, or what the steps compute
 * from them; both are read once, in pieces of 4 MiB.
 * @param onBytes bytes compared so far, and all
 * @throws Error naming the first that differs.
 */
export async function compareWithSource(
  exported: OpenedModel,
  planned: Model,
  source: Folder,
  signal: AbortSignal | undefined,
  onBytes: (done: number, total: number) => void = () => {},
): Promise<string> {
  const originals = tensorsOf(planned);
  const [written, expected] = [new BytesReader(exported.folder), new BytesReader(source)];
  let count = 0;
  let bytes = 0;
  const tensors = tensorsOf(exported.structure.model);
  const total = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
  for (const [name, tensor] of tensors) {
    const original = originals.get(name);
    if (!original) throw new Error(`the tensor ${name} is not in the source`);
    if (original.type !== tensor.type || original.dims.join() !== tensor.dims.join())
      throw new Error(
        `the tensor ${name} is ${tensor.dims.join(' x ')} (type ${tensor.type}) instead of ` +
          `${original.dims.join(' x ')} (type ${original.type})`,
      );
    const before = bytes;
    await compareBytes(
      name,
      written.open(tensor.data),
      expected.open(original.data),
      signal,
      (done) => onBytes(before + done, total),
    );
    count += 1;
    bytes += tensor.data.length;
  }
  return `${count} tensors, ${bytes} bytes, all equal to the source`;
}

function compareNames(
  what: string,
  planned: readonly { name: string; type: number }[],
  found: readonly { name: string; type: number }[],
): void {
  const [a, b] = [planned.map((v) => v.name).join(', '), found.map((v) => v.name).join(', ')];
  if (a !== b) throw new Error(`the graph's ${what}s are ${b} instead of ${a}`);
  for (const [k, { name, type }] of planned.entries())
    if (found[k]?.type !== type)
      throw new Error(`the ${what} ${name} has type ${found[k]?.type} instead of ${type}`);
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

async function compareBytes(
  name: string,
  a: ByteSource,
  b: ByteSource,
  signal: AbortSignal | undefined,
  onBytes: (done: number) => void,
) {
  const length = a.size;
  if (length !== b.size)
    throw new Error(`the tensor ${name} has ${length} bytes instead of ${b.size}`);
  const read = (at: number) =>
    Promise.all([a, b].map((held) => held.read(at, Math.min(PIECE_BYTES, length - at))));
  for (let at = 0; at < length; at += PIECE_BYTES) {
    throwIfCancelled(signal);
    const [left = EMPTY, right = EMPTY] = await read(at);
    const wrong = firstDifference(left, right);
    if (wrong >= 0)
      throw new Error(
        `the tensor ${name} differs from the source at byte ${at + wrong} of ${length}`,
      );
    onBytes(at + left.length);
  }
}

const EMPTY = new Uint8Array(0);

/**
 * Index of the first byte that differs, or -1. Eight bytes a step where both lie on such a border,
 * as whole pieces do.
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
