// How each operator stores quantised matrices: bits, scales, zero points, and which of them belong
// to which value.

import { EspalierError } from '../../errors.ts';
import { DataType, elementCount, intAttribute, type Node, type Tensor } from '../../onnx/graph.ts';

/** A matrix of integers q with the values (q - zero point) x scale. */
export interface Quantised {
  bits: 2 | 4 | 8;
  signed: boolean;
  scales: Tensor;
  /** One zero point for each scale, as integers of `bits` bits or floats; null: all are `zero`. */
  zeros: Tensor | null;
  zero: number;
  /** Zero points per row when every row is packed from a byte on; null when they are contiguous. */
  zeroRow: number | null;
  layout: Layout;
}

/**
 * Which scale a stored value has. Values are in rows of `stored`, of which the first `columns`
 * count. A row of scales has one scale for every `run` columns. Within each `period` rows, `group`
 * neighbouring rows share a row of scales; after `scaleRows` rows of scales the first comes again.
 */
export interface Layout {
  columns: number;
  stored: number;
  run: number;
  period: number;
  group: number;
  scaleRows: number;
  /** Stored values in all; the last byte of packed values may be partly unused. */
  total: number;
}

/** Element types of quantised matrices. */
export const SMALL_INTEGERS: ReadonlySet<number> = new Set([
  DataType.int8,
  DataType.uint8,
  DataType.int4,
  DataType.uint4,
]);

/** The error of a matrix whose values cannot be determined. */
export function refuse(node: Node, value: string, why: string): EspalierError {
  return new EspalierError(
    'unsupported-op',
    `The magnitude of the weights "${value}" of ${node.op} "${node.name}" cannot be computed: ` +
      `${why}.`,
    'Use another criterion; perplexity needs no magnitudes.',
  );
}

/**
 * MatMulNBits: weights (N, blocks of K, bytes of a block), scales (N, blocks), zero points packed
 * per row of N or floats of the scales' type; 2^(bits - 1) when there are none.
 * @source onnxruntime/docs/ContribOperators.md, com.microsoft.MatMulNBits
 */
export function blockedNBits(
  node: Node,
  tensor: Tensor,
  stored: (slot: number) => Tensor | null,
): Quantised {
  const rows = intAttribute(node, 'N') ?? 0;
  const columns = intAttribute(node, 'K') ?? 0;
  const run = intAttribute(node, 'block_size') ?? 0;
  const bits = bitsOf(node, intAttribute(node, 'bits') ?? 4);
  const perRow = Math.ceil(columns / run);
  const scales = stored(2);
  if (!scales || (node.inputs[3] && !stored(3)))
    throw refuse(node, tensor.name, 'its scales are computed while the graph runs');
  if (node.inputs[4])
    throw refuse(node, tensor.name, 'its columns are reordered into groups (g_idx)');
  const layout = {
    columns,
    stored: perRow * run,
    run,
    period: rows,
    group: 1,
    scaleRows: rows,
    total: rows * perRow * run,
  };
  const zeros = stored(3);
  const packed = zeros !== null && SMALL_INTEGERS.has(zeros.type);
  return checked(node, tensor, {
    bits,
    signed: false,
    scales,
    zeros,
    zero: 2 ** (bits - 1),
    zeroRow: packed ? perRow : null,
    layout,
  });
}

/**
 * A stack of experts of QMoE: weights (experts, rows, packed columns), a scale for each row or for
 * each `block_size` columns of a row.
 * @source onnxruntime/docs/ContribOperators.md, com.microsoft.QMoE
 */
export function expertQuantised(
  node: Node,
  tensor: Tensor,
  slot: number,
  stored: (slot: number) => Tensor | null,
): Quantised {
  const bits = bitsOf(node, intAttribute(node, 'expert_weight_bits') ?? 4);
  const [experts = 0, inner = 0, packed = 0] = tensor.dims;
  const columns = (packed * 8) / bits;
  const block = intAttribute(node, 'block_size') ?? 0;
  const run = block > 0 ? block : columns;
  const scales = stored(slot + 1);
  if (!scales) throw refuse(node, tensor.name, 'its scales are computed while the graph runs');
  const rows = experts * inner;
  const layout = {
    columns,
    stored: columns,
    run,
    period: rows,
    group: 1,
    scaleRows: rows,
    total: rows * columns,
  };
  const zeros = stored(11 + (slot - 2) / 3);
  return checked(node, tensor, {
    bits,
    signed: false,
    scales,
    zeros,
    zero: 2 ** (bits - 1),
    zeroRow: zeros ? Math.ceil(columns / run) : null,
    layout,
  });
}

/**
 * DequantizeLinear: a scale for the tensor, for each index along `axis`, or for each `block_size`
 * neighbours along it.
 * @source onnx/docs/Operators.md, DequantizeLinear-21
 */
export function axisQuantised(
  node: Node,
  tensor: Tensor,
  scales: Tensor,
  zeros: Tensor | null,
): Quantised {
  if (node.inputs[2] && !zeros)
    throw refuse(node, tensor.name, 'its zero points are computed while the graph runs');
  const { dims } = tensor;
  const declared = intAttribute(node, 'axis') ?? 1;
  const axis = declared < 0 ? declared + dims.length : declared;
  const block = intAttribute(node, 'block_size') ?? 0;
  return alongAxis(node, tensor, scales, zeros, axis, block);
}

/**
 * Matrices of operators that compute on integers: a scale for the matrix, or for each output column
 * (each row where B is transposed).
 */
export function linearQuantised(
  node: Node,
  tensor: Tensor,
  scales: Tensor | null,
  zeros: Tensor | null,
): Quantised {
  if (!scales) throw refuse(node, tensor.name, 'its scale was not found');
  return alongAxis(
    node,
    tensor,
    scales,
    zeros,
    intAttribute(node, 'transB') === 1 ? 0 : tensor.dims.length - 1,
    0,
  );
}

function alongAxis(
  node: Node,
  tensor: Tensor,
  scales: Tensor,
  zeros: Tensor | null,
  axis: number,
  block: number,
): Quantised {
  const { type, dims } = tensor;
  if (!SMALL_INTEGERS.has(type)) throw refuse(node, tensor.name, `its element type is ${type}`);
  const bits = type === DataType.int4 || type === DataType.uint4 ? 4 : 8;
  const signed = type === DataType.int4 || type === DataType.int8;
  const total = elementCount(dims);
  const count = elementCount(scales.dims);
  const along = dims[axis] ?? 0;
  const inner = elementCount(dims.slice(axis + 1));
  let layout: Layout;
  if (block > 0) {
    const groups = Math.ceil(along / block);
    // Along the last axis a run is a block; along another, every column has its own scale, which
    // `block` rows share.
    layout =
      inner === 1
        ? {
            columns: along,
            stored: along,
            run: block,
            period: 1,
            group: 1,
            scaleRows: total / along,
            total,
          }
        : {
            columns: inner,
            stored: inner,
            run: 1,
            period: along,
            group: block,
            scaleRows: (total / along / inner) * groups,
            total,
          };
  } else if (count === 1)
    layout = {
      columns: total,
      stored: total,
      run: total,
      period: 1,
      group: 1,
      scaleRows: 1,
      total,
    };
  else if (inner === 1)
    layout = { columns: along, stored: along, run: 1, period: 1, group: 1, scaleRows: 1, total };
  else
    layout = {
      columns: inner,
      stored: inner,
      run: inner,
      period: 1,
      group: 1,
      scaleRows: along,
      total,
    };
  return checked(node, tensor, { bits, signed, scales, zeros, zero: 0, zeroRow: null, layout });
}

function bitsOf(node: Node, bits: number): 2 | 4 | 8 {
  if (bits === 2 || bits === 4 || bits === 8) return bits;
  throw refuse(node, node.inputs[1] ?? '', `it is stored in ${bits} bits`);
}

/** @throws EspalierError `unsupported-op` when scales or stored values do not fit the layout. */
function checked(node: Node, tensor: Tensor, quantised: Quantised): Quantised {
  const { bits, scales, zeros, zeroRow, layout } = quantised;
  const { columns, stored, run, scaleRows, total } = layout;
  const wanted = Math.ceil(columns / run) * scaleRows;
  const bytes = tensor.data.length;
  const fits =
    total > 0 && Number.isInteger(total / stored) && bytes === Math.ceil((total * bits) / 8);
  if (!fits || elementCount(scales.dims) !== wanted)
    throw refuse(
      node,
      tensor.name,
      `${elementCount(scales.dims)} scales do not fit ${bytes} bytes in blocks of ${run}`,
    );
  const points = zeros && zeroRow === null ? elementCount(zeros.dims) : 1;
  if (points !== 1 && points !== wanted)
    throw refuse(node, tensor.name, `there are ${points} zero points for ${wanted} scales`);
  return quantised;
}
