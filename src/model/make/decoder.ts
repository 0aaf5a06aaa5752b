// The template of all decoders: a specification becomes a graph in the style of the
// onnxruntime-genai builder (input_ids, attention_mask and caches to logits).

import { DataType, type Graph, type ValueInfo } from '../../onnx/graph.ts';
import { attention, attentionInputs, cachedHeadSize } from './attention.ts';
import { feedForward } from './feedForward.ts';
import { type GraphMaker, MICROSOFT } from './nodes.ts';
import { tokenPositions } from './positions.ts';
import type { BlockSpec, DecoderSpec, EmbeddingSpec, NormSpec } from './spec.ts';

/**
 * The graph of a decoder. @throws EspalierError `missing-file`, `corrupt-file`,
 * `unsupported-graph` where the tensors are not those of the specification
 */
export function decoderGraph(spec: DecoderSpec, graph: GraphMaker): Graph {
  const lengths = attentionInputs(graph);
  const stream = new ResidualStream(graph, spec.hiddenSize, embedding(graph, spec));
  for (const [index, block] of spec.blocks.entries()) {
    const { norms, parallel } = block;
    const at = `/model/layers.${index}`;
    const read = stream.normed(norms.beforeAttention, `${at}/input_layernorm`);
    const attended = attention(graph, block.attention, index, read, lengths);
    const { beforeFeedForward: before } = norms;
    // Families with a norm after the attention call the one before the feed-forward by its name.
    const location = `${norms.afterAttention ? 'pre_feedforward' : 'post_attention'}_layernorm`;
    const left = branch(graph, block, norms.afterAttention, attended, `${at}/attn`, {
      norm: `${at}/post_attention_layernorm`,
      width: spec.hiddenSize,
    });
    if (!parallel) stream.add(left);
    const seen = parallel && !before ? read : stream.normed(before, `${at}/${location}`);
    const computed = feedForward(graph, block.feedForward, index, seen);
    const right = branch(graph, block, norms.afterFeedForward, computed, `${at}/mlp`, {
      norm: `${at}/post_feedforward_layernorm`,
      width: spec.hiddenSize,
    });
    if (parallel)
      stream.add(graph.node('Add', `${at}/Add`, [left, right], { width: spec.hiddenSize }));
    else stream.add(right);
  }
  const last = `/model/layers.${spec.blocks.length}/final_norm_layernorm`;
  head(graph, spec, stream.normed(spec.norm, last, true));
  return graph.graph(inputsOf(spec), outputsOf(spec));
}

/** What the attention or the feed-forward adds, with a norm of it and a multiplier. */
function branch(
  graph: GraphMaker,
  { residualMultiplier }: BlockSpec,
  norm: NormSpec | null,
  value: string,
  at: string,
  names: { norm: string; width: number },
): string {
  const { width } = names;
  const normed = norm ? layerNorm(graph, norm, names.norm, value) : value;
  if (residualMultiplier === 1) return normed;
  const by = graph.float(residualMultiplier);
  return graph.node('Mul', `${at}/residual/Mul`, [normed, by], { width });
}

/** The values that blocks read and add to. A sum is made by the norm that reads it. */
class ResidualStream {
  private readonly graph: GraphMaker;
  private readonly width: number;
  private value: string;
  private pending: string | null = null;

  constructor(graph: GraphMaker, width: number, value: string) {
    this.graph = graph;
    this.width = width;
    this.value = value;
  }

  add(value: string): void {
    this.pending = value;
  }

  /** The stream, or its norm. @param name "/model/layers.0/input_layernorm" */
  normed(norm: NormSpec | null, name: string, last = false): string {
    const { graph, width, pending } = this;
    if (pending === null) return norm ? layerNorm(graph, norm, name, this.value) : this.value;
    this.pending = null;
    if (!norm) {
      this.value = graph.node('Add', `${name}/Add`, [this.value, pending], { width });
      return this.value;
    }
    const op = `Skip${norm.kind === 'rms' ? 'Simplified' : ''}LayerNormalization`;
    const weights = graph.normWeights(norm, name.slice(1).replaceAll('/', '.'));
    const sum = `${name}/output_3`;
    const outputs = [`${name}/output_0`, ...(last ? [] : ['', '', sum])];
    const normed = graph.node(op, `${name}/SkipLayerNorm`, [this.value, pending, ...weights], {
      domain: MICROSOFT,
      attributes: { epsilon: { float: norm.epsilon } },
      outputs,
      width,
    });
    if (!last) graph.declare(sum, ['batch_size', 'sequence_length', width]);
    this.value = sum;
    return normed;
  }
}

function layerNorm(graph: GraphMaker, norm: NormSpec, name: string, input: string): string {
  const op = norm.kind === 'rms' ? 'SimplifiedLayerNormalization' : 'LayerNormalization';
  const weights = graph.normWeights(norm, name.slice(1).replaceAll('/', '.'));
  return graph.node(op, `${name}/LayerNorm`, [input, ...weights], {
    attributes: { epsilon: { float: norm.epsilon }, axis: -1, stash_type: 1 },
    outputs: [`${name}/output_0`],
    width: norm.size,
  });
}

const EMBEDDING = 'model.embed_tokens.weight';

function embedding(
  graph: GraphMaker,
  { embedding: spec, vocabSize, hiddenSize }: DecoderSpec,
): string {
  const at = '/model/embed_tokens';
  const width = hiddenSize;
  graph.bound(EMBEDDING, `${spec.module}.weight`, [vocabSize, width], []);
  let value = graph.node('Gather', `${at}/Gather`, [EMBEDDING, 'input_ids'], { width });
  if (spec.multiplier !== 1)
    value = graph.node('Mul', `${at}/Mul`, [value, graph.float(spec.multiplier)], { width });
  if (spec.positions) value = withPositions(graph, spec.positions, value, width);
  return spec.norm ? layerNorm(graph, spec.norm, '/model/embed_layernorm', value) : value;
}

/** The sum of a value and the rows of the tokens' positions. */
function withPositions(
  graph: GraphMaker,
  { module, count, offset }: NonNullable<EmbeddingSpec['positions']>,
  value: string,
  width: number,
): string {
  const at = '/model/embed_positions';
  const table = 'model.embed_positions.weight';
  graph.bound(table, `${module}.weight`, [count + offset, width], []);
  const positions = tokenPositions(graph);
  const rows =
    offset === 0
      ? positions
      : graph.node('Add', `${at}/offset/Add`, [positions, graph.ints(offset)]);
  const found = graph.node('Gather', `${at}/Gather`, [table, rows], { width });
  return graph.node('Add', `${at}/Add`, [value, found], { width });
}

function head(
  graph: GraphMaker,
  { head: spec, embedding, vocabSize }: DecoderSpec,
  input: string,
): void {
  const { multiplier, softcap, tied } = spec;
  const width = vocabSize;
  let logits: string;
  if (tied) {
    graph.skip(`${spec.linear.module}.weight`);
    logits = graph.tied({ ...spec.linear, module: embedding.module }, '/lm_head', input, EMBEDDING);
  } else logits = graph.linear(spec.linear, '/lm_head', input);
  if (multiplier !== 1)
    logits = graph.node('Mul', '/lm_head/scale/Mul', [logits, graph.float(multiplier)], { width });
  if (softcap !== null) {
    const cap = graph.float(softcap);
    const at = '/lm_head/softcap';
    const divided = graph.node('Div', `${at}/Div`, [logits, cap], { width });
    const bounded = graph.node('Tanh', `${at}/Tanh`, [divided], { width });
    logits = graph.node('Mul', `${at}/Mul`, [bounded, cap], { width });
  }
  graph.rename(logits, 'logits');
}

function inputsOf({ blocks }: DecoderSpec): ValueInfo[] {
  const int64 = DataType.int64;
  return [
    { name: 'input_ids', type: int64, dims: ['batch_size', 'sequence_length'] },
    { name: 'attention_mask', type: int64, dims: ['batch_size', 'total_sequence_length'] },
    ...blocks.flatMap((block, k) => caches(block, `past_key_values.${k}`, 'past_sequence_length')),
  ];
}

function outputsOf({ blocks, vocabSize }: DecoderSpec): ValueInfo[] {
  const dims = ['batch_size', 'sequence_length', vocabSize];
  return [
    { name: 'logits', type: DataType.float, dims },
    ...blocks.flatMap((block, k) => caches(block, `present.${k}`, 'total_sequence_length')),
  ];
}

function caches({ attention }: BlockSpec, name: string, length: string): ValueInfo[] {
  const dims = ['batch_size', attention.groups, length, cachedHeadSize(attention)];
  return ['key', 'value'].map((part) => ({ name: `${name}.${part}`, type: DataType.float, dims }));
}
