// What scores of width are made of: the inputs of o and down in a run, sums over the columns of
// their matrices, and what the matrices make of a vector.

import { EspalierError } from '../../errors.ts';
import type { WidthSite, WidthSites } from '../../model/programs/gated/sites.ts';
import type { BoundProgram, ProgramOutput, WeightRef } from '../../model/programs/program.ts';
import { DataType, type Graph, intAttribute, type Node } from '../../onnx/graph.ts';
import { operandOf } from '../refit/operand.ts';
import { bindAlike, Extension } from './extension.ts';

/** The outputs of a program that give the inputs of o and down, (.., columns) float32. */
export interface TappedBlock {
  bound: BoundProgram;
  attention: string | null;
  feedForward: string | null;
}

/**
 * A block's program that gives what o and down multiply. @param residual it gives the stream after
 * the block as well; otherwise what only that depends on is left out
 */
export function tappedBlock(
  bound: BoundProgram,
  { attention, feedForward }: WidthSites,
  residual: boolean,
): TappedBlock {
  const e = new Extension(bound.program);
  const tap = (site: WidthSite | null): string | null =>
    site && floats(e, productAt(e.model.graph, site).inputs[0] ?? '');
  const found = { attention: tap(attention), feedForward: tap(feedForward) };
  const taps = [found.attention, found.feedForward].filter((name) => name !== null);
  const outputs: ProgramOutput[] = taps.map((name) => ({
    ...{ name, type: 'float32', target: { kind: 'values' } },
  }));
  const stream = bound.program.outputs.filter(({ target }) => target.kind === 'residual');
  const form = [residual ? 'stream' : '', ...[attention, feedForward].map((s) => s?.weight ?? '')];
  const id = `${bound.program.id}-tapped-${form.join('-')}`;
  const program = e.program(id, [...(residual ? stream : []), ...outputs]);
  return { ...found, bound: bindAlike(program, bound) };
}

/** A program that gives sums over the outputs of a matrix, one for each of its inputs, float32. */
export interface ColumnSums {
  bound: BoundProgram;
  /** Output: sum over i of |W_ij|. */
  absolute: string;
  /** Output: sum over i of W_ij squared. */
  squares: string;
}

/** Of the matrix of a site, whatever it is stored as. */
export function columnSums(bound: BoundProgram, site: WidthSite): ColumnSums {
  const e = new Extension(bound.program);
  const node = productAt(e.model.graph, site);
  const more = new Map<string, WeightRef>();
  const byOutput = node.op === 'MatMulNBits' || Boolean(intAttribute(node, 'transB'));
  const matrix = floats(e, node.op === 'MatMulNBits' ? dequantised() : (node.inputs[1] ?? ''));
  const sum = (value: string): string => e.sumOver(value, byOutput ? 0 : 1);
  const absolute = sum(e.op('Abs', [matrix]));
  const squares = sum(e.op('Mul', [matrix, matrix]));
  const program = e.program(`${bound.program.id}-columns-${site.weight}`, [
    { name: absolute, type: 'float32', target: { kind: 'sum' } },
    { name: squares, type: 'float32', target: { kind: 'sum' } },
  ]);
  return { bound: bindAlike(program, bound, more), absolute, squares };

  /** The matrix as an input, made floats while it is read. */
  function dequantised(): string {
    const operand = operandOf(node, e.model.graph, bound.weights);
    if (!operand || operand.floats === 'computed')
      throw new EspalierError(
        'unsupported-graph',
        `The values of "${bound.weights.get(site.weight)?.name}" are computed while it runs.`,
        'Remove whole blocks of this model in its place.',
      );
    const dims = [site.outputs, site.inputs];
    const name = e.input('matrix', { kind: 'weight' }, dims);
    const { floats: data } = operand;
    more.set(name, { name, type: 'float32', dims, byteLength: data.length, data });
    return name;
  }
}

/** A program that gives W x for a vector x, without the bias of the product. */
export interface Product {
  bound: BoundProgram;
  /** Parameter: x, (1, inputs) float32. */
  vector: string;
  /** Output: (1, outputs) float32. */
  output: string;
}

export function productOf(bound: BoundProgram, site: WidthSite): Product {
  const e = new Extension(bound.program);
  const node = productAt(e.model.graph, site);
  const dims = [1, site.inputs];
  const vector = 'vector';
  const given = e.input(vector, { kind: 'parameter', parameter: vector, dims }, dims);
  const half = { to: DataType.float16 };
  const x = site.type === 'float16' ? e.op('Cast', [given], half) : given;
  const made = e.fresh('product');
  const inputs = [x, ...node.inputs.slice(1, node.op === 'MatMulNBits' ? 4 : 2)];
  e.model.graph.nodes.push({ ...node, name: made, inputs, outputs: [made] });
  const output = floats(e, made);
  const program = e.program(`${bound.program.id}-product-${site.weight}`, [
    { name: output, type: 'float32', target: { kind: 'values' } },
  ]);
  return { bound: bindAlike(program, bound), vector, output };
}

function productAt({ nodes }: Graph, { position }: WidthSite): Node {
  const node = nodes[position];
  if (!node) throw new EspalierError('bug', `The program has no node ${position}.`);
  return node;
}

const floats = (e: Extension, value: string): string =>
  e.op('Cast', [value], { to: DataType.float });
