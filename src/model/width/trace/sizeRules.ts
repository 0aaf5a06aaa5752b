// The dims of a node's results, and the sizes that it computes. Semantics: onnx/docs/Operators.md.

import { intAttribute, type Node } from '../../../onnx/graph.ts';
import {
  broadcast,
  type Entry,
  type Known,
  MAX_ENTRIES,
  ofTensor,
  quotient,
  type Size,
  sliceRange,
  times,
} from './size.ts';

/** A node, and what is known of its operands. */
export class Call {
  readonly node: Node;
  private readonly known: ReadonlyMap<string, Known>;

  constructor(node: Node, known: ReadonlyMap<string, Known>) {
    this.node = node;
    this.known = known;
  }

  dims(slot: number): readonly Size[] | null {
    return this.known.get(this.node.inputs[slot] ?? '')?.dims ?? null;
  }

  content(slot: number): readonly Entry[] | null {
    return this.known.get(this.node.inputs[slot] ?? '')?.content ?? null;
  }

  int(name: string, otherwise: number): number {
    return intAttribute(this.node, name) ?? otherwise;
  }

  /** Integers of an attribute, or of an operand that is the same in every run. */
  ints(name: string, slot: number): number[] | null {
    const attribute = this.node.attributes.get(name);
    if (attribute?.kind === 'ints') return [...attribute.value];
    const sizes = this.content(slot)?.map(({ size }) => size);
    return sizes?.every((size) => typeof size === 'number') ? (sizes as number[]) : null;
  }

  /** A size that nothing else says: a symbol of this node. */
  fresh(what: string | number): string {
    return `${this.node.outputs[0]}[${what}]`;
  }
}

type Rule = (call: Call) => (Known | null)[] | null;

const ELEMENTWISE: ReadonlySet<string> = new Set(
  (
    'Add Sub Mul Div Pow Mod Where Max Min And Or Xor Not Equal Less LessOrEqual Greater ' +
    'GreaterOrEqual Cast CastLike Identity Dropout Neg Abs Sqrt Reciprocal Exp Log Cos Sin Floor ' +
    'Ceil Round Clip Sign IsNaN IsInf Erf Tanh Sigmoid Relu LeakyRelu Elu Celu Selu Softplus ' +
    'Softsign HardSigmoid HardSwish Mish Swish Silu Gelu FastGelu QuickGelu BiasGelu ' +
    'Softmax LogSoftmax QuantizeLinear DequantizeLinear'
  ).split(' '),
);
/** Of these, the first input alone has the dims of the result. */
const LIKE_FIRST = /^(Cast|CastLike|Clip|Softmax|LogSoftmax|Dropout|QuantizeLinear|Deq\w+)$/;

const elementwise: Rule = (call) => {
  const { inputs, op } = call.node;
  const slots = LIKE_FIRST.test(op) ? [0] : [...inputs.keys()].filter((k) => inputs[k] !== '');
  const all = slots.map((slot) => call.dims(slot));
  const dims = all.every((one) => one !== null) ? broadcast(all as Size[][]) : null;
  return [{ dims, content: computed(call, slots) }];
};

function computed(call: Call, slots: readonly number[]): Entry[] | null {
  const all = slots.map((slot) => call.content(slot));
  if (!all.every((one) => one !== null)) return null;
  const length = Math.max(...all.map((one) => one!.length));
  if (all.some((one) => one!.length !== length && one!.length !== 1)) return null;
  return Array.from({ length }, (_, k) =>
    calculated(
      call,
      all.map((one) => one![one!.length === 1 ? 0 : k]!),
      k,
    ),
  );
}

const ARITHMETIC: ReadonlyMap<string, (a: number, b: number) => number> = new Map([
  ['Add', (a, b) => a + b],
  ['Sub', (a, b) => a - b],
  ['Mul', (a, b) => a * b],
  ['Div', (a, b) => Math.trunc(a / b)],
  ['Max', Math.max],
  ['Min', Math.min],
  ['Equal', (a, b) => Number(a === b)],
]);

function calculated(call: Call, entries: readonly Entry[], k: number): Entry {
  const { node } = call;
  const [a, b, c] = entries;
  const live = entries.some((entry) => entry.live);
  if (entries.length === 1 && /^(Cast|Identity|Dropout)$/.test(node.op)) return a!;
  if (node.op === 'Where' && a && b && c) {
    if (typeof a.size === 'number') return a.size === 0 ? c : b;
    return { size: b.size === c.size ? b.size : call.fresh(k), live };
  }
  const rule = ARITHMETIC.get(node.op);
  const numbers = entries.map(({ size }) => size);
  if (rule && numbers.length === 2 && numbers.every((size) => typeof size === 'number'))
    return { size: rule(numbers[0] as number, numbers[1] as number), live };
  // Sizes are no negative numbers.
  if (node.op === 'Equal' && numbers.some((size) => typeof size === 'number' && size < 0))
    return { size: 0, live };
  const neutral = node.op === 'Add' || node.op === 'Sub' ? 0 : 1;
  if (rule && node.op !== 'Equal' && b?.size === neutral) return { size: a!.size, live };
  if ((node.op === 'Add' || node.op === 'Mul') && a?.size === neutral)
    return { size: b!.size, live };
  if (node.op === 'Mul') return { size: times(numbers), live };
  const divided = node.op === 'Div' ? quotient(numbers.slice(0, 1), numbers.slice(1)) : null;
  if (divided !== null) return { size: divided, live };
  const sign = node.op === 'Add' ? '+' : ` ${node.op} `;
  const terms = node.op === 'Add' ? numbers.map(String).sort() : numbers;
  return { size: `(${terms.join(sign)})`, live };
}

const reshape: Rule = (call) => {
  const source = call.dims(0);
  const target = call.content(1);
  if (!target) return [{ dims: null, content: null }];
  const copies = call.int('allowzero', 0) === 0;
  const given = target.map(({ size }, axis) =>
    size === 0 && copies ? (source?.[axis] ?? call.fresh(axis)) : size,
  );
  const rest = given.filter((size) => size !== -1);
  const left = source && rest.length < given.length ? quotient(source, rest) : null;
  const dims = given.map((size, axis) => (size === -1 ? (left ?? call.fresh(axis)) : size));
  return [{ dims, content: dims.length <= 1 ? call.content(0) : null }];
};

const at = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

const unsqueeze: Rule = (call) => {
  const source = call.dims(0);
  const axes = call.ints('axes', 1);
  if (!source || !axes) return [{ dims: null, content: call.content(0) }];
  const rank = source.length + axes.length;
  const added = new Set(axes.map((axis) => at(axis, rank)));
  const rest = [...source];
  const dims = Array.from({ length: rank }, (_, k) => (added.has(k) ? 1 : (rest.shift() ?? 1)));
  return [{ dims, content: rank <= 1 ? call.content(0) : null }];
};

const squeeze: Rule = (call) => {
  const source = call.dims(0);
  if (!source) return [{ dims: null, content: call.content(0) }];
  const axes = call.ints('axes', 1)?.map((axis) => at(axis, source.length));
  const dims = source.filter((size, k) => (axes ? !axes.includes(k) : size !== 1));
  return [{ dims, content: call.content(0) }];
};

const gather: Rule = (call) => {
  const source = call.dims(0);
  const indices = call.dims(1);
  const content = call.content(0);
  const picked = call.ints('', 1);
  const entries =
    content && picked ? picked.map((k) => content[at(k, content.length)] ?? null) : null;
  if (!source || !indices) return [null];
  const axis = at(call.int('axis', 0), source.length);
  return [
    {
      dims: [...source.slice(0, axis), ...indices, ...source.slice(axis + 1)],
      content: entries?.every((entry) => entry !== null) ? (entries as Entry[]) : null,
    },
  ];
};

const concat: Rule = (call) => {
  const slots = [...call.node.inputs.keys()];
  const all = slots.map((slot) => call.dims(slot));
  const [first] = all;
  if (!first || all.some((dims) => dims?.length !== first.length)) return [null];
  const axis = at(call.int('axis', 0), first.length);
  const sizes = all.map((dims) => dims![axis]!);
  const numbers = sizes.every((size) => typeof size === 'number');
  const sum = numbers
    ? (sizes as number[]).reduce((n, size) => n + size, 0)
    : `(${sizes.map(String).sort().join('+')})`;
  const others = (k: number): Size => broadcast(all.map((dims) => [dims![k]!]))[0]!;
  const dims = first.map((_, k) => (k === axis ? sum : others(k)));
  const isVector = first.length === 1 && numbers && (sum as number) <= MAX_ENTRIES;
  const content = isVector
    ? slots.flatMap(
        (slot) =>
          call.content(slot) ??
          Array.from({ length: sizes[slot] as number }, (_, k) => ({
            size: call.fresh(`${slot}.${k}`),
            live: true,
          })),
      )
    : null;
  return [{ dims, content }];
};

const slice: Rule = (call) => {
  const source = call.dims(0);
  const [starts, ends] = [call.content(1), call.content(2)];
  const axes = call.node.inputs[3] ? call.ints('axes', 3) : (starts ?? ends)?.map((_, k) => k);
  if (!source || !axes) return [null];
  const steps = call.node.inputs[4] ? call.ints('steps', 4) : axes.map(() => 1);
  const dims = [...source];
  let content = call.content(0);
  for (const [k, given] of axes.entries()) {
    const axis = at(given, source.length);
    const [from, to, size] = [starts?.[k]?.size, ends?.[k]?.size, source[axis]!];
    const range = sliceRange(size, from, to);
    const step = steps?.[k];
    const whole = from === 0 && typeof to === 'string' ? to : call.fresh(axis);
    dims[axis] = call.fresh(axis);
    if (step === 1) dims[axis] = range ? range[1] - range[0] : whole;
    if (source.length === 1)
      content = range && step === 1 ? (content?.slice(...range) ?? null) : null;
  }
  return [{ dims, content: source.length === 1 ? content : null }];
};

const split: Rule = (call) => {
  const source = call.dims(0);
  if (!source) return null;
  const axis = at(call.int('axis', 0), source.length);
  const count = call.node.outputs.length;
  const whole = source[axis]!;
  const equal = typeof whole === 'number' ? Math.ceil(whole / count) : null;
  const sizes = call.ints('split', 1);
  return call.node.outputs.map((_, k) => {
    const last = equal === null ? null : Math.min(equal, (whole as number) - k * equal);
    const equalOne = call.node.inputs[1] ? null : last;
    const size = sizes ? sizes[k] : equalOne;
    return {
      dims: source.map((one, a) => (a === axis ? (size ?? call.fresh(k)) : one)),
      content: null,
    };
  });
};

const matMul: Rule = (call) => {
  const [a, b] = [call.dims(0), call.dims(1)];
  if (!a || !b || a.length < 2 || b.length < 2) return [null];
  const turned = (name: string): boolean => call.int(name, 0) !== 0;
  const [rows, columns] = [a.at(turned('transA') ? -1 : -2)!, b.at(turned('transB') ? -2 : -1)!];
  const batch = broadcast([a.slice(0, -2), b.slice(0, -2)]);
  return [{ dims: [...batch, rows, columns], content: null }];
};

const reduced: Rule = (call) => {
  const source = call.dims(0);
  if (!source) return [null];
  const axes = call.ints('axes', 1);
  if (!axes && call.node.inputs[1]) return [null];
  const gone = new Set((axes ?? [...source.keys()]).map((axis) => at(axis, source.length)));
  const keeps = call.int('keepdims', 1) !== 0;
  const dims = keeps
    ? source.map((size, k) => (gone.has(k) ? 1 : size))
    : source.filter((_, k) => !gone.has(k));
  return [{ dims, content: null }];
};

/** Attention as one operator: its result, and the caches that it gives out. */
const attention: Rule = (call) => {
  const [q, k, v] = [call.dims(0), call.dims(1), call.dims(2)];
  if (!q) return null;
  const heads = call.int('num_heads', call.int('q_num_heads', 0));
  const groups = call.int('kv_num_heads', heads);
  const isPacked = !k && call.node.op === 'GroupQueryAttention';
  const width = q.at(-1)!;
  const size = typeof width === 'number' && isPacked ? width / (heads + 2 * groups) : null;
  if (q.length === 4) return [{ dims: [...q.slice(0, -1), v?.at(-1) ?? q.at(-1)!], content: null }];
  if (q.length !== 3 || heads === 0) return null;
  const valueSize =
    size ??
    (typeof v?.at(-1) === 'number' && v.length === 3 ? (v.at(-1) as number) / groups : null);
  const keySize = size ?? (typeof width === 'number' ? width / heads : null);
  if (valueSize === null || keySize === null) return null;
  const cache = (of: number): Known => ({
    dims: [q[0]!, groups, call.fresh('T'), of],
    content: null,
  });
  return [
    { dims: [q[0]!, q[1]!, heads * valueSize], content: null },
    cache(keySize),
    cache(valueSize),
  ];
};

const likeFirst: Rule = (call) => [{ dims: call.dims(0), content: null }];

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>(
  Object.entries({
    Constant({ node }) {
      for (const attribute of node.attributes.values()) {
        if (attribute.kind === 'tensor') return [ofTensor(attribute.value)];
        if (attribute.kind === 'int')
          return [{ dims: [], content: [{ size: attribute.value, live: false }] }];
        if (attribute.kind === 'ints')
          return [
            {
              dims: [attribute.value.length],
              content: attribute.value.map((size) => ({ size, live: false })),
            },
          ];
      }
      return null;
    },
    Shape(call) {
      const dims = call.dims(0);
      if (!dims) return null;
      const of = dims.slice(call.int('start', 0), call.int('end', dims.length));
      return [{ dims: [of.length], content: of.map((size) => ({ size, live: true })) }];
    },
    Range: (call) => [{ dims: [call.fresh(0)], content: null }],
    ConstantOfShape(call) {
      const dims = call.content(0)?.map(({ size }) => size) ?? null;
      const value = call.node.attributes.get('value');
      const [one] = (value?.kind === 'tensor' ? ofTensor(value.value).content : null) ?? [];
      const count = dims?.length === 1 && typeof dims[0] === 'number' ? dims[0] : null;
      const content = one && count !== null && count <= MAX_ENTRIES;
      return [{ dims, content: content ? Array.from({ length: count }, () => one) : null }];
    },
    Reshape: reshape,
    Flatten(call) {
      const dims = call.dims(0);
      if (!dims) return null;
      const axis = at(call.int('axis', 1), dims.length);
      const sides = [dims.slice(0, axis), dims.slice(axis)];
      return [{ dims: sides.map((side, k) => quotient(side, []) ?? call.fresh(k)), content: null }];
    },
    Unsqueeze: unsqueeze,
    Squeeze: squeeze,
    Gather: gather,
    GatherBlockQuantized: (call) => [{ dims: gather(call)?.[0]?.dims ?? null, content: null }],
    Concat: concat,
    Slice: slice,
    Split: split,
    Transpose(call) {
      const dims = call.dims(0);
      const perm = call.ints('perm', -1);
      if (!dims) return null;
      return [{ dims: perm ? perm.map((k) => dims[k]!) : dims.toReversed(), content: null }];
    },
    Tile(call) {
      const [dims, times] = [call.dims(0), call.content(1)?.map(({ size }) => size)];
      return dims && times ? [{ dims: tiled(dims, times), content: null }] : null;
    },
    Expand(call) {
      const [dims, target] = [call.dims(0), call.content(1)];
      if (!dims || !target) return null;
      return [{ dims: broadcast([dims, target.map(({ size }) => size)]), content: null }];
    },
    MatMul: matMul,
    FusedMatMul: matMul,
    Gemm: matMul,
    MatMulNBits(call) {
      const dims = call.dims(0);
      return dims && [{ dims: [...dims.slice(0, -1), call.int('N', 0)], content: null }];
    },
    ReduceMean: reduced,
    ReduceSum: reduced,
    ReduceMax: reduced,
    ReduceMin: reduced,
    GroupQueryAttention: attention,
    MultiHeadAttention: attention,
    Attention: (call) => (call.node.domain === '' ? attention(call) : null),
    RotaryEmbedding: likeFirst,
    MRotaryEmbedding: likeFirst,
    LayerNormalization: likeFirst,
    SimplifiedLayerNormalization: likeFirst,
    RMSNormalization: likeFirst,
    LpNormalization: likeFirst,
    Trilu: likeFirst,
    CumSum: likeFirst,
    ScatterND: likeFirst,
  } satisfies Record<string, Rule>),
);

function tiled(dims: readonly Size[], repeats: readonly Size[]): Size[] {
  return dims.map((size, axis) => {
    const by = repeats[axis] ?? 1;
    return times([size, by]);
  });
}

/** Null for operators of which nothing is known. */
export function ruleOf(op: string): Rule | null {
  return RULES.get(op) ?? (ELEMENTWISE.has(op) ? elementwise : null);
}
