// Turns canonical subgraphs into serialized programs and bindings; subgraphs with equal keys share
// a program.

import { EspalierError } from '../../errors.ts';
import { encodeModel } from '../../onnx/codec.ts';
import type { Graph, Model, Tensor, ValueInfo } from '../../onnx/graph.ts';
import { elementCount } from '../../onnx/graph.ts';
import { countOperators } from '../../onnx/operators.ts';
import type { Structure } from '../structure/structure.ts';
import type { Canonical } from './classes.ts';
import type { SourceOf } from './inputs.ts';
import type {
  BoundProgram,
  InputSource,
  OutputTarget,
  Program,
  ProgramInput,
  WeightRef,
} from './program.ts';
import { elementType, isSmallConstant, SMALL, weightRef } from './weights.ts';

/** What is needed to assemble any program of a model. */
export interface AssembleContext {
  structure: Structure;
  sourceOf: SourceOf;
  /** ONNX element type of a value by its name in the model, values added for scoring included. */
  typeOf(value: string): number;
}

/** Outputs of a program: the name of each value in the model and what it is used for. */
export type Outputs = readonly { value: string; target: OutputTarget }[];

/**
 * Makes one program for members with equal keys and binds it for each of them. Small constants that
 * are the same in all members stay inside, so that they need not be fed on every run.
 */
export function assemble(
  id: string,
  members: readonly Canonical[],
  outputs: Outputs,
  context: AssembleContext,
): BoundProgram[] {
  const first = members[0] as Canonical;
  const inside = new Map<string, Tensor>();
  for (const [name, tensor] of first.subgraph.initializers) {
    if (isSmallConstant(tensor) || sameInAll(members, name)) inside.set(name, tensor);
  }
  const inputs: ProgramInput[] = [];
  const infos: ValueInfo[] = [];
  for (const [name, value] of first.slots) {
    if (inside.has(name)) continue;
    const weight = first.subgraph.initializers.get(name);
    const type = weight ? weight.type : context.typeOf(value);
    inputs.push({
      name,
      type: elementType(type, value),
      source: weight ? { kind: 'weight' } : context.sourceOf(value),
    });
    infos.push({ name, type, dims: weight ? weight.dims : dimsOf(context.sourceOf(value)) });
  }
  const outputInfos = first.subgraph.outputs.map((name, k) => ({
    name,
    type: context.typeOf(outputs[k]?.value ?? ''),
    dims: null,
  }));
  const graph: Graph = {
    name: id,
    nodes: first.subgraph.nodes,
    initializers: inside,
    inputs: infos,
    outputs: outputInfos,
    valueInfo: new Map(),
  };
  const program: Program = {
    id,
    bytes: encodeModel(asModel(graph, context.structure.model), inlineOnly),
    inputs,
    outputs: outputInfos.map(({ name, type }, k) => ({
      name,
      type: elementType(type, name),
      target: outputs[k]?.target ?? { kind: 'residual' },
    })),
    ops: countOperators(graph),
  };
  return members.map((member) => bind(program, member));
}

/**
 * Makes one program for each group of blocks with equal keys, called `<name>-0`, `<name>-1` and so
 * on in order of first appearance.
 * @param output a value of the residual stream, for its type.
 * @returns one bound program per block, in the order given.
 */
export function assembleClasses(
  name: string,
  blocks: readonly Canonical[],
  context: AssembleContext,
  output: string,
): BoundProgram[] {
  const classes = new Map<string, number[]>();
  blocks.forEach((block, b) => {
    const members = classes.get(block.key);
    if (members) members.push(b);
    else classes.set(block.key, [b]);
  });
  const bound = new Array<BoundProgram>(blocks.length);
  [...classes.values()].forEach((members, k) => {
    const programs = assemble(
      `${name}-${k}`,
      members.map((b) => blocks[b] as Canonical),
      [{ value: output, target: { kind: 'residual' } }],
      context,
    );
    members.forEach((b, j) => {
      bound[b] = programs[j] as BoundProgram;
    });
  });
  return bound;
}

/**
 * Declares the rank of the residual stream: without it ONNX Runtime takes the query of an attention
 * operator for packed query, key and value.
 */
function dimsOf(source: InputSource): ValueInfo['dims'] {
  return source.kind === 'residual' || source.kind === 'other-residual'
    ? ['batch', 'sequence', null]
    : null;
}

function bind(program: Program, member: Canonical): BoundProgram {
  const weights = new Map<string, WeightRef>();
  const sides = new Map<string, string>();
  for (const { name, source } of program.inputs) {
    const value = member.slots.get(name) ?? name;
    const tensor = member.subgraph.initializers.get(name);
    if (source.kind === 'weight' && tensor) weights.set(name, weightRef(tensor, value));
    else if (source.kind === 'side') sides.set(name, value);
  }
  return { program, weights, sides };
}

function sameInAll(members: readonly Canonical[], name: string): boolean {
  const all = members.map((member) => member.subgraph.initializers.get(name));
  const [first] = all;
  if (!(first?.data instanceof Uint8Array) || elementCount(first.dims) > SMALL) return false;
  const bytes = first.data;
  return all.every((other) => other?.data instanceof Uint8Array && equalBytes(other.data, bytes));
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, k) => byte === b[k]);
}

function asModel(graph: Graph, source: Model): Model {
  const opsets = new Map(source.opsets);
  if (graph.nodes.some((node) => node.domain === 'com.microsoft') && !opsets.has('com.microsoft'))
    opsets.set('com.microsoft', 1);
  return {
    irVersion: source.irVersion,
    producerName: 'espalier',
    producerVersion: '',
    opsets,
    metadata: new Map(),
    graph,
    functions: source.functions,
  };
}

/** Programs must not hold byte ranges: every large tensor should have become a weight before. */
function inlineOnly(tensor: Tensor): never {
  throw new EspalierError(
    'bug',
    `The tensor "${tensor.name}" of dims [${tensor.dims.join(', ')}] is inside a weightless ` +
      'program.',
  );
}
