// Products of accuracy level 4 as CPU kernels compute them: every block of the activations is
// rounded to 8 bits with a scale of its own. Those kernels exist for weights that lie in the graph;
// the programs feed them, so that the rounding is written out.

import { DataType, intAttribute, type Node } from '../../onnx/graph.ts';
import { addInts, makeNode } from './rewrites.ts';
import { copyNode, type Subgraph, trimSubgraph } from './subgraph.ts';

/** Largest 8-bit integer that activations are rounded to. */
const LARGEST = 127;
/** Blocks whose entries are all smaller give zero. */
const TINY = 1e-30;

/**
 * Rounds the activations of MatMulNBits with accuracy level 4: x becomes round(x / s) s with
 * s = max |x| / 127 over the inputs of a block (MLAS, SQNBIT_CompInt8). Products with zero points
 * that are floats have no such kernel. Shapes: (..., K) as before.
 * @returns how many products were changed
 */
export function roundActivations(subgraph: Subgraph, opset: number): number {
  const known = new Map<string, string>();
  let count = 0;
  subgraph.nodes = subgraph.nodes.flatMap((node) => {
    if (!isRounded(node, subgraph)) return [node];
    const [x = ''] = node.inputs;
    const [inputs, block] = [intAttribute(node, 'K') ?? 0, intAttribute(node, 'block_size') ?? 0];
    const key = `espalier/rounded ${block}/${x}`;
    const before: Node[] = [];
    let rounded = known.get(key);
    if (rounded === undefined) {
      rounded = key;
      known.set(key, key);
      const type = subgraph.initializers.get(node.inputs[2] ?? '')?.type ?? DataType.float;
      before.push(...rounding(subgraph, opset, { x, type, out: key, inputs, block }));
    }
    const copy = copyNode(node);
    copy.inputs[0] = rounded;
    copy.attributes.set('accuracy_level', { name: 'accuracy_level', kind: 'int', value: 0 });
    count += 1;
    return [...before, copy];
  });
  if (count > 0) trimSubgraph(subgraph);
  return count;
}

function isRounded(node: Node, { initializers }: Subgraph): boolean {
  if (node.op !== 'MatMulNBits' || intAttribute(node, 'accuracy_level') !== 4) return false;
  const zeros = initializers.get(node.inputs[3] ?? '');
  return (zeros === undefined || zeros.type === DataType.uint8) && (node.inputs[4] ?? '') === '';
}

interface Rounding {
  x: string;
  /** Element type of x, which the scales have too. */
  type: DataType;
  out: string;
  /** K. */
  inputs: number;
  block: number;
}

function rounding(
  subgraph: Subgraph,
  opset: number,
  { x, type, out, inputs, block }: Rounding,
): Node[] {
  const nodes: Node[] = [];
  const put = (
    op: string,
    operands: string[],
    name: string,
    attributes: Parameters<typeof makeNode>[3] = {},
  ): string => {
    nodes.push(makeNode(op, operands, [name], attributes));
    return name;
  };
  const number = (value: number): string => addNumber(subgraph, value);
  const last = addInts(subgraph, 'espalier/last', [-1]);
  /** Rounds (..., width x n) in blocks of `width`. */
  const roundIn = (values: string, width: number, at: string): string => {
    const rows = addInts(subgraph, `espalier/rows of ${width}`, [-1, width]);
    const flat = put('Reshape', [values, rows], `${at}/flat`);
    const sizes = put('Abs', [flat], `${at}/sizes`);
    const largest =
      opset >= 18
        ? put('ReduceMax', [sizes, last], `${at}/largest`, { keepdims: 1 })
        : put('ReduceMax', [sizes], `${at}/largest`, { keepdims: 1, axes: [-1] });
    const scale = put('Div', [largest, number(LARGEST)], `${at}/scale`);
    const safe = put('Add', [scale, number(TINY)], `${at}/safe`);
    const steps = put('Div', [flat, safe], `${at}/steps`);
    // Round has no WebGPU kernel; the two differ at exact halves alone.
    const raised = put('Add', [steps, number(0.5)], `${at}/raised`);
    const whole = put('Floor', [raised], `${at}/whole`);
    const back = put('Mul', [whole, scale], `${at}/back`);
    const shape = put('Shape', [values], `${at}/shape`);
    return put('Reshape', [back, shape], `${at}/like`);
  };
  const wide = put('Cast', [x], `${out}/wide`, { to: DataType.float });
  const even = Math.floor(inputs / block) * block;
  const slice = (from: number, to: number, name: string): string =>
    put(
      'Slice',
      [wide, ...[from, to].map((k) => addInts(subgraph, `espalier/bound/${k}`, [k])), last],
      name,
    );
  let result: string;
  if (even === inputs) result = roundIn(wide, block, out);
  else {
    const tail = roundIn(slice(even, inputs, `${out}/tail`), inputs - even, `${out}/tail`);
    const parts =
      even === 0 ? [tail] : [roundIn(slice(0, even, `${out}/start`), block, `${out}/start`), tail];
    result = put('Concat', parts, `${out}/joined`, { axis: -1 });
  }
  put('Cast', [result], out, { to: type });
  return nodes;
}

/** A float32 scalar of the subgraph. */
function addNumber(subgraph: Subgraph, value: number): string {
  const name = `espalier/number ${value}`;
  subgraph.initializers.set(name, {
    name,
    type: DataType.float,
    dims: [],
    data: new Uint8Array(new Float32Array([value]).buffer),
  });
  return name;
}
