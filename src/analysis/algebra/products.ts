// The inner loop of dense linear algebra in float64: a product of two matrices, subtracted.

/** A matrix inside a larger array, row by row. */
export interface Window {
  values: Float64Array;
  /** Index of its first element, and elements from one row to the next. */
  start: number;
  stride: number;
}

/** Rows of a that are read again and again while they are in a core's first cache; even. */
const CACHED = 32;

/**
 * out[i, j] -= sum over p of a[i, p] * b[j, p], out (rows, columns), a (rows, inner), b (columns,
 * inner). Two rows by four columns at a time stay in registers.
 */
export function subtractProduct(
  out: Window,
  a: Window,
  b: Window,
  rows: number,
  columns: number,
  inner: number,
): void {
  const wide = columns - (columns % 4);
  const even = rows - (rows % 2);
  for (let from = 0; from < even; from += CACHED) {
    const to = Math.min(even, from + CACHED);
    for (let j = 0; j < wide; j += 4)
      for (let i = from; i < to; i += 2) tile(out, a, b, i, j, inner);
  }
  for (let i = 0; i < rows; i++)
    for (let j = i < even ? wide : 0; j < columns; j++) {
      let sum = 0;
      const x = a.start + i * a.stride;
      const y = b.start + j * b.stride;
      for (let p = 0; p < inner; p++) sum += a.values[x + p]! * b.values[y + p]!;
      out.values[out.start + i * out.stride + j]! -= sum;
    }
}

function tile(out: Window, a: Window, b: Window, i: number, j: number, inner: number): void {
  const x = a.values;
  const y = b.values;
  const a0 = a.start + i * a.stride;
  const a1 = a0 + a.stride;
  const b0 = b.start + j * b.stride;
  const b1 = b0 + b.stride;
  const b2 = b1 + b.stride;
  const b3 = b2 + b.stride;
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  for (let p = 0; p < inner; p++) {
    const u = x[a0 + p]!;
    const v = x[a1 + p]!;
    const c = y[b0 + p]!;
    const d = y[b1 + p]!;
    const e = y[b2 + p]!;
    const f = y[b3 + p]!;
    s00 += u * c;
    s01 += u * d;
    s02 += u * e;
    s03 += u * f;
    s10 += v * c;
    s11 += v * d;
    s12 += v * e;
    s13 += v * f;
  }
  const o = out.values;
  const first = out.start + i * out.stride + j;
  const second = first + out.stride;
  o[first]! -= s00;
  o[first + 1]! -= s01;
  o[first + 2]! -= s02;
  o[first + 3]! -= s03;
  o[second]! -= s10;
  o[second + 1]! -= s11;
  o[second + 2]! -= s12;
  o[second + 3]! -= s13;
}
