// Moves the elements of known contents: views with strides, as transposing, slicing and
// broadcasting need them.

import { elementCount } from '../../onnx/graph.ts';
import { CONTENT_LIMIT, type Value } from './value.ts';

/** Distance in elements between neighbours along each axis of a dense tensor. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length).fill(1);
  for (let k = dims.length - 2; k >= 0; k--)
    strides[k] = (strides[k + 1] as number) * (dims[k + 1] as number);
  return strides;
}

/**
 * The elements of a view of `data` with these dims and strides, row by row; null for null and for
 * more than the limit.
 */
export function view(
  data: readonly number[] | null,
  dims: readonly number[],
  strides: readonly number[],
  offset = 0,
): readonly number[] | null {
  const count = elementCount(dims);
  if (data === null || count > CONTENT_LIMIT) return null;
  const out = new Array<number>(count);
  const at = new Array<number>(dims.length).fill(0);
  let from = offset;
  for (let k = 0; k < count; k++) {
    out[k] = data[from] as number;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const next = (at[axis] as number) + 1;
      from += strides[axis] as number;
      if (next < (dims[axis] as number)) {
        at[axis] = next;
        break;
      }
      at[axis] = 0;
      from -= next * (strides[axis] as number);
    }
  }
  return out;
}

/** The content of a value repeated to dims that it broadcasts to. */
export function spread({ dims, data }: Value, to: readonly number[]): readonly number[] | null {
  if (data === null || (dims.length === to.length && dims.every((d, k) => d === to[k])))
    return data;
  const own = stridesOf(dims);
  const lead = to.length - dims.length;
  return view(
    data,
    to,
    to.map((_, k) => (k < lead || dims[k - lead] === 1 ? 0 : (own[k - lead] as number))),
  );
}
