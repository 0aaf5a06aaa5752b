// Loss and gradients of the head, through its own nodes; no (B, S, V) tensor leaves the program.

import { EspalierError } from '../errors.ts';
import type { BoundProgram, ProgramOutput } from '../model/programs/program.ts';
import { DataType, type Node } from '../onnx/graph.ts';
import { type BindableProgram, bindable, soleInput } from './bindable.ts';
import type { Builder } from './build/builder.ts';
import { type ForwardGraph, forwardGraph, type RunValues } from './forward.ts';
import { type Gradient, materialised, sweep } from './sweep.ts';
import { appendSums, output, type Ports } from './taps.ts';

/** L = sum over positions of w ((1 - kl) nll + kl KL(original || plan)). */
export interface HeadLoss {
  /** Share of KL, 0 to 1. */
  kl: number;
  /** w: the same for every position, or fed for each. */
  weight: number | 'fed';
  /** Inputs whose gradients are summed over runs. */
  parameters: readonly string[];
  /** Largest piece of such a gradient, in bytes. */
  limit: number;
}

/**
 * (hidden state h, targets, loss weights, sums so far) -> (nll (B, S - 1), dL/dh (B, S, C), sums):
 * dL/dlogits = w (softmax - (1 - kl) onehot - kl softmax of the original). With KL the head is the
 * comparing one: it reads the state of the original too, h is the plan's, and KL (B, S - 1) comes
 * out as well.
 * @param head of the score programs, or comparing, in float32.
 */
export function lossHead(head: BoundProgram, values: RunValues, loss: HeadLoss): BindableProgram {
  const { kl, weight, parameters, limit } = loss;
  const compares = kl > 0;
  const residual = soleInput(head.program, compares ? 'other-residual' : 'residual');
  const forward = forwardGraph(head, values, [residual], new Set(parameters));
  const { b, known } = forward;
  const outputOf = (kept: (target: ProgramOutput['target']) => boolean): string => {
    const at = head.program.outputs.findIndex(({ target }) => kept(target));
    return forward.outputs[at] ?? '';
  };
  const compared = (value: string): string =>
    outputOf((target) => target.kind === 'compared' && target.value === value);
  const nll = compares ? compared('nll-other') : outputOf(({ kind }) => kind === 'nll');
  const { logits, probability, picked } = softmaxOf(forward, nll);
  let d = probability();
  if (compares) d = b.sub(d, b.scale(softmaxOf(forward, compared('nll')).probability(), kl));
  if (kl < 1) {
    const hit = hits(b, picked, b.dims(logits).at(-1) ?? 0);
    d = b.where(hit, b.shift(d, kl - 1), d);
  }
  const ports: Ports = { inputs: [], outputs: [] };
  const seed = weighted(b, d, weight, ports);
  output(ports, nll, { kind: 'nll' });
  if (compares) output(ports, compared('kl'), { kind: 'compared', value: 'kl' });
  const leaves = [residual, ...parameters];
  const found = sweep(b, { seeds: new Map([[logits, seed]]), leaves, known });
  const own = found.get(residual);
  output(ports, own ? materialised(b, own) : b.zeros(b.dims(residual)), { kind: 'gradient' });
  for (const name of parameters)
    if (found.has(name))
      appendSums(b, { weight: name, floats: name }, found.get(name) as Gradient, limit, ports);
  const [rows, length] = b.dims(residual);
  return bindable(forward, head.program, ports, `gradient-${head.program.id}-${rows}x${length}`);
}

/** d of (B, S - 1, V) times the weight of each position. */
function weighted(b: Builder, d: string, weight: HeadLoss['weight'], ports: Ports): string {
  if (weight !== 'fed') return b.scale(d, weight);
  const [rows = 0, count = 0] = b.dims(d);
  const name = b.declare(b.fresh('weights'), { type: DataType.float, dims: [rows, count] });
  ports.inputs.push({ name, type: 'float32', source: { kind: 'loss-weights' } });
  return b.mul(d, b.reshape(name, [rows, count, 1]));
}

/** The nodes of a negative log-likelihood, as nll.ts appends them. */
interface Softmax {
  /** (B, S - 1, V) float32 */
  logits: string;
  /** Appends exp(logits - max) / sum, (B, S - 1, V). */
  probability(): string;
  /** The target ids (B, S - 1, 1). */
  picked: string;
}

function softmaxOf({ b }: ForwardGraph, nll: string): Softmax {
  const producer = new Map<string, Node>();
  for (const node of b.nodes) for (const y of node.outputs) producer.set(y, node);
  const back = (value: string | undefined, op: string): Node => {
    const node = producer.get(value ?? '');
    if (node?.op === op) return node;
    throw new EspalierError('bug', `The likelihood is computed by ${node?.op}, not by ${op}.`);
  };
  // nll = squeeze(log(sum(exp(z))) - z[target]), z = logits - max
  const column = back(back(nll, 'Squeeze').inputs[0], 'Sub');
  const sum = back(back(column.inputs[0], 'Log').inputs[0], 'ReduceSum');
  const exp = back(sum.inputs[0], 'Exp');
  const gather = back(column.inputs[1], 'GatherElements');
  const shifted = back(exp.inputs[0], 'Sub');
  return {
    logits: shifted.inputs[0] ?? '',
    probability: () => b.div(exp.outputs[0] ?? '', sum.outputs[0] ?? ''),
    picked: gather.inputs[1] ?? '',
  };
}

/**
 * True at the target of every position, (B, S - 1, V). Compared as int32: int64 runs on the CPU.
 */
function hits(b: Builder, targets: string, vocabulary: number): string {
  return b.compare('Equal', b.cast(targets, DataType.int32), iota(b, vocabulary));
}

/** Columns of the two small constants that all token ids are sums of. */
const COLUMNS = 512;

/** 0 .. n - 1 as int32, (1, 1, n). */
function iota(b: Builder, n: number): string {
  const rows = Math.ceil(n / COLUMNS);
  const counting = (count: number, step: number): number[] =>
    Array.from({ length: count }, (_, k) => k * step);
  const table = b.add(
    b.constant(DataType.int32, [rows, 1], counting(rows, COLUMNS)),
    b.constant(DataType.int32, [1, COLUMNS], counting(COLUMNS, 1)),
  );
  return b.slice(b.reshape(table, [1, 1, rows * COLUMNS]), 2, 0, n);
}
