// How the operators of a block hand groups and channels on: for each, where those of its operands
// are in its results, and what has to change in it. Semantics: onnx/docs/Operators.md and
// onnxruntime/docs/ContribOperators.md.

import { intAttribute, type Node } from '../../../onnx/graph.ts';
import { everySpan, joined, type Label, type Owners, reshapedLabel, sameOwners } from './label.ts';
import { product, type Size, sliceRange } from './size.ts';
import type { Tracing } from './tracing.ts';

/** Labels of the results; those that are left out have none. */
type Rule = (node: Node, trace: Tracing) => (Label | null)[];

const at = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** The label of the first operand, which the rule is about. */
function only(node: Node, trace: Tracing): { label: Label; dims: readonly Size[] } {
  const [first = ''] = node.inputs;
  const label = trace.label(first);
  if (!label)
    throw trace.refuse(node, 'it takes groups or channels as another operand than the first');
  for (const other of node.inputs.slice(1))
    if (trace.label(other))
      throw trace.refuse(node, 'several of its operands hold groups or channels');
  return { label, dims: trace.dims(node, first) };
}

/** Operands that are broadcast against each other. */
function broadcast(node: Node, trace: Tracing, slots: readonly number[]): Label {
  const given = slots.filter((slot) => node.inputs[slot] !== '');
  const ranks = new Map(given.map((slot) => [slot, trace.dims(node, node.inputs[slot]!).length]));
  const rank = Math.max(...ranks.values());
  const labels = given.flatMap((slot) => {
    const label = trace.label(node.inputs[slot]!);
    return label ? [{ ...label, axis: label.axis + rank - ranks.get(slot)! }] : [];
  });
  const [first, ...more] = labels;
  if (!first) throw trace.refuse(node, 'it holds no groups or channels');
  if (more.some(({ axis, owners }) => axis !== first.axis || !sameOwners(owners, first.owners)))
    throw trace.refuse(node, 'its operands hold groups or channels in different orders');
  for (const slot of given)
    if (!trace.label(node.inputs[slot]!))
      trace.beside(node, slot, first.axis - rank + ranks.get(slot)!, first.owners);
  return first;
}

const elementwise: Rule = (node, trace) => {
  const label = broadcast(node, trace, [...node.inputs.keys()]);
  return node.outputs.map(() => label);
};

/** Along an axis that must not be that of groups or channels. */
const alongAxis =
  (otherwise: number, toEnd: boolean): Rule =>
  (node, trace) => {
    const { label, dims } = only(node, trace);
    const axis = at(intAttribute(node, 'axis') ?? otherwise, dims.length);
    if (axis === label.axis || (toEnd && label.axis > axis))
      throw trace.refuse(node, 'it computes over groups or channels');
    return [label];
  };

const reduced: Rule = (node, trace) => {
  const { label, dims } = only(node, trace);
  const axes = trace.ints(node, 'axes', 1)?.map((axis) => at(axis, dims.length));
  if (!axes || axes.includes(label.axis))
    throw trace.refuse(node, 'it computes over groups or channels');
  if (intAttribute(node, 'keepdims') === 0)
    return [{ ...label, axis: label.axis - axes.filter((axis) => axis < label.axis).length }];
  return [label];
};

const reshape: Rule = (node, trace) => {
  const { label, dims } = only(node, trace);
  const result = trace.dims(node, node.outputs[0] ?? '');
  const found = reshapedLabel(dims, result, label);
  if (!found) throw trace.refuse(node, 'it mixes groups or channels with what is beside them');
  const entry = trace.entries(node, 1)?.[found.axis];
  const isFixed =
    entry &&
    product([entry.size]).factor === found.owners.length &&
    !trace.adapts(node, 1, found.axis);
  if (node.op === 'Reshape' && isFixed)
    trace.edit({
      kind: 'sizes',
      node,
      slot: 1,
      entries: [{ index: found.axis, owners: found.owners }],
    });
  return [found];
};

const transpose: Rule = (node, trace) => {
  const { label, dims } = only(node, trace);
  const given = node.attributes.get('perm');
  const perm = given?.kind === 'ints' ? given.value : [...dims.keys()].reverse();
  return [{ ...label, axis: perm.indexOf(label.axis) }];
};

const expand: Rule = (node, trace) => {
  const { label, dims } = only(node, trace);
  const entries = trace.entries(node, 1);
  if (!entries) throw trace.refuse(node, 'what it is expanded to is not known');
  const rank = Math.max(entries.length, dims.length);
  const index = label.axis + entries.length - dims.length;
  const entry = entries[index];
  if (entry?.size === label.owners.length && entry.size !== 1 && !trace.adapts(node, 1, index))
    trace.edit({ kind: 'sizes', node, slot: 1, entries: [{ index, owners: label.owners }] });
  return [{ ...label, axis: label.axis + rank - dims.length }];
};

const split: Rule = (node, trace) => {
  const { label, dims } = only(node, trace);
  if (at(intAttribute(node, 'axis') ?? 0, dims.length) !== label.axis)
    return node.outputs.map(() => label);
  let end = 0;
  const parts = node.outputs.map((value) => {
    const size = trace.dims(node, value)[label.axis];
    if (typeof size !== 'number') throw trace.refuse(node, 'the sizes of its parts are not known');
    end += size;
    return label.owners.slice(end - size, end);
  });
  trace.edit({ kind: 'split', node, parts });
  return parts.map((owners) => ({ ...label, owners }));
};

const slice: Rule = (node, trace) => {
  const { label, dims } = only(node, trace);
  const [starts, ends] = [trace.entries(node, 1), trace.entries(node, 2)];
  const axes = node.inputs[3] ? trace.ints(node, 'axes', 3) : starts?.map((_, k) => k);
  const steps = node.inputs[4] ? trace.ints(node, 'steps', 4) : null;
  if (!starts || !ends || !axes) throw trace.refuse(node, 'what it takes is not known');
  const k = axes.findIndex((axis) => at(axis, dims.length) === label.axis);
  if (k < 0) return [label];
  const { owners } = label;
  const range = sliceRange(owners.length, starts[k]?.size, ends[k]?.size);
  if (!range || (steps?.[k] ?? 1) !== 1) throw trace.refuse(node, 'what it takes is not known');
  const [from, to] = range;
  const edge = (slot: number, position: number): void => {
    if (position > 0 && position < owners.length && !trace.adapts(node, slot, k))
      trace.edit({
        kind: 'sizes',
        node,
        slot,
        entries: [{ index: k, owners: owners.slice(0, position) }],
      });
  };
  edge(1, from);
  edge(2, to);
  return [{ ...label, owners: owners.slice(from, to) }];
};

const gather: Rule = (node, trace) => {
  const { label, dims } = only(node, trace);
  const axis = at(intAttribute(node, 'axis') ?? 0, dims.length);
  if (axis === label.axis) throw trace.refuse(node, 'it picks among groups or channels');
  const added = trace.dims(node, node.inputs[1] ?? '').length - 1;
  return [{ ...label, axis: label.axis > axis ? label.axis + added : label.axis }];
};

const concat: Rule = (node, trace) => {
  const rank = trace.dims(node, node.outputs[0] ?? '').length;
  const axis = at(intAttribute(node, 'axis') ?? 0, rank);
  const labels = node.inputs.map((value) => trace.label(value));
  const first = labels.find((label) => label !== null)!;
  if (first.axis === axis) {
    if (labels.some((label) => label?.axis !== axis))
      throw trace.refuse(node, 'it joins groups or channels with what is none');
    return [{ axis, owners: joined(labels.map((label) => label!.owners)) }];
  }
  node.inputs.forEach((value, slot) => {
    const label = labels[slot];
    if (!label) trace.beside(node, slot, first.axis, first.owners);
    else if (label.axis !== first.axis || !sameOwners(label.owners, first.owners))
      throw trace.refuse(node, `${value} holds groups or channels in another order`);
  });
  return [first];
};

const matMul: Rule = (node, trace) => {
  const [a = '', b = ''] = node.inputs;
  const [left, right] = [trace.dims(node, a).length, trace.dims(node, b).length];
  const rank = Math.max(left, right);
  // Of the two axes that are multiplied, those that are not summed over stay where they are.
  const summed = (label: Label | null, of: number, turned: boolean, first: boolean): boolean =>
    label !== null && label.axis === of - (first === turned ? 2 : 1);
  const flag = (name: string): boolean => (intAttribute(node, name) ?? 0) !== 0;
  const [la, lb] = [trace.label(a), trace.label(b)];
  if (summed(la, left, flag('transA'), true) || summed(lb, right, !flag('transB'), true))
    throw trace.refuse(node, 'it adds up what several groups or channels make');
  const isBatch = (label: Label | null, of: number): boolean =>
    label === null || label.axis < of - 2;
  if (isBatch(la, left) && isBatch(lb, right)) return [broadcast(node, trace, [0, 1])];
  if (la && lb) throw trace.refuse(node, 'it multiplies groups or channels with each other');
  if (la) return [{ ...la, axis: flag('transA') ? rank - 2 : la.axis + rank - left }];
  return [{ ...lb!, axis: rank - 1 }];
};

/** The owner of each head of an operator that counts them, along an axis of (B, S, heads d). */
function headsAlong(node: Node, trace: Tracing, owners: Owners, heads: number): Owners {
  const found = heads > 0 ? everySpan(owners, owners.length / heads) : null;
  if (!found) throw trace.refuse(node, 'its heads are in another order');
  return found;
}

/** Query, key and value, and caches (B, heads, T, d): of all operators of attention. */
const attention: Rule = (node, trace) => {
  const isStandard = node.domain === '';
  const isGrouped = node.op === 'GroupQueryAttention';
  if (node.op === 'Attention' && !isStandard)
    throw trace.refuse(node, 'it holds the products of queries, keys and values in itself');
  const number = (...names: string[]): number =>
    names.map((name) => intAttribute(node, name) ?? 0).find((n) => n > 0) ?? 0;
  const operand = (slot: number): Label | null => trace.label(node.inputs[slot] ?? '');
  const rank = trace.dims(node, node.inputs[0] ?? '').length;
  let heads: Owners;
  let groups: Owners;
  let valueOwners: Owners;
  const [q, k, v] = [operand(0), operand(1), operand(2)];
  if (!q || (node.inputs[1] && (!k || !v)))
    throw trace.refuse(node, 'it lacks an operand of groups');
  if (rank === 4) {
    if (!k || !v || q.axis !== 1 || k.axis !== 1 || v.axis !== 1 || !sameOwners(k.owners, v.owners))
      throw trace.refuse(node, 'its heads are in another order');
    [heads, groups, valueOwners] = [q.owners, k.owners, q.owners];
  } else {
    const count = number('num_heads', 'q_num_heads');
    const of = number('kv_num_heads') || count;
    if (k && v) {
      heads = headsAlong(node, trace, q.owners, count);
      groups = headsAlong(node, trace, k.owners, of);
      if (!sameOwners(groups, headsAlong(node, trace, v.owners, of)))
        throw trace.refuse(node, 'keys and values are in different orders');
      const size = v.owners.length / of;
      valueOwners = Int32Array.from(
        { length: count * size },
        (_, i) => heads[Math.floor(i / size)]!,
      );
    } else {
      // Queries, keys and values one after the other in one operand.
      const size = q.owners.length / (count + 2 * of);
      const parts = [0, count, count + of, count + 2 * of].map((head) => head * size);
      const [own, keys, values] = [0, 1, 2].map((part) =>
        everySpan(q.owners.slice(parts[part], parts[part + 1]), size),
      );
      if (!isGrouped || !own || !keys || !values || !sameOwners(keys, values))
        throw trace.refuse(node, 'its heads are in another order');
      [heads, groups] = [own, keys];
      valueOwners = q.owners.slice(0, parts[1]);
    }
    trace.edit({
      kind: 'attribute',
      node,
      name: intAttribute(node, 'num_heads') === undefined ? 'q_num_heads' : 'num_heads',
      owners: heads,
    });
    if (intAttribute(node, 'kv_num_heads') !== undefined)
      trace.edit({ kind: 'attribute', node, name: 'kv_num_heads', owners: groups });
  }
  // Each group has as many queries as before, next to each other.
  const each = heads.length / groups.length;
  if (
    !sameOwners(
      heads,
      Int32Array.from(heads, (_, i) => groups[Math.floor(i / each)]!),
    )
  )
    throw trace.refuse(node, 'its heads are not those of its groups in their order');
  const ofMicrosoft = isGrouped ? GROUPED : MULTI_HEAD;
  const named = isStandard ? STANDARD : ofMicrosoft;
  node.inputs.forEach((value, slot) => {
    if (slot < 3 || value === '') return;
    const role = named[slot];
    if (role === 'cache') trace.beside(node, slot, 1, groups);
    else if (role === 'bias') trace.beside(node, slot, 1, heads, 4);
    else if (role === 'heads') trace.beside(node, slot, 0, heads);
    else if (role === 'qkv-bias')
      trace.beside(node, slot, 0, joined([q.owners, k?.owners ?? q.owners, v?.owners ?? q.owners]));
    else if (role !== 'shared') throw trace.refuse(node, `its operand ${slot} is not known`);
  });
  const cache: Label = { axis: 1, owners: groups };
  const result: Label =
    rank === 4 ? { axis: 1, owners: valueOwners } : { axis: 2, owners: valueOwners };
  return node.outputs.map((_, slot) => {
    if (slot === 0) return result;
    if (slot < 3) return cache;
    return { axis: 1, owners: heads };
  });
};

/** Further operands: of all heads (`shared`), one for each of them, or caches. */
type Operand = 'cache' | 'bias' | 'heads' | 'qkv-bias' | 'shared';
const GROUPED: Record<number, Operand> = {
  ...{ 3: 'cache', 4: 'cache', 5: 'shared', 6: 'shared', 7: 'shared', 8: 'shared', 9: 'shared' },
  ...{ 10: 'bias', 11: 'heads', 14: 'shared', 15: 'shared' },
};
const MULTI_HEAD: Record<number, Operand> = {
  ...{ 3: 'qkv-bias', 4: 'shared', 5: 'bias', 6: 'cache', 7: 'cache', 8: 'shared' },
};
const STANDARD: Record<number, Operand> = { 3: 'bias', 4: 'cache', 5: 'cache', 6: 'shared' };

const rotary: Rule = (node, trace) => {
  const { label } = only(node, trace);
  const isStandard = node.domain === '';
  const heads = intAttribute(node, 'num_heads') ?? 0;
  const rank = trace.dims(node, node.inputs[0] ?? '').length;
  if (rank === 4 && label.axis !== 1) throw trace.refuse(node, 'its heads are in another order');
  let own = label.owners;
  if (rank !== 4) {
    // Positions come second in com.microsoft, and third in the standard.
    const [cosine] = trace.dims(node, node.inputs[isStandard ? 1 : 2] ?? '').slice(-1);
    const size = typeof cosine === 'number' ? 2 * cosine : 0;
    const count = heads > 0 ? heads : label.owners.length / size;
    own = headsAlong(node, trace, label.owners, count);
  }
  if (heads > 0) trace.edit({ kind: 'attribute', node, name: 'num_heads', owners: own });
  return [label];
};

const unsqueeze: Rule = (node, trace) => {
  const { label, dims } = only(node, trace);
  const axes = trace.ints(node, 'axes', 1);
  if (!axes) throw trace.refuse(node, 'its axes are not known');
  const rank = dims.length + axes.length;
  const added = new Set(axes.map((axis) => at(axis, rank)));
  const stay = Array.from({ length: rank }, (_, k) => k).filter((k) => !added.has(k));
  return [{ ...label, axis: stay[label.axis]! }];
};

const squeeze: Rule = (node, trace) => {
  const { label, dims } = only(node, trace);
  const axes = trace.ints(node, 'axes', 1)?.map((axis) => at(axis, dims.length));
  if (!axes || axes.includes(label.axis)) throw trace.refuse(node, 'its axes are not known');
  return [{ ...label, axis: label.axis - axes.filter((axis) => axis < label.axis).length }];
};

const ELEMENTWISE =
  'Add Sub Mul Div Pow Where Max Min And Or Not Equal Less LessOrEqual Greater GreaterOrEqual ' +
  'Cast Identity Dropout Neg Abs Sqrt Reciprocal Exp Log Clip IsNaN IsInf Erf Tanh Sigmoid Relu ' +
  'LeakyRelu Elu Celu Selu Softplus Softsign HardSigmoid HardSwish Mish Swish Silu Gelu FastGelu ' +
  'QuickGelu BiasGelu';

export const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...ELEMENTWISE.split(' ').map((op) => [op, elementwise] as const),
  // Its other operand says a type alone.
  ['CastLike', (node, trace) => [trace.label(node.inputs[0] ?? '')]],
  ['Softmax', alongAxis(-1, false)],
  ['LayerNormalization', alongAxis(-1, true)],
  ['SimplifiedLayerNormalization', alongAxis(-1, true)],
  ['RMSNormalization', alongAxis(-1, true)],
  ['LpNormalization', alongAxis(-1, false)],
  ['ReduceMean', reduced],
  ['ReduceSum', reduced],
  ['ReduceMax', reduced],
  ['Reshape', reshape],
  ['Flatten', reshape],
  ['Transpose', transpose],
  ['Expand', expand],
  ['Split', split],
  ['Slice', slice],
  ['Gather', gather],
  ['Concat', concat],
  ['Unsqueeze', unsqueeze],
  ['Squeeze', squeeze],
  ['MatMul', matMul],
  ['FusedMatMul', matMul],
  ['GroupQueryAttention', attention],
  ['MultiHeadAttention', attention],
  ['Attention', attention],
  ['RotaryEmbedding', rotary],
  ['MRotaryEmbedding', rotary],
  // What follows the dims of a value changes with them.
  ['Shape', () => []],
  ['Size', () => []],
]);
