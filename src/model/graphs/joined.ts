// A decoder that takes embeddings, joined with the graph that makes them of token ids: one graph
// from token ids to logits.

import { EspalierError } from '../../errors.ts';
import { dependencies, usedNodes } from '../../onnx/captures.ts';
import { joinedFunctions } from '../../onnx/codecFunctions.ts';
import { DataType, type Graph, type Model, type Node, type ValueInfo } from '../../onnx/graph.ts';
import { renameValues } from '../../onnx/rename.ts';
import { joinedOpset } from './opsets.ts';

/** Before the names of the embedding graph's own values. */
const PREFIX = 'embedding:';

/** Whether a value of a joined graph is one of the embedding graph. */
export const isOfEmbeddingGraph = (value: string): boolean => value.startsWith(PREFIX);

/**
 * The decoder with its embeddings computed from token ids. Values of the decoder keep their names;
 * those of the embedding graph get a prefix, but for its token ids and for what the decoder takes
 * from it. Inputs of the embedding graph that belong to images or sound hold nothing: zero rows.
 * @param tokens the embeddings input of the decoder.
 * @throws EspalierError `unsupported-graph` when the graphs do not fit together.
 */
export function joinEmbedding(embedding: Model, decoder: Model, tokens: string): Model {
  const ids = idsOf(embedding.graph);
  const links = linksOf(embedding.graph, decoder.graph, tokens);
  const decoderInputs = new Map(decoder.graph.inputs.map((input) => [input.name, input]));
  const names = new Map<string, string>();
  for (const name of valuesOf(embedding.graph)) names.set(name, `${PREFIX}${name}`);
  names.set(ids.name, decoderInputs.has(ids.name) ? ids.name : freeName(ids.name, decoder.graph));
  const empty: Node[] = [];
  const shapes: [string, readonly number[]][] = [];
  const shared: ValueInfo[] = [];
  for (const input of embedding.graph.inputs) {
    if (input.name === ids.name || embedding.graph.initializers.has(input.name)) continue;
    if (decoderInputs.has(input.name) && !links.has(input.name)) {
      names.set(input.name, input.name);
      shared.push(input);
      continue;
    }
    const name = `${PREFIX}${input.name}`;
    shapes.push([shapeName(name), zeroRows(input)]);
    empty.push(zeros(input, shapeName(name), name));
  }
  for (const [output, input] of links) names.set(output, input);
  const renamed = renameValues(embedding.graph, names);
  const fed = new Set([...links.values()]);
  // What it makes besides serves nobody here; nor does what a decoder takes and does not read.
  const reads = new Set(decoder.graph.nodes.flatMap(dependencies));
  const nodes = usedNodes(
    [...empty, ...renamed.nodes],
    [...fed].filter((name) => reads.has(name)),
  );
  const read = new Set(nodes.flatMap(dependencies));
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  const constants = new Map([
    ...renamed.initializers,
    ...shapes.map(([name, dims]) => [name, int64s(name, dims)] as const),
  ]);
  const inputs = [
    ...decoder.graph.inputs.filter(({ name }) => !fed.has(name) && name !== names.get(ids.name)),
    ...renamed.inputs.filter(
      ({ name }) => renamed.initializers.has(name) && read.has(name) && !decoderInputs.has(name),
    ),
  ];
  const idsInput: ValueInfo = { ...ids, name: names.get(ids.name) ?? ids.name };
  return {
    ...decoder,
    irVersion: Math.max(decoder.irVersion, embedding.irVersion),
    opsets: joinedOpset(embedding, decoder),
    functions: joinedFunctions(decoder, embedding),
    graph: {
      ...decoder.graph,
      nodes: [...nodes, ...decoder.graph.nodes],
      initializers: new Map([
        ...[...constants].filter(([name]) => read.has(name)),
        ...decoder.graph.initializers,
      ]),
      inputs: [idsInput, ...inputs],
      valueInfo: new Map([
        ...[...renamed.valueInfo.values(), ...renamed.outputs]
          .filter(({ name }) => made.has(name))
          .map((value) => [value.name, value] as const),
        ...decoder.graph.inputs
          .filter(({ name }) => made.has(name))
          .map((value) => [value.name, value] as const),
        ...decoder.graph.valueInfo,
      ]),
    },
  };
}

/** True when the graph makes what the decoder takes as `tokens`. */
export function makesEmbeddings(candidate: Model, decoder: Model, tokens: string): boolean {
  try {
    idsOf(candidate.graph);
    linksOf(candidate.graph, decoder.graph, tokens);
    return true;
  } catch (error) {
    if (error instanceof EspalierError) return false;
    throw error;
  }
}

const ID_TYPES: ReadonlySet<number> = new Set([DataType.int64, DataType.int32]);

/** The token ids: the input of that name, else the only integer input of rank 2. */
function idsOf(graph: Graph): ValueInfo {
  const fed = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  const integers = fed.filter(
    ({ type, dims }) => ID_TYPES.has(type) && (dims === null || dims.length === 2),
  );
  const ids = integers.find(({ name }) => name === 'input_ids') ?? integers[0];
  if (ids && (ids.name === 'input_ids' || integers.length === 1)) return ids;
  throw unfit(
    `it has ${integers.length === 0 ? 'no input' : `${integers.length} inputs`} of token ids`,
  );
}

/** Outputs of the embedding graph to the inputs of the decoder that they are. */
function linksOf(embedding: Graph, decoder: Graph, tokens: string): Map<string, string> {
  const wanted = new Set(decoder.inputs.map(({ name }) => name));
  const links = new Map<string, string>();
  for (const { name } of embedding.outputs) if (wanted.has(name)) links.set(name, name);
  if ([...links.values()].includes(tokens)) return ofOneType(links, embedding, decoder);
  const open = embedding.outputs.filter(
    ({ name, dims }) => !links.has(name) && (dims === null || dims.length === 3),
  );
  const [only] = open;
  if (!only || open.length !== 1)
    throw unfit(`it has no output that could be the decoder's "${tokens}"`);
  const width = decoder.inputs.find(({ name }) => name === tokens)?.dims?.at(-1);
  const has = only.dims?.at(-1);
  if (typeof width === 'number' && typeof has === 'number' && width !== has)
    throw unfit(`its embeddings are ${has} wide, the decoder's are ${width}`);
  return ofOneType(links.set(only.name, tokens), embedding, decoder);
}

/** The links, when what is given has the element type that is taken: no loader converts it. */
function ofOneType(
  links: Map<string, string>,
  embedding: Graph,
  decoder: Graph,
): Map<string, string> {
  const typeIn = (values: readonly ValueInfo[], name: string): number =>
    values.find((value) => value.name === name)?.type ?? 0;
  for (const [output, input] of links) {
    const [has, wanted] = [typeIn(embedding.outputs, output), typeIn(decoder.inputs, input)];
    if (has !== 0 && wanted !== 0 && has !== wanted)
      throw unfit(`it gives "${output}" in the ONNX element type ${has}, not ${wanted}`);
  }
  return links;
}

function unfit(why: string): EspalierError {
  return new EspalierError(
    'unsupported-graph',
    `The embedding graph does not fit the decoder: ${why}.`,
    'Use graphs of one export of the model.',
  );
}

function valuesOf(graph: Graph): Set<string> {
  return new Set([
    ...graph.inputs.map(({ name }) => name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== '')),
  ]);
}

/** The name, or one that nothing in the graph has. */
function freeName(name: string, graph: Graph): string {
  const taken = valuesOf(graph);
  return taken.has(name) ? `${PREFIX}${name}` : name;
}

/** Whether features of images or sound are taken by a joined graph, which feeds it none. */
export function feedsNothing({ nodes }: Graph): boolean {
  return nodes.some(
    ({ op, inputs, outputs }) =>
      op === 'ConstantOfShape' && inputs[0] === shapeName(outputs[0] ?? ''),
  );
}

const shapeName = (name: string): string => `${name}/shape`;

/** Every open dimension is 0: no images, no sound. */
function zeroRows({ name, dims }: ValueInfo): number[] {
  const shape = (dims ?? []).map((dim) => (typeof dim === 'number' ? dim : 0));
  if (shape.includes(0)) return shape;
  throw unfit(`its input "${name}" is neither token ids nor of open size`);
}

function zeros({ name, type }: ValueInfo, shape: string, output: string): Node {
  const bytes = new Map<number, number>([
    [DataType.float, 4],
    [DataType.float16, 2],
    [DataType.int64, 8],
    [DataType.int32, 4],
    [DataType.bool, 1],
  ]).get(type);
  if (bytes === undefined) throw unfit(`its input "${name}" has the ONNX element type ${type}`);
  const value = { name: '', type, dims: [1], data: new Uint8Array(bytes) };
  return {
    name: '',
    op: 'ConstantOfShape',
    domain: '',
    inputs: [shape],
    outputs: [output],
    attributes: new Map([['value', { name: 'value', kind: 'tensor', value }]]),
  };
}

function int64s(name: string, values: readonly number[]) {
  const data = new Uint8Array(new BigInt64Array(values.map(BigInt)).buffer);
  return { name, type: DataType.int64, dims: [values.length], data };
}
