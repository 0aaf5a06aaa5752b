// Gradients of the loss with respect to the last hidden state, through the head's own nodes; no
// (B, S, V) tensor leaves the program. N = predicted positions of all windows together.

import { EspalierError } from '../errors.ts';
import type { BoundProgram, ProgramOutput } from '../model/programs/program.ts';
import { DataType, type Node } from '../onnx/graph.ts';
import { type BindableProgram, bind, bindable, soleInput } from './bindable.ts';
import type { Builder } from './build/builder.ts';
import { type ForwardGraph, forwardGraph, type RunValues } from './forward.ts';
import { materialised, sweep } from './sweep.ts';
import { output, type Ports } from './taps.ts';

/**
 * (h (B, S, C), targets (B, S - 1)) -> (nll (B, S - 1), dL/dh (B, S, C)) of the loss
 * L = sum(nll) / N, where N may be more than this run has: dL/dlogits = (softmax - onehot) / N.
 * @param head the head of the score programs, in float32.
 */
export function nllHead(head: BoundProgram, values: RunValues, predictions: number): BoundProgram {
  const residual = soleInput(head.program, 'residual');
  const forward = forwardGraph(head, values, [residual], new Set());
  const { b } = forward;
  const { logits, probability, picked } = softmaxOf(forward, forward.outputs[0] ?? '');
  const p = probability();
  const hit = hits(b, picked, b.dims(logits).at(-1) ?? 0);
  const d = b.where(hit, b.shift(p, -1), p);
  return withGradient(forward, head, residual, logits, b.scale(d, 1 / predictions));
}

/**
 * (h of the original, h of the plan, targets) -> (what the comparison gives, dL/dh of the plan) of
 * the loss L = sum(KL(original || plan)) / N: dL/dlogits = (softmax of the plan - softmax of the
 * original) / N.
 * @param compare the comparing head of the score programs, in float32.
 */
export function klHead(
  compare: BoundProgram,
  values: RunValues,
  predictions: number,
): BoundProgram {
  const residual = soleInput(compare.program, 'other-residual');
  const forward = forwardGraph(compare, values, [residual], new Set());
  const { b } = forward;
  const output = (value: string): string => {
    const at = compare.program.outputs.findIndex(
      ({ target }) => target.kind === 'compared' && target.value === value,
    );
    return forward.outputs[at] ?? '';
  };
  const teacher = softmaxOf(forward, output('nll'));
  const student = softmaxOf(forward, output('nll-other'));
  const d = b.sub(student.probability(), teacher.probability());
  return withGradient(forward, compare, residual, student.logits, b.scale(d, 1 / predictions));
}

function withGradient(
  forward: ForwardGraph,
  head: BoundProgram,
  residual: string,
  logits: string,
  d: string,
): BoundProgram {
  const { b, known } = forward;
  const found = sweep(b, { seeds: new Map([[logits, d]]), leaves: [residual], known });
  const own = found.get(residual);
  const kept: ProgramOutput[] = head.program.outputs.map((one, k) => ({
    ...one,
    name: forward.outputs[k] ?? one.name,
  }));
  const ports: Ports = { inputs: [], outputs: kept };
  output(ports, own ? materialised(b, own) : b.zeros(b.dims(residual)), { kind: 'gradient' });
  const [rows, length] = b.dims(residual);
  const made: BindableProgram = bindable(
    forward,
    head.program,
    ports,
    `gradient-${head.program.id}-${rows}x${length}`,
  );
  return bind(made, head);
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
