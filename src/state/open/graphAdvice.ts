// Which graph or tensor files of a folder to open: what the usual apps load by the names of the
// files, and the one to begin with.

import type { GraphChoice } from '../../model/open/summary.ts';
import { APPS, type GraphUse } from '../../words/open.ts';

/** transformers.js finds a graph by its suffix: `model_quantized.onnx` is `dtype: 'q8'`. */
const SUFFIX = /_(fp16|int8|uint8|q4|q4f16|bnb4|quantized)\.onnx$/i;

/** Graphs of a folder that are no decoder of text, by their names. */
const OTHER_PART = /(^|\/)(embed_tokens|vision|audio|encoder|image|text_encoder|prepare_inputs)/i;

/**
 * Best first: quick to score and to load, and runs on every device. A graph counts before the
 * tensor files that it was made from.
 */
const PREFERRED: readonly GraphUse[] = [
  'q4',
  'quantized',
  'int8',
  'uint8',
  'fp32',
  'q4f16',
  'fp16',
  'safetensors',
  'gguf',
];

/**
 * GGUF files by their types, best first: those of 8 and 4 bits that run as they are stored, then
 * others, which become float32 before they run.
 */
const PREFERRED_TYPES: readonly string[] = ['q8_0', 'q4_0', 'f16', 'bf16', 'q6_k', 'q5_k_m'];

function purposeOf({ path, format }: GraphChoice): GraphUse {
  if (format) return format;
  if (OTHER_PART.test(path)) return 'other';
  const suffix = SUFFIX.exec(path)?.[1]?.toLowerCase();
  return (suffix ?? 'fp32') as GraphUse;
}

export interface AdvisedGraph extends GraphChoice {
  /** What loads it. */
  use: string;
  recommended: boolean;
}

/** The graphs as listed, each with what loads it; one is recommended where they differ. */
export function adviseGraphs(graphs: readonly GraphChoice[]): AdvisedGraph[] {
  const placeIn = (list: readonly string[], one: string) => {
    const at = list.indexOf(one);
    return at < 0 ? list.length : at;
  };
  // The type decides between files of one kind.
  const rank = (graph: GraphChoice) =>
    placeIn(PREFERRED, purposeOf(graph)) +
    placeIn(PREFERRED_TYPES, graph.dtype) / (PREFERRED_TYPES.length + 1);
  const best = graphs.reduce<GraphChoice | null>(
    (found, graph) => (found === null || rank(graph) < rank(found) ? graph : found),
    null,
  );
  return graphs.map((graph) => ({
    ...graph,
    use: APPS[purposeOf(graph)],
    recommended: graph === best && rank(graph) < PREFERRED.length,
  }));
}
