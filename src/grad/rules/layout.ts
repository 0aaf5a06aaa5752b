// Rules of operators that move values about: reshapes, slices, gathers, concatenations.

import { elementCount, intAttribute } from '../../onnx/graph.ts';
import { intsAttribute } from '../build/attributes.ts';
import { axisOf, inverse, spanOf, withDim } from '../build/dims.ts';
import { type Rule, type RuleContext, unknownForm } from './rule.ts';

const dimsOf = ({ b, node }: RuleContext, input: number): readonly number[] =>
  b.dims(node.inputs[input] ?? '');

/** Reshape, Squeeze, Unsqueeze, Flatten: dx = d in the dims of x */
export const reshape: Rule = (at) => at.give(0, () => at.b.reshape(at.d(), dimsOf(at, 0)));

/** y = x with permuted axes: dx = d with the inverse permutation */
export const transpose: Rule = (at) => {
  const reversed = [...dimsOf(at, 0).keys()].reverse();
  const perm = intsAttribute(at.node, 'perm') ?? reversed;
  at.give(0, () => at.b.transpose(at.d(), inverse(perm)));
};

/** y = x repeated along axes of size 1: dx = ub(d) */
export const expand: Rule = (at) => at.give(0, () => at.b.unbroadcast(at.d(), dimsOf(at, 0)));

/** y = parts one behind the other: each part gets its stretch of d */
export const concat: Rule = (at) => {
  const { b, node } = at;
  const axis = axisOf(intAttribute(node, 'axis') ?? 0, b.dims(node.outputs[0] ?? '').length);
  let from = 0;
  node.inputs.forEach((_, k) => {
    const start = from;
    from += dimsOf(at, k)[axis] ?? 0;
    const end = from;
    at.give(k, () => b.slice(at.d(), axis, start, end));
  });
};

/** Parts of x: dx = their gradients one behind the other, zeros where a part has none */
export const split: Rule = (at) => {
  const { b, node } = at;
  const axis = axisOf(intAttribute(node, 'axis') ?? 0, dimsOf(at, 0).length);
  at.give(0, () =>
    b.concat(
      node.outputs.map((part, k) =>
        at.has(k) ? at.d(k) : b.zeros(b.dims(part), b.type(node.inputs[0] ?? '')),
      ),
      axis,
    ),
  );
};

/** y = x[start : end : step]: dx = d between zeros */
export const slice: Rule = (at) => {
  const { node } = at;
  const full = dimsOf(at, 0);
  const starts = at.ints(1) ?? intsAttribute(node, 'starts');
  const ends = at.ints(2) ?? intsAttribute(node, 'ends');
  if (!starts || !ends) throw unknownForm(node, 'with bounds that are no constants');
  const axes = at.ints(3) ?? intsAttribute(node, 'axes') ?? starts.map((_, k) => k);
  const steps = at.ints(4) ?? starts.map(() => 1);
  at.give(0, () => {
    let d = at.d();
    axes.forEach((named, k) => {
      const axis = axisOf(named, full.length);
      const size = full[axis] as number;
      const step = steps[k] ?? 1;
      if (step < 1) throw unknownForm(node, `with step ${step}`);
      const { start, count } = spanOf(size, starts[k] as number, ends[k] as number, step);
      d = spread(at, d, { axis, size, start, count, step });
    });
    return d;
  });
};

/** Puts `count` elements back to the places start, start + step, ... of an axis of `size`. */
function spread(
  { b }: RuleContext,
  d: string,
  span: { axis: number; size: number; start: number; count: number; step: number },
): string {
  const { axis, size, start, count, step } = span;
  if (count === 0) return b.zeros(withDim(b.dims(d), axis, size), b.type(d));
  if (step === 1) return b.pad(d, axis, start, size - start - count);
  // (.., n, ..) to (.., n, 1, ..), zeros up to (.., n, step, ..), back to one axis, cut to size.
  const dims = b.dims(d);
  const column = b.reshape(d, [...dims.slice(0, axis + 1), 1, ...dims.slice(axis + 1)]);
  const filled = b.reshape(b.pad(column, axis + 1, 0, step - 1), withDim(dims, axis, count * step));
  const fits = b.slice(filled, axis, 0, Math.min(count * step, size - start));
  return b.pad(fits, axis, start, Math.max(0, size - start - count * step));
}

/**
 * y = x at indices along an axis: dx = d where the index is, zeros elsewhere, summed where an index
 * comes again.
 */
export const gather: Rule = (at) => {
  const { b, node } = at;
  const indices = at.ints(1);
  if (!indices) {
    gatherComputed(at);
    return;
  }
  const full = dimsOf(at, 0);
  const axis = axisOf(intAttribute(node, 'axis') ?? 0, full.length);
  const size = full[axis] as number;
  const places = indices.map((k) => (k < 0 ? k + size : k));
  const lead = full.slice(0, axis);
  const rest = full.slice(axis + 1);
  at.give(0, () => {
    const d = b.reshape(at.d(), [...lead, places.length, ...rest]);
    const runs = stretches(places);
    const parts = runs.map(({ from, place, count }) =>
      b.pad(b.slice(d, axis, from, from + count), axis, place, size - place - count),
    );
    return parts.reduce((sum, part) => b.add(sum, part));
  });
};

/** The same with indices that are known only when the graph runs, none of them negative. */
function gatherComputed(at: RuleContext): void {
  const { b, node } = at;
  const [x = '', indices = ''] = node.inputs;
  if (b.opset < 16) throw unknownForm(node, 'with indices that are computed');
  const full = b.dims(x);
  const axis = axisOf(intAttribute(node, 'axis') ?? 0, full.length);
  at.give(0, () => {
    const count = elementCount(b.dims(indices));
    const dims = withDim(full, axis, count);
    const column = full.map((_, k) => (k === axis ? count : 1));
    const places = b.expand(b.reshape(indices, column), dims);
    const zeros = b.zeros(full, b.type(x));
    return b.op('ScatterElements', [zeros, places, b.reshape(at.d(), dims)], full, {
      axis,
      reduction: 'add',
    });
  });
}

/** Indices as stretches of neighbours: [4, 5, 6, 1] is 3 from place 4 and 1 from place 1. */
function stretches(places: readonly number[]): { from: number; place: number; count: number }[] {
  const runs: { from: number; place: number; count: number }[] = [];
  places.forEach((place, from) => {
    const last = runs.at(-1);
    if (last && last.place + last.count === place) last.count++;
    else runs.push({ from, place, count: 1 });
  });
  return runs;
}

/** y = x with zeros (or another constant) around it: dx = the stretch of d that x came to */
export const pad: Rule = (at) => {
  const { b, node } = at;
  const pads = at.ints(1);
  const mode = node.attributes.get('mode');
  const constant = mode?.kind !== 'string' || new TextDecoder().decode(mode.value) === 'constant';
  const full = dimsOf(at, 0);
  const axes = (at.ints(3) ?? [...full.keys()]).map((axis) => axisOf(axis, full.length));
  if (!pads || !constant || pads.some((n) => n < 0))
    throw unknownForm(node, 'in another mode than zeros of constant widths');
  at.give(0, () =>
    axes.reduce((d, axis, k) => {
      const before = pads[k] as number;
      return b.slice(d, axis, before, before + (full[axis] as number));
    }, at.d()),
  );
};

/** y = x tiled: dx = the sum of the tiles of d */
export const tile: Rule = (at) => {
  const { b, node } = at;
  const repeats = at.ints(1);
  if (!repeats) throw unknownForm(node, 'with repeats that are no constants');
  const full = dimsOf(at, 0);
  at.give(0, () => {
    const tiles = b.reshape(
      at.d(),
      full.flatMap((size, k) => [repeats[k] as number, size]),
    );
    return b.sum(
      tiles,
      full.map((_, k) => 2 * k),
      false,
    );
  });
};

/** Shared by the rules of reductions: axes that an operator reduces, as attribute or input. */
function reduced(at: RuleContext): number[] {
  const rank = dimsOf(at, 0).length;
  const axes = intsAttribute(at.node, 'axes') ?? at.ints(1);
  if (axes === null && (at.node.inputs[1] ?? '') !== '')
    throw unknownForm(at.node, 'with axes that are no constants');
  if (axes && axes.length > 0) return axes.map((axis) => axisOf(axis, rank));
  return intAttribute(at.node, 'noop_with_empty_axes') ? [] : [...Array(rank).keys()];
}

/** d in the dims of x, with `d` standing in all places that were summed. */
function spreadOver(at: RuleContext, d: string, axes: readonly number[]): string {
  const full = dimsOf(at, 0);
  const kept = full.map((size, k) => (axes.includes(k) ? 1 : size));
  return at.b.expand(at.b.reshape(d, kept), full);
}

/** y = sum of x: dx = d in every place */
export const reduceSum: Rule = (at) => at.give(0, () => spreadOver(at, at.d(), reduced(at)));

/** y = mean of n elements: dx = d / n in every place */
export const reduceMean: Rule = (at) => {
  const axes = reduced(at);
  const full = dimsOf(at, 0);
  const count = elementCount(axes.map((axis) => full[axis] as number));
  at.give(0, () => spreadOver(at, at.b.scale(at.d(), 1 / count), axes));
};

/** y = sqrt(sum of x^2): dx = d x / y, 0 where y is 0 */
export const reduceL2: Rule = (at) => {
  const { b } = at;
  const axes = reduced(at);
  at.give(0, () => {
    const y = spreadOver(at, at.node.outputs[0] ?? '', axes);
    const ratio = b.div(at.node.inputs[0] ?? '', y);
    const zero = b.scalar(0, b.type(y));
    const unit = b.where(b.compare('Equal', y, zero), zero, ratio);
    return b.mul(spreadOver(at, at.d(), axes), unit);
  });
};

/** y = sum of x^2: dx = 2 d x */
export const reduceSumSquare: Rule = (at) => {
  const { b } = at;
  at.give(0, () => b.mul(spreadOver(at, b.scale(at.d(), 2), reduced(at)), at.node.inputs[0] ?? ''));
};
