// Appends ONNX nodes whose element types and dims are known, so that every shape is a constant.

import { EspalierError } from '../../errors.ts';
import type { Attribute, Node, Tensor } from '../../onnx/graph.ts';
import { DataType, elementCount } from '../../onnx/graph.ts';
import type { Bytes } from '../../onnx/source.ts';
import { type AttributeValue, attributesOf } from './attributes.ts';
import { axisOf, broadcast, type Dims, mismatch, sameDims, spanOf, withDim } from './dims.ts';
import { type ConstantValues, constantBytes } from './literals.ts';

/** Element type and dims of a value. */
export interface KnownValue {
  readonly type: DataType;
  readonly dims: Dims;
}

export interface BuilderOptions {
  /** Version of the ai.onnx operator set that the nodes are written for, 11 or later. */
  opset: number;
  /** Start of all names made here. */
  prefix?: string;
}

/** A number that equal bytes share (FNV-1a); masks of long windows are too long to be keys. */
function hashOf(data: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}

function sameBytes(a: Bytes | undefined, b: Uint8Array): boolean {
  return a instanceof Uint8Array && a.length === b.length && a.every((byte, k) => byte === b[k]);
}

/** The opset in which `axes` of ReduceSum became an input (ONNX operator changelog). */
const AXES_INPUT_SINCE = 13;

/**
 * A list of nodes that grows. It knows type and dims of every value: of those it was given, and of
 * those it made. Its methods append one node, or a few, and return the name of the result; a
 * mismatch of dims or types is thrown where it is made (EspalierError `bug`).
 */
export class Builder {
  readonly nodes: Node[] = [];
  readonly initializers = new Map<string, Tensor>();
  readonly opset: number;
  private readonly values = new Map<string, KnownValue>();
  private readonly literals = new Map<string, string[]>();
  private readonly prefix: string;
  private count = 0;

  /** @param values what the nodes may read; names made here differ from all of theirs. */
  constructor(values: Iterable<readonly [string, KnownValue]>, { opset, prefix }: BuilderOptions) {
    for (const [name, value] of values) this.declare(name, value);
    this.opset = opset;
    this.prefix = prefix ?? 'grad/';
  }

  /** Adds a value that is computed or fed elsewhere; a second time only with the same dims. */
  declare(name: string, { type, dims }: KnownValue): string {
    const known = this.values.get(name);
    if (known && !(known.type === type && sameDims(known.dims, dims)))
      throw mismatch(`The value "${name}"`, known.dims, dims);
    this.values.set(name, { type, dims: [...dims] });
    return name;
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  /** @throws EspalierError `bug` for a value that was neither given nor made. */
  value(name: string): KnownValue {
    const known = this.values.get(name);
    if (!known) throw new EspalierError('bug', `The shape of the value "${name}" is not known.`);
    return known;
  }

  dims(name: string): Dims {
    return this.value(name).dims;
  }

  type(name: string): DataType {
    return this.value(name).type;
  }

  /** A name that no value has. */
  fresh(hint: string): string {
    for (;;) {
      const name = `${this.prefix}${this.count++}_${hint}`;
      if (!this.values.has(name)) return name;
    }
  }

  /** Appends a node of the graph as it is, with what is known of its outputs. */
  adopt(node: Node, outputs: readonly (KnownValue | null)[]): void {
    node.outputs.forEach((name, k) => {
      const value = outputs[k];
      if (name !== '' && value) this.declare(name, value);
    });
    this.nodes.push(node);
  }

  /** Appends a node with one output of these dims, which has the type of the first input. */
  op(
    op: string,
    inputs: readonly string[],
    dims: Dims,
    attributes: Readonly<Record<string, AttributeValue>> = {},
    { domain = '', type }: { domain?: string; type?: DataType } = {},
  ): string {
    const of = { type: type ?? this.type(inputs[0] ?? ''), dims };
    return this.ops(op, inputs, [of], attributes, domain)[0] as string;
  }

  /** Appends a node with several outputs and returns their names. */
  ops(
    op: string,
    inputs: readonly string[],
    outputs: readonly KnownValue[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = '',
  ): string[] {
    for (const name of inputs) if (name !== '') this.value(name);
    const names = outputs.map((value) => this.declare(this.fresh(op), value));
    const map: Map<string, Attribute> = attributesOf(attributes);
    const name = names[0] ?? '';
    this.nodes.push({ name, op, domain, inputs: [...inputs], outputs: names, attributes: map });
    return [...names];
  }

  /** A constant; equal ones are one initializer. `dims` [] makes a scalar of one value. */
  constant(type: DataType, dims: Dims, values: ConstantValues): string {
    if (values.length !== elementCount(dims)) throw mismatch('A constant', dims, [values.length]);
    const data = constantBytes(type, values);
    const key = `${type}:${dims.join()}:${hashOf(data)}`;
    const alike = this.literals.get(key) ?? [];
    const known = alike.find((name) => sameBytes(this.initializers.get(name)?.data, data));
    if (known) return known;
    const name = this.declare(this.fresh('c'), { type, dims });
    this.initializers.set(name, { name, type, dims: [...dims], data });
    this.literals.set(key, [...alike, name]);
    return name;
  }

  /** A one-dimensional int64 constant. */
  ints(values: readonly number[]): string {
    return this.constant(DataType.int64, [values.length], values);
  }

  /** A scalar of this type, float32 by default. */
  scalar(value: number, type: DataType = DataType.float): string {
    return this.constant(type, [], [value]);
  }

  add(a: string, b: string): string {
    return this.binary('Add', a, b);
  }

  sub(a: string, b: string): string {
    return this.binary('Sub', a, b);
  }

  mul(a: string, b: string): string {
    return this.binary('Mul', a, b);
  }

  div(a: string, b: string): string {
    return this.binary('Div', a, b);
  }

  /** Add, Sub, Mul, Div, ... with broadcasting. */
  binary(op: string, a: string, b: string): string {
    this.sameType(op, a, b);
    return this.op(op, [a, b], broadcast(this.dims(a), this.dims(b), op));
  }

  /** Greater, Less, GreaterOrEqual, Equal: a boolean value. */
  compare(op: string, a: string, b: string): string {
    this.sameType(op, a, b);
    const dims = broadcast(this.dims(a), this.dims(b), op);
    return this.op(op, [a, b], dims, {}, { type: DataType.bool });
  }

  /** a times a number. */
  scale(a: string, factor: number): string {
    return factor === 1 ? a : this.mul(a, this.scalar(factor, this.type(a)));
  }

  /** a plus a number. */
  shift(a: string, by: number): string {
    return by === 0 ? a : this.add(a, this.scalar(by, this.type(a)));
  }

  /** An elementwise operator of one operand. */
  unary(op: string, a: string, attributes: Readonly<Record<string, AttributeValue>> = {}): string {
    return this.op(op, [a], this.dims(a), attributes);
  }

  cast(a: string, to: DataType): string {
    return this.type(a) === to ? a : this.op('Cast', [a], this.dims(a), { to }, { type: to });
  }

  where(condition: string, a: string, b: string): string {
    this.sameType('Where', a, b);
    const dims = broadcast(broadcast(this.dims(condition), this.dims(a)), this.dims(b), 'Where');
    return this.op('Where', [condition, a, b], dims, {}, { type: this.type(a) });
  }

  reshape(a: string, dims: Dims): string {
    if (sameDims(this.dims(a), dims)) return a;
    if (elementCount(this.dims(a)) !== elementCount(dims))
      throw mismatch('Reshape', this.dims(a), dims);
    // A zero in the target means "as in the input" unless allowzero is set (opset 14).
    const allowzero = dims.includes(0) && this.opset >= 14 ? { allowzero: 1 } : {};
    return this.op('Reshape', [a, this.ints(dims)], dims, allowzero);
  }

  transpose(a: string, perm: readonly number[]): string {
    const dims = this.dims(a);
    if (perm.length !== dims.length || new Set(perm).size !== perm.length)
      throw mismatch('Transpose', dims, perm);
    if (perm.every((p, k) => p === k)) return a;
    return this.op(
      'Transpose',
      [a],
      perm.map((p) => dims[axisOf(p, dims.length)] as number),
      {
        perm,
      },
    );
  }

  /** Swaps the last two axes. */
  swap(a: string): string {
    const rank = this.dims(a).length;
    const perm = [...Array(rank).keys()];
    [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
    return this.transpose(a, perm);
  }

  /** Sum over some axes, which stay with size 1 unless `keep` is false. */
  sum(a: string, axes: readonly number[], keep = true): string {
    const dims = this.dims(a);
    const over = axes.map((axis) => axisOf(axis, dims.length)).sort((x, y) => x - y);
    if (over.length === 0) return a;
    const left = keep
      ? dims.map((d, k) => (over.includes(k) ? 1 : d))
      : dims.filter((_, k) => !over.includes(k));
    const keepdims = Number(keep);
    return this.opset >= AXES_INPUT_SINCE
      ? this.op('ReduceSum', [a, this.ints(over)], left, { keepdims })
      : this.op('ReduceSum', [a], left, { keepdims, axes: over });
  }

  /** Sum over all axes: a scalar. */
  total(a: string): string {
    return this.sum(a, [...this.dims(a).keys()], false);
  }

  /** Mean along some axes, which stay with size 1. */
  mean(a: string, axes: readonly number[]): string {
    const dims = this.dims(a);
    const count = elementCount(axes.map((axis) => dims[axisOf(axis, dims.length)] as number));
    return this.scale(this.sum(a, axes), 1 / count);
  }

  /** Elements start, start + step, ... below end of one axis. */
  slice(a: string, axis: number, start: number, end: number, step = 1): string {
    const dims = this.dims(a);
    const at = axisOf(axis, dims.length);
    const { count } = spanOf(dims[at] as number, start, end, step);
    if (count === dims[at]) return a;
    const operands = [[start], [end], [at], [step]].map((list) => this.ints(list));
    return this.op('Slice', [a, ...operands], withDim(dims, at, count));
  }

  concat(parts: readonly string[], axis: number): string {
    const first = this.dims(parts[0] ?? '');
    const at = axisOf(axis, first.length);
    if (parts.length === 1) return parts[0] as string;
    let size = 0;
    for (const part of parts) {
      const dims = this.dims(part);
      this.sameType('Concat', parts[0] as string, part);
      if (dims.length !== first.length || dims.some((d, k) => k !== at && d !== first[k]))
        throw mismatch('Concat', first, dims);
      size += dims[at] as number;
    }
    return this.op('Concat', parts, withDim(first, at, size), { axis: at });
  }

  zeros(dims: Dims, type: DataType = DataType.float): string {
    return this.op('Expand', [this.scalar(0, type), this.ints(dims)], dims);
  }

  /** Zeros before and after along one axis, as Concat. */
  pad(a: string, axis: number, before: number, after: number): string {
    const dims = this.dims(a);
    const at = axisOf(axis, dims.length);
    const parts = [before, after].map((n) =>
      n > 0 ? [this.zeros(withDim(dims, at, n), this.type(a))] : [],
    );
    return this.concat([...(parts[0] ?? []), a, ...(parts[1] ?? [])], at);
  }

  expand(a: string, dims: Dims): string {
    if (sameDims(this.dims(a), dims)) return a;
    if (!sameDims(broadcast(this.dims(a), dims, 'Expand'), dims))
      throw mismatch('Expand', this.dims(a), dims);
    return this.op('Expand', [a, this.ints(dims)], dims);
  }

  /** (..., m, k) times (..., k, n), the leading axes broadcast. */
  matmul(a: string, b: string): string {
    const [x, y] = [this.dims(a), this.dims(b)];
    if (x.length < 2 || y.length < 2 || x.at(-1) !== y.at(-2)) throw mismatch('MatMul', x, y);
    this.sameType('MatMul', a, b);
    const lead = broadcast(x.slice(0, -2), y.slice(0, -2), 'MatMul');
    return this.op('MatMul', [a, b], [...lead, x.at(-2) as number, y.at(-1) as number]);
  }

  /** Product of two matrices, each transposed or not. */
  gemm(a: string, b: string, { transA = false, transB = false } = {}): string {
    const [x, y] = [this.dims(a), this.dims(b)];
    const [m, k] = transA ? [x[1], x[0]] : [x[0], x[1]];
    const [inner, n] = transB ? [y[1], y[0]] : [y[0], y[1]];
    if (x.length !== 2 || y.length !== 2 || k !== inner) throw mismatch('Gemm', x, y);
    this.sameType('Gemm', a, b);
    return this.op('Gemm', [a, b], [m as number, n as number], {
      transA: Number(transA),
      transB: Number(transB),
    });
  }

  /** Sums down to dims that were broadcast to those of `a`: the gradient of broadcasting. */
  unbroadcast(a: string, dims: Dims): string {
    const from = this.dims(a);
    if (sameDims(from, dims)) return a;
    const lead = from.length - dims.length;
    if (lead < 0 || !sameDims(broadcast(from, dims, 'Broadcasting'), from))
      throw mismatch('Un-broadcasting', from, dims);
    const axes = [...from.keys()].filter(
      (k) => k < lead || (dims[k - lead] === 1 && from[k] !== 1),
    );
    return this.reshape(this.sum(a, axes), dims);
  }

  private sameType(op: string, a: string, b: string): void {
    const [x, y] = [this.type(a), this.type(b)];
    if (x !== y)
      throw new EspalierError('bug', `${op} cannot take "${a}" of type ${x} and "${b}" of ${y}.`);
  }
}
