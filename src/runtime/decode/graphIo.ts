// How a whole decoder graph is fed: what each input means, its caches and its logits.

import { EspalierError } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { inputSources, type SourceOf } from '../../model/programs/inputs.ts';
import type { ElementType, PositionForm, ProgramDim } from '../../model/programs/program.ts';
import { DataType, intAttribute, type ValueInfo } from '../../onnx/graph.ts';

const ELEMENT_TYPES: Readonly<Record<number, ElementType>> = {
  [DataType.float]: 'float32',
  [DataType.float16]: 'float16',
  [DataType.double]: 'float64',
  [DataType.int64]: 'int64',
  [DataType.int32]: 'int32',
  [DataType.int8]: 'int8',
  [DataType.uint8]: 'uint8',
  [DataType.bool]: 'bool',
};

/**
 * An input that is no cache. `keep`: how many rows of logits to compute, of dims () or (1).
 * `with-past`: of a merged decoder, which branch runs. `stand-in`: of unknown meaning, fed with
 * fixed arbitrary numbers.
 */
export interface TokenInput {
  name: string;
  type: ElementType;
  role: 'ids' | 'mask' | 'positions' | 'keep' | 'with-past' | 'stand-in';
  rank: number;
  /** Dims of positions. */
  form: PositionForm;
  /** Dims of a stand-in. */
  dims?: readonly ProgramDim[];
}

/** A cache or state: the input, and the output that replaces it in the next step. */
export interface StateIo {
  input: string;
  output: string;
  type: ElementType;
  /** 'past' marks the dimension that grows; without one the state has a fixed size. */
  dims: readonly ProgramDim[];
}

/** Inputs, caches and logits of a graph. */
export interface GraphIo {
  tokens: TokenInput[];
  states: StateIo[];
  logits: string;
  logitsType: ElementType;
  /** V as graph or config declare it, 0 when neither does. */
  vocabSize: number;
  /** C of the embeddings input, or null when the graph takes token ids. */
  embeddingSize: number | null;
  /** The attention operators want a zeroed cache of full capacity, not an empty one. */
  staticCache: boolean;
  /** Rows that such a cache must have however short the text: the longest sliding window. */
  leastCapacity: number;
  /**
   * Attention with a past takes more than one new token only for a single row (GroupQueryAttention
   * of onnxruntime contrib operators).
   */
  grouped: boolean;
  /**
   * For a merged decoder, the value of its switch where the caches are read; null for others. The
   * branch without a past takes a whole prompt, the other one token.
   */
  withPastWhen: boolean | null;
  /**
   * Every growing cache is read only by a GroupQueryAttention as its past and written by the same
   * one: one buffer can be both.
   */
  shareable: boolean;
}

/**
 * @param standIns whether fixed arbitrary numbers will do for what nothing here can make
 * @throws EspalierError `unsupported-graph` for graphs that start from embeddings and for inputs of
 * unknown meaning, unless stand-ins are enough; for element types and sizes of caches that are not
 * known here.
 */
export function graphIo(opened: OpenedModel, standIns: boolean): GraphIo {
  const { structure, config, whole } = opened;
  if (structure.embedsInput && !standIns)
    throw new EspalierError(
      'unsupported-graph',
      `The graph starts from embeddings ("${structure.tokenInput}"), so it cannot generate ` +
        'from token ids.',
      'Export the model with its embedding layer to run it.',
    );
  const { graph } = whole.model;
  const sourceOf = inputSources(structure, config.headSize);
  const outputs = new Map(
    structure.blocks.flatMap((block) =>
      block.states.map((state) => [state.input, state.output] as const),
    ),
  );
  const tokens: TokenInput[] = [];
  const states: StateIo[] = [];
  for (const input of graph.inputs) {
    if (graph.initializers.has(input.name)) continue;
    const type = typeOf(input);
    const output = outputs.get(input.name);
    if (input.name === whole.merged?.switch) {
      const rank = input.dims?.length ?? 1;
      tokens.push({ name: input.name, type, role: 'with-past', rank, form: 'rows' });
      continue;
    }
    if (standIns && output === undefined && !isKnown(sourceOf, input.name)) {
      const dims = standInDims(
        input,
        graph.inputs.find((v) => v.name === structure.tokenInput),
      );
      const rank = dims.length;
      tokens.push({ name: input.name, type, role: 'stand-in', rank, form: 'rows', dims });
      continue;
    }
    const source = sourceOf(input.name);
    if (output !== undefined && source.kind === 'past')
      states.push({ input: input.name, output, type, dims: source.dims });
    else {
      const form = source.kind === 'positions' ? source.form : 'rows';
      tokens.push({
        name: input.name,
        type,
        role: roleOf(input, source.kind, structure.tokenInput),
        rank: input.dims?.length ?? 2,
        form,
      });
    }
  }
  const logits = graph.outputs.find((value) => value.name === structure.logits);
  const attention = structure.model.graph.nodes.filter((node) => node.op === 'GroupQueryAttention');
  const sliding = attention.filter((node) => intAttribute(node, 'sliding_window_cache') === 1);
  return {
    tokens,
    states,
    logits: structure.logits,
    logitsType: logits ? typeOf(logits) : 'float32',
    vocabSize: opened.summary.vocabSize ?? 0,
    embeddingSize: structure.embedsInput ? (opened.summary.hiddenSize ?? 0) : null,
    staticCache: sliding.length > 0,
    leastCapacity: Math.max(
      0,
      ...sliding.map((node) => intAttribute(node, 'local_window_size') ?? 0),
    ),
    grouped: attention.length > 0,
    withPastWhen: whole.merged?.withPastWhen ?? null,
    shareable:
      whole.merged === null &&
      states.some(grows) &&
      states.filter(grows).every((state) => isShareable(opened, state)),
  };
}

function isKnown(sourceOf: SourceOf, name: string): boolean {
  try {
    sourceOf(name);
    return true;
  } catch {
    return false;
  }
}

/** Rows and tokens as the token input names them; a size of any other name is arbitrary. */
function standInDims(input: ValueInfo, tokens: ValueInfo | undefined): ProgramDim[] {
  const [batch, sequence] = tokens?.dims ?? [];
  return (input.dims ?? []).map((dim) => {
    if (typeof dim === 'number') return dim;
    if (dim === null) return 1;
    if (dim === batch) return 'batch';
    return dim === sequence ? 'sequence' : STAND_IN_SIZE;
  });
}

const STAND_IN_SIZE = 4;

/** True for a cache that grows with the sequence. */
export function grows({ dims }: StateIo): boolean {
  return dims.includes('past');
}

/** Dims of a state for M rows and so many tokens in it. */
export function stateDims({ dims }: StateIo, batch: number, past: number): number[] {
  return dims.map((dim) => {
    if (typeof dim === 'number') return dim;
    return dim === 'batch' ? batch : past;
  });
}

function roleOf(input: ValueInfo, kind: string, tokenInput: string): TokenInput['role'] {
  if (input.name === tokenInput) return 'ids';
  if (kind === 'attention-mask') return 'mask';
  if (kind === 'positions') return 'positions';
  if (kind === 'constant') return 'keep';
  throw new EspalierError(
    'unsupported-graph',
    `The graph has an input "${input.name}" whose meaning is not known.`,
    'Export a plain text decoder.',
  );
}

/**
 * GroupQueryAttention: past key and value are inputs 3 and 4, present key and value outputs 1 and 2
 * (onnxruntime contrib operators).
 */
function isShareable({ whole }: OpenedModel, { input, output }: StateIo): boolean {
  const { nodes, outputs } = whole.model.graph;
  const readers = nodes.filter((node) => node.inputs.includes(input));
  const [reader] = readers;
  if (!reader || readers.length !== 1 || reader.op !== 'GroupQueryAttention') return false;
  const slot = reader.inputs.indexOf(input);
  const once = reader.inputs.lastIndexOf(input) === slot;
  const present =
    reader.outputs[slot - 2] === output && outputs.some((value) => value.name === output);
  return (
    once &&
    (slot === 3 || slot === 4) &&
    present &&
    !nodes.some((node) => node.inputs.includes(output))
  );
}

function typeOf(input: ValueInfo): ElementType {
  const type = ELEMENT_TYPES[input.type];
  if (!type) {
    const name = Object.keys(DataType).find((key) => DataType[key as 'float'] === input.type);
    throw new EspalierError(
      'unsupported-graph',
      `The value "${input.name}" has the element type ${name ?? input.type}, which cannot be fed.`,
    );
  }
  return type;
}
