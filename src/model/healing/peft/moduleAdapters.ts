// The low-rank changes of a block as adapters of the modules of Hugging Face Transformers: fused
// matrices are divided, matrices that are one module there are put together.

import { EspalierError } from '../../../errors.ts';
import type { WeightChange } from '../healing.ts';
import type { Family, LinearModule, ProductRole } from './families.ts';
import type { BlockProduct } from './product.ts';

export type LowRankChange = Extract<WeightChange, { kind: 'low-rank' }>;

/** An adapter of one module: W + scale B A, W (outputs, inputs). */
export interface ModuleAdapter {
  rank: number;
  scale: number;
  inputs: number;
  outputs: number;
  /** (rank, inputs) float32, little endian. */
  a: Uint8Array;
  /** (outputs, rank) likewise. */
  b: Uint8Array;
}

/** Rows of a module that a low-rank product is added to. */
interface Piece {
  module: LinearModule;
  change: LowRankChange;
  /** Columns of the change that count, from its own first one on. */
  columns: readonly [from: number, to: number];
  /** Row of the module that one of them is. */
  row(column: number): number;
}

const FLOAT_BYTES = 4;

/**
 * The adapters by the name of the module within the block.
 * @param products all products of the block
 * @throws EspalierError `unsupported-graph` for a change of what is no product of it, and for rows
 *   in another order than the module's
 */
export function moduleAdapters(
  family: Family,
  products: readonly BlockProduct[],
  changes: readonly LowRankChange[],
): Map<string, ModuleAdapter> {
  const widths = widthsOf(products);
  const pieces = new Map<LinearModule, Piece[]>();
  for (const change of changes)
    for (const piece of piecesOf(family, products, change, widths))
      pieces.set(piece.module, [...(pieces.get(piece.module) ?? []), piece]);
  const inOrder = family.modules.filter((module) => pieces.has(module));
  return new Map(
    inOrder.map((module) => {
      const whole = products.find((product) => isWhole(product, module));
      const rows = whole?.outputs ?? widthBefore(module.roles, module.roles.length, widths);
      return [module.name, joined(pieces.get(module)!, rows)];
    }),
  );
}

function piecesOf(
  family: Family,
  products: readonly BlockProduct[],
  change: LowRankChange,
  widths: ReadonlyMap<ProductRole, number>,
): Piece[] {
  const [first, end] = change.columns;
  const product = products.find(({ tensor }) => tensor === change.tensor);
  if (!product) throw refused(change, 'it is no linear product of attention or feed-forward');
  const same = family.modules.find((module) => isWhole(product, module));
  if (same)
    return [{ module: same, change, columns: [0, end - first], row: (column) => first + column }];
  return product.parts.flatMap(({ role, columns }) => {
    const module = family.modules.find(({ roles }) => roles.includes(role));
    if (!module) throw refused(change, `models of this family have no ${role} projection`);
    const unknown = module.alternates ? product.heads === null : !allKnown(module, widths);
    if (columns === null || unknown)
      throw refused(change, `its columns are in another order than the rows of ${module.name}`);
    const [from, to] = [Math.max(first, columns[0]), Math.min(end, columns[1])];
    if (from >= to) return [];
    const before = module.alternates
      ? alternatingRow(module, role, (columns[1] - columns[0]) / product.heads!)
      : (column: number) => widthBefore(module.roles, module.roles.indexOf(role), widths) + column;
    return [
      {
        module,
        change,
        columns: [from - first, to - first] as const,
        row: (column) => before(first + column - columns[0]),
      },
    ];
  });
}

const allKnown = ({ roles }: LinearModule, widths: ReadonlyMap<ProductRole, number>): boolean =>
  roles.every((role) => widths.has(role));

/** The row of a column of one role where the roles alternate head by head. */
function alternatingRow(
  { roles }: LinearModule,
  role: ProductRole,
  size: number,
): (column: number) => number {
  const place = roles.indexOf(role);
  return (column) => (Math.floor(column / size) * roles.length + place) * size + (column % size);
}

/** True where a product is the module, row by row. */
function isWhole({ parts }: BlockProduct, { roles, alternates }: LinearModule): boolean {
  if (parts.map(({ role }) => role).join() !== roles.join()) return false;
  return !alternates || parts.every(({ columns }) => columns === null);
}

/** Outputs of each thing that the block computes, where that is known. */
function widthsOf(products: readonly BlockProduct[]): Map<ProductRole, number> {
  const parts = products.flatMap((product) => product.parts);
  return new Map(
    parts.flatMap(({ role, columns }) => (columns ? [[role, columns[1] - columns[0]]] : [])),
  );
}

/** Rows of a module before its role number `end`. */
function widthBefore(
  roles: readonly ProductRole[],
  end: number,
  widths: ReadonlyMap<ProductRole, number>,
): number {
  return roles.slice(0, end).reduce((sum, role) => sum + (widths.get(role) ?? 0), 0);
}

/**
 * One adapter for all pieces: those with one A in common keep it, others stand beside each other,
 * so that the rank is the sum of theirs. Scales that differ go into B.
 */
function joined(pieces: readonly Piece[], outputs: number): ModuleAdapter {
  const [first] = pieces;
  const { scale } = first!.change;
  const inputs = first!.change.a.length / FLOAT_BYTES / first!.change.rank;
  // Pieces of one change share its A; so do changes that cannot overlap.
  const groups: Piece[][] = [];
  for (const piece of pieces) {
    const group = groups.find(([one]) => one!.change === piece.change);
    if (group) group.push(piece);
    else groups.push([piece]);
  }
  const rank = groups.reduce((sum, [one]) => sum + one!.change.rank, 0);
  const a = new Float32Array(rank * inputs);
  const b = new Float32Array(outputs * rank);
  let at = 0;
  for (const group of groups) {
    const { change } = group[0]!;
    a.set(floats(change.a), at * inputs);
    const values = floats(change.b);
    const factor = change.scale / scale;
    for (const { columns, row } of group)
      for (let column = columns[0]; column < columns[1]; column++)
        for (let k = 0; k < change.rank; k++)
          b[row(column) * rank + at + k] = values[column * change.rank + k]! * factor;
    at += change.rank;
  }
  return { rank, scale, inputs, outputs, a: new Uint8Array(a.buffer), b: new Uint8Array(b.buffer) };
}

function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

function refused({ tensor }: LowRankChange, why: string): EspalierError {
  return new EspalierError(
    'unsupported-graph',
    `The change of ${tensor} cannot be an adapter of the Hugging Face model: ${why}.`,
    'Export the healed model as an ONNX folder.',
  );
}
