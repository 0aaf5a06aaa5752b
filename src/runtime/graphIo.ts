// How a whole decoder graph is fed: ids, mask, positions and empty or static caches from its declared inputs; must not run it.

import { EspalierError } from '../errors.ts';
import type { OpenedModel } from '../model/open.ts';
import type { ElementType } from '../model/program.ts';
import { DataType, intAttribute, type ValueInfo } from '../onnx/graph.ts';
import { filled, type HostTensor, numbers } from './host.ts';

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

/** Inputs, caches and logits of a graph. */
export interface GraphIo {
  inputs: ValueInfo[];
  /** Cache input to the output that replaces it in the next step. */
  states: Map<string, string>;
  tokenInput: string;
  logits: string;
  headSize: number | null;
  /** C of the embeddings input, or null when the graph takes token ids. */
  embeddingSize: number | null;
  /** The attention operators want a zeroed cache of full capacity, not an empty one. */
  staticCache: boolean;
}

/** @throws EspalierError `unsupported-graph` for graphs that start from embeddings, unless stand-ins for them are enough. */
export function graphIo(opened: OpenedModel, standInEmbeddings: boolean): GraphIo {
  const { structure, config } = opened;
  if (structure.embedsInput && !standInEmbeddings)
    throw new EspalierError(
      'unsupported-graph',
      `The graph starts from embeddings ("${structure.tokenInput}"), so it cannot generate from token ids.`,
      'Export the model with its embedding layer to run it.',
    );
  const graph = structure.model.graph;
  return {
    inputs: graph.inputs.filter((input) => !graph.initializers.has(input.name)),
    states: new Map(structure.blocks.flatMap((block) => block.states.map((state) => [state.input, state.output] as const))),
    tokenInput: structure.tokenInput,
    logits: structure.logits,
    headSize: config.headSize,
    embeddingSize: structure.embedsInput ? opened.summary.hiddenSize : null,
    staticCache: graph.nodes.some((node) => intAttribute(node, 'sliding_window_cache') === 1),
  };
}

/** Caches before the first token: empty, or zeros for `capacity` tokens where the graph wants static ones. */
export function emptyStates(io: GraphIo, capacity: number): Map<string, HostTensor> {
  const states = new Map<string, HostTensor>();
  for (const input of io.inputs) {
    if (!io.states.has(input.name)) continue;
    const dims = (input.dims ?? [null, null, null, null]).map((dim, axis, all) => {
      if (typeof dim === 'number') return dim;
      if (axis === 0) return 1;
      if (all.length === 4 && axis === 3) return io.headSize ?? unknownHeadSize(input.name);
      return all.length === 4 && axis === 2 && io.staticCache ? capacity : 0;
    });
    states.set(input.name, filled(typeOf(input), dims, 0));
  }
  return states;
}

/** Everything but the caches, for `ids` (1, S) after `start` tokens that are in the cache. */
export function stepFeeds(io: GraphIo, ids: readonly number[], start: number): Map<string, HostTensor> {
  const total = start + ids.length;
  const feeds = new Map<string, HostTensor>();
  for (const input of io.inputs) {
    if (io.states.has(input.name)) continue;
    feeds.set(input.name, stepFeed(io, input, ids, start, total));
  }
  return feeds;
}

function stepFeed(io: GraphIo, input: ValueInfo, ids: readonly number[], start: number, total: number): HostTensor {
  const type = typeOf(input);
  if (input.name === io.tokenInput && io.embeddingSize !== null) return standIns(type, ids, io.embeddingSize);
  if (input.name === io.tokenInput) return numbers(type, [1, ids.length], ids);
  if (input.name === 'attention_mask') return filled(type, [1, total], 1);
  if (input.name === 'position_ids')
    return numbers(
      type,
      [1, ids.length],
      ids.map((_, k) => start + k),
    );
  if (input.name === 'num_logits_to_keep') return filled(type, [], 0);
  throw new EspalierError(
    'unsupported-graph',
    `The graph has an input "${input.name}" that is not known here.`,
    'Export a plain text decoder.',
  );
}

/** (1, S, C) repeatable numbers in [-1, 1] that differ by id. */
function standIns(type: ElementType, ids: readonly number[], size: number): HostTensor {
  const values = ids.flatMap((id) => {
    let state = (id + 1) * 2654435761;
    return Array.from({ length: size }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 31 - 1;
    });
  });
  return numbers(type, [1, ids.length, size], values);
}

function typeOf(input: ValueInfo): ElementType {
  const type = ELEMENT_TYPES[input.type];
  if (!type) throw new EspalierError('unsupported-graph', `The input "${input.name}" has element type ${input.type}, which cannot be fed.`);
  return type;
}

function unknownHeadSize(name: string): never {
  throw new EspalierError(
    'unsupported-graph',
    `The head size of the cache input "${name}" is not a number, and no config gives it.`,
    'Add config.json or genai_config.json with head_dim.',
  );
}
