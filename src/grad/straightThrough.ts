// Products of activations that are rounded to integers while the model runs, as products of floats:
// rounding counts as the identity (straight-through estimator, arXiv 1308.3432), and the stored
// integers as the floats that they stand for.

import { EspalierError } from '../errors.ts';
import { DataType, type Model, type Node, type Tensor } from '../onnx/graph.ts';
import { shortName } from '../onnx/limits.ts';
import { operatorName } from '../onnx/operators.ts';
import { attributesOf } from './build/attributes.ts';
import { constantBytes } from './build/literals.ts';

export interface StraightThrough {
  replaced: number;
  /** Stored matrix to the value with its floats. */
  floats: ReadonlyMap<string, string>;
}

/** DequantizeLinear has a scale for each column since this operator set. */
const COLUMNS_SINCE = 13;

/**
 * Replaces DynamicQuantizeLinear and the integer products that read it, and pairs of QuantizeLinear
 * and DequantizeLinear. With the scale of the activations taken as 1, what multiplies the product
 * by it afterwards stays. Forms that are not known stay, to be refused by name.
 * @returns how many products and pairs became floats, and the value that now holds the floats of
 *   each stored matrix.
 */
export function passStraightThrough(model: Model): StraightThrough {
  const { graph } = model;
  const readers = readersOf(graph.nodes);
  const producer = new Map(graph.nodes.flatMap((node) => node.outputs.map((y) => [y, node])));
  const made = new Replacer(model);
  for (const node of graph.nodes) {
    const operator = operatorName(node);
    const [x = '', y = ''] = [node.inputs[0], node.outputs[0]];
    if (operator === 'DynamicQuantizeLinear') {
      const users = readers.get(y) ?? [];
      if (users.length === 0 || !users.every((user) => isProductOf(user, y, readers))) continue;
      for (const user of users) made.product(user, x);
      // Whatever multiplies by the scale multiplies by one.
      made.constant(node.outputs[1] ?? '', DataType.float, 1);
      made.constant(node.outputs[2] ?? '', DataType.uint8, 0);
      made.set(node, []);
    } else if (operator === 'com.microsoft.DynamicQuantizeMatMul') made.fusedProduct(node);
    else if (operator === 'DequantizeLinear') {
      const rounded = producer.get(x);
      const pair = rounded && operatorName(rounded) === 'QuantizeLinear';
      if (pair && sameScale(rounded, node))
        made.set(node, [of('Identity', [rounded.inputs[0] ?? ''], y)]);
    }
  }
  return made.finish();
}

const sameScale = (a: Node, b: Node): boolean =>
  [1, 2].every((k) => (a.inputs[k] ?? '') === (b.inputs[k] ?? ''));

function readersOf(nodes: readonly Node[]): Map<string, Node[]> {
  const readers = new Map<string, Node[]>();
  for (const node of nodes)
    for (const x of node.inputs) readers.set(x, [...(readers.get(x) ?? []), node]);
  return readers;
}

/** True for a product with quantised activations whose result becomes floats at once. */
function isProductOf(node: Node, rounded: string, readers: ReadonlyMap<string, Node[]>): boolean {
  const [left, right] = node.inputs;
  if (left !== rounded || right === rounded) return false;
  const operator = operatorName(node);
  if (operator === 'com.microsoft.MatMulIntegerToFloat') return true;
  const after = readers.get(node.outputs[0] ?? '') ?? [];
  return operator === 'MatMulInteger' && after.every(({ op }) => op === 'Cast');
}

function of(op: string, inputs: string[], output: string, axis?: number): Node {
  const attributes = attributesOf(axis === undefined ? {} : { axis });
  return { name: output, op, domain: '', inputs, outputs: [output], attributes };
}

class Replacer {
  private readonly model: Model;
  private readonly replaced = new Map<Node, readonly Node[]>();
  private readonly opset: number;
  private readonly floats = new Map<string, string>();
  private readonly readings = new Map<string, string>();
  private count = 0;

  constructor(model: Model) {
    this.model = model;
    this.opset = model.opsets.get('') ?? model.opsets.get('ai.onnx') ?? 1;
  }

  set(node: Node, by: readonly Node[]): void {
    if (by.length > 0) this.count += 1;
    this.replaced.set(node, by);
  }

  constant(name: string, type: DataType, value: number): void {
    if (name !== '') this.initializer(name, type, [], [value]);
  }

  /** x times the floats of the stored matrix, in place of a product with rounded x. */
  product(node: Node, x: string): void {
    const [, stored = ''] = node.inputs;
    const [y = ''] = node.outputs;
    if (node.op === 'MatMulInteger') {
      const [matrix, nodes] = this.matrix(stored, null, node.inputs[3] ?? '');
      this.set(node, [...nodes, of('MatMul', [x, matrix], y)]);
      return;
    }
    this.scaled(node, x, { scale: node.inputs[3] ?? '', zero: node.inputs[5] ?? '', bias: 6 });
  }

  /** DynamicQuantizeMatMul: (x, matrix, scale, zero point, bias) */
  fusedProduct(node: Node): void {
    const [x = '', , scale = '', zero = ''] = node.inputs;
    this.scaled(node, x, { scale, zero, bias: 4 });
  }

  /** What was replaced; the graph has it now. */
  finish(): StraightThrough {
    const { graph } = this.model;
    graph.nodes = graph.nodes.flatMap((node) => this.replaced.get(node) ?? [node]);
    return { replaced: this.count, floats: this.floats };
  }

  private scaled(
    node: Node,
    x: string,
    { scale, zero, bias }: { scale: string; zero: string; bias: number },
  ): void {
    const [y = ''] = node.outputs;
    const [matrix, nodes] = this.matrix(node.inputs[1] ?? '', scale, zero);
    const added = node.inputs[bias] ?? '';
    const product = added === '' ? y : `${y}/product`;
    const tail = added === '' ? [] : [of('Add', [product, added], y)];
    this.set(node, [...nodes, of('MatMul', [x, matrix], product), ...tail]);
  }

  /** (q - zero) scale of a stored matrix, once for each; a missing scale is 1. */
  private matrix(stored: string, scale: string | null, zero: string): [string, Node[]] {
    const known = this.floats.get(stored);
    const read = `${scale},${zero}`;
    if (known !== undefined && this.readings.get(stored) === read) return [known, []];
    if (known !== undefined)
      throw new EspalierError(
        'unsupported-op',
        `The stored matrix ${shortName(stored)} is multiplied with under two scales, for which ` +
          'there is no gradient.',
        'Criteria without gradients can still be computed.',
      );
    this.readings.set(stored, read);
    const name = `${stored}/floats`;
    this.floats.set(stored, name);
    const dims = this.dimsOf(zero) ?? this.dimsOf(scale ?? '') ?? [];
    const count = dims.reduce((n, d) => n * d, 1);
    const factor = scale ?? `${stored}/one`;
    if (scale === null)
      this.initializer(factor, DataType.float, dims, new Array<number>(count).fill(1));
    const byColumn = count > 1;
    if (byColumn && this.opset < COLUMNS_SINCE) {
      const [q, z] = [`${name}/stored`, `${name}/zero`];
      const casts = [of('Cast', [stored], q), of('Cast', [zero], z)];
      for (const cast of casts) cast.attributes = attributesOf({ to: DataType.float });
      const shifted = of('Sub', [q, z], `${name}/shifted`);
      return [name, [...casts, shifted, of('Mul', [`${name}/shifted`, factor], name)]];
    }
    const operands = [stored, factor, ...(zero === '' ? [] : [zero])];
    return [name, [of('DequantizeLinear', operands, name, byColumn ? 1 : undefined)]];
  }

  /** Dims of a constant or a weight, which programs declare. */
  private dimsOf(name: string): readonly number[] | null {
    const { initializers, inputs } = this.model.graph;
    const dims = initializers.get(name)?.dims ?? inputs.find((input) => input.name === name)?.dims;
    return dims?.every((d) => typeof d === 'number') ? (dims as readonly number[]) : null;
  }

  private initializer(
    name: string,
    type: DataType,
    dims: readonly number[],
    values: readonly number[],
  ): void {
    const tensor: Tensor = { name, type, dims, data: constantBytes(type, values) };
    this.model.graph.initializers.set(name, tensor);
  }
}
