// Turns float16 programs into float32 programs for GPUs without shader-f16; weights are widened
// while they are uploaded.

import { derive } from '../../onnx/bytes.ts';
import { subgraphs } from '../../onnx/captures.ts';
import type { Attribute, Graph, Node, Tensor, ValueInfo } from '../../onnx/graph.ts';
import { DataType } from '../../onnx/graph.ts';
import { widened } from '../../onnx/half.ts';
import type { Bytes } from '../../onnx/source.ts';
import {
  type BoundProgram,
  type ElementType,
  mapPrograms,
  type Program,
  type ScorePrograms,
  type WeightRef,
} from './program.ts';
import { encodeInline, programModel } from './programModel.ts';

const LABEL = 'float16 computed as float32, because this GPU has no float16 (shader-f16)';

/** True when a program computes in float16 or reads float16 weights. */
export function usesHalf(programs: ScorePrograms): boolean {
  return all(programs).some(({ program }) => {
    const { inputs, outputs } = program;
    if ([...inputs, ...outputs].some(({ type }) => type === 'float16')) return true;
    return programModel(program).graph.nodes.some((node) =>
      [...node.attributes.values()].some(namesHalf),
    );
  });
}

/** The programs as a device can run them: widened where it has no float16. */
export function fitted(programs: ScorePrograms, float16: boolean): ScorePrograms {
  return !float16 && usesHalf(programs) ? widenPrograms(programs) : programs;
}

/**
 * The same programs in float32. Every float16 value is a float32 value, so weights stay exact; sums
 * and activations are more precise than in float16. Weights take twice the bytes on the device.
 */
function widenPrograms(programs: ScorePrograms): ScorePrograms {
  const done = new Map<Program, Program>();
  const bind = (bound: BoundProgram): BoundProgram => {
    const program = done.get(bound.program) ?? widenProgram(bound.program);
    done.set(bound.program, program);
    return {
      ...bound,
      program,
      weights: new Map([...bound.weights].map(([name, ref]) => [name, widenRef(ref)])),
    };
  };
  return Object.assign(mapPrograms(programs, bind), {
    residualType: 'float32',
    rewrites: [...programs.rewrites, LABEL],
  } as const);
}

function all({ embed, side, tokenSide, blocks, head }: ScorePrograms): BoundProgram[] {
  return [embed, side, tokenSide, ...blocks, head].filter((bound) => bound !== null);
}

const typeName = (type: ElementType): ElementType => (type === 'float16' ? 'float32' : type);
const typeNumber = (type: number): number => (type === DataType.float16 ? DataType.float : type);

function widenRef(ref: WeightRef): WeightRef {
  if (ref.type !== 'float16') return ref;
  const data = derive('float16-to-float32', [ref.data], ref.name);
  return { ...ref, type: 'float32', byteLength: data.length, data };
}

/** The bytes as they are stored of a weight that is widened while it is read. */
export function beforeWidening(data: Bytes): Bytes {
  const isWidened = 'from' in data && data.from.transform === 'float16-to-float32';
  return isWidened ? (data.from.sources[0] ?? data) : data;
}

function widenProgram(program: Program): Program {
  const model = programModel(program);
  widenGraph(model.graph);
  return {
    ...program,
    bytes: encodeInline(model),
    inputs: program.inputs.map((input) => ({ ...input, type: typeName(input.type) })),
    outputs: program.outputs.map((output) => ({ ...output, type: typeName(output.type) })),
  };
}

function widenGraph(graph: Graph): void {
  const info = (value: ValueInfo): ValueInfo => ({ ...value, type: typeNumber(value.type) });
  graph.inputs = graph.inputs.map(info);
  graph.outputs = graph.outputs.map(info);
  graph.valueInfo = new Map([...graph.valueInfo].map(([name, value]) => [name, info(value)]));
  graph.initializers = new Map(
    [...graph.initializers].map(([name, tensor]) => [name, widenTensor(tensor)]),
  );
  for (const node of graph.nodes) {
    for (const [name, attribute] of node.attributes)
      node.attributes.set(name, widenAttribute(node, attribute));
    for (const inner of subgraphs(node)) widenGraph(inner);
  }
}

function widenTensor(tensor: Tensor): Tensor {
  if (tensor.type !== DataType.float16 || !(tensor.data instanceof Uint8Array)) return tensor;
  return { ...tensor, type: DataType.float, data: widened(tensor.data) };
}

/** Attributes that hold an element type as its ONNX number. */
const TYPE_ATTRIBUTES: ReadonlySet<string> = new Set([
  'to',
  'dtype',
  'output_dtype',
  'softmax_precision',
]);

function namesHalf(attribute: Attribute): boolean {
  if (attribute.kind === 'tensor') return attribute.value.type === DataType.float16;
  return (
    attribute.kind === 'int' && attribute.name === 'to' && attribute.value === DataType.float16
  );
}

function widenAttribute(node: Node, attribute: Attribute): Attribute {
  if (attribute.kind === 'tensor') return { ...attribute, value: widenTensor(attribute.value) };
  const names =
    attribute.kind === 'int' &&
    TYPE_ATTRIBUTES.has(attribute.name) &&
    node.domain !== 'com.microsoft';
  return names && attribute.value === DataType.float16
    ? { ...attribute, value: DataType.float }
    : attribute;
}
