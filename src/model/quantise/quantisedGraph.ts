// A graph with its matrices in few bits: products become MatMulNBits, the lookup of the embedding
// becomes GatherBlockQuantized.

import { EspalierError } from '../../errors.ts';
import { keyOf } from '../../onnx/bytes.ts';
import { checkGraph } from '../../onnx/check.ts';
import {
  type Attribute,
  DataType,
  floatAttribute,
  type Graph,
  type Model,
  type Node,
  type Tensor,
} from '../../onnx/graph.ts';
import { narrowed } from '../../onnx/half.ts';
import { operatorName } from '../../onnx/operators.ts';
import { sortedNodes } from '../../onnx/sort.ts';
import { refuseHalf } from '../../onnx/transforms.ts';
import { trimGraph } from '../../onnx/trim.ts';
import { elementTypes } from '../../onnx/types.ts';
import type { BlockOf } from '../healing/weightUses.ts';
import { type FloatUse, floatUse, matrixSlots } from './matrices.ts';
import { type PackedMatrix, packedMatrix } from './packed.ts';
import type { PlannedMatrix, QuantisationPlan } from './plan.ts';
import type { QuantiseSettings } from './quantisation.ts';
import { isStored, storedViews } from './stored.ts';

const MICROSOFT = 'com.microsoft';

/**
 * The model with every matrix in the form that the plan gives it; the given one stays as it is, and
 * no weight is read. Names of values stay.
 * @param blockOf the block of a node, as the plan numbers them
 * @throws EspalierError as `packedMatrix`; `bad-input` where nothing is to be quantised, or a
 *   matrix was not computed that GPTQ should have
 */
export function quantisedModel(
  model: Model,
  plan: QuantisationPlan,
  settings: QuantiseSettings,
  blockOf: BlockOf,
): Model {
  const rewriter = new Rewriter(model.graph, settings);
  const { graph: source } = model;
  const views = storedViews(source);
  const types = elementTypes(source);
  const typeOf = (value: string): DataType => types.get(value) ?? 0;
  for (const [position, node] of source.nodes.entries()) {
    const constant = (value: string): boolean => value === '' || views.of(value) !== null;
    if (node.inputs.every(constant)) continue;
    for (const slot of matrixSlots(node)) {
      const view = views.of(node.inputs[slot] ?? '');
      const use = view && isStored(view) ? floatUse(node, slot, view, typeOf) : null;
      if (!use || 'obstacle' in use) continue;
      const planned = plan.of(use.view.tensor.data, use.kind === 'table', blockOf(node, position));
      if (planned && planned.form !== 'float')
        rewriter.replace(node, use, { ...planned, form: planned.form }, typeOf);
    }
  }
  if (rewriter.unchanged) throw nothingLeft(plan);
  const whole = rewriter.result();
  // Some converters leave nodes before those that they read.
  const graph = trimGraph({ ...whole, nodes: sortedNodes(whole) });
  const opsets = new Map(model.opsets);
  if (!opsets.has(MICROSOFT) && graph.nodes.some(({ domain }) => domain === MICROSOFT))
    opsets.set(MICROSOFT, 1);
  requireSound(graph, types);
  return { ...model, opsets, graph };
}

/** The graph with those weights alone that operators of few bits read. */
export function fewBitsOf({ graph }: Pick<Model, 'graph'>): Graph {
  const readers = graph.nodes.filter(({ op }) => FEW_BITS.has(op));
  const read = new Set(readers.flatMap(({ inputs }) => inputs));
  return {
    ...graph,
    initializers: new Map([...graph.initializers].filter(([name]) => read.has(name))),
  };
}

const FEW_BITS: ReadonlySet<string> = new Set(['MatMulNBits', 'GatherBlockQuantized']);

type FewBits = PlannedMatrix & { form: 4 | 8 };

class Rewriter {
  private readonly source: Graph;
  private readonly settings: QuantiseSettings;
  private readonly initializers: Map<string, Tensor>;
  private readonly names: Set<string>;
  private readonly nodes = new Map<Node, Node[]>();
  private readonly nodeNames: Set<string>;
  /** Name of the tensor of some bytes and dimensions. */
  private readonly placed = new Map<string, string>();

  constructor(source: Graph, settings: QuantiseSettings) {
    this.source = source;
    this.settings = settings;
    this.initializers = new Map(source.initializers);
    this.names = new Set([
      ...source.initializers.keys(),
      ...source.inputs.map(({ name }) => name),
      ...source.nodes.flatMap(({ outputs }) => outputs),
    ]);
    this.nodeNames = new Set(source.nodes.map(({ name }) => name));
  }

  get unchanged(): boolean {
    return this.nodes.size === 0;
  }

  result(): Graph {
    const nodes = this.source.nodes.flatMap((node) => this.nodes.get(node) ?? [node]);
    return { ...this.source, nodes, initializers: this.initializers };
  }

  replace(
    node: Node,
    use: FloatUse,
    { matrix, form, computed }: FewBits,
    typeOf: (value: string) => DataType,
  ): void {
    if (this.settings.method === 'gptq' && matrix.kind === 'block' && form === 4 && !computed)
      throw new EspalierError(
        'bad-input',
        `The quantisation has no 4-bit form of the matrix ${matrix.tensor} of block ` +
          `${matrix.block}.`,
        'Quantise this plan, with this model, before it is exported.',
      );
    const isTable = use.kind === 'table';
    const scales = typeOf((isTable ? node.outputs[0] : node.inputs[0]) ?? '');
    const { outputs, inputs, order, view } = use;
    const { type, data } = view.tensor;
    const here = { ...matrix, outputs, inputs, order, type, data };
    const packed = packedMatrix(here, { settings: this.settings, bits: form, scales, computed });
    const tensors = this.tensorsOf(matrix.tensor, packed, isTable);
    this.nodes.set(
      node,
      isTable ? [this.gather(node, packed, tensors)] : this.product(node, packed, tensors, scales),
    );
  }

  private product(
    node: Node,
    { bits, block, inputs, outputs }: PackedMatrix,
    tensors: readonly string[],
    type: DataType,
  ): Node[] {
    const [a = '', , c = ''] = node.inputs;
    const [y = ''] = node.outputs;
    const { accuracyLevel } = this.settings;
    const isGemm = operatorName(node) === 'Gemm';
    const alpha = node.op === 'MatMul' ? 1 : (floatAttribute(node, 'alpha') ?? 1);
    const bias = isGemm && c !== '';
    const beta = bias ? (floatAttribute(node, 'beta') ?? 1) : 1;
    const made: Node[] = [];
    const step = (op: string, given: string[], output: string): string => {
      const name = this.nodeName(node, `/${op}`);
      made.push({ name, op, domain: '', inputs: given, outputs: [output], attributes: new Map() });
      return output;
    };
    const further = Number(alpha !== 1) + Number(bias);
    let value = further > 0 ? this.unique(`${y}_product`) : y;
    made.push({
      name: this.nodeName(node, `_Q${bits}`),
      op: 'MatMulNBits',
      domain: MICROSOFT,
      inputs: [a, ...tensors],
      outputs: [value],
      attributes: integers({
        K: inputs,
        N: outputs,
        bits,
        block_size: block,
        // Left out where it says nothing, as other quantisers do.
        ...(accuracyLevel > 0 ? { accuracy_level: accuracyLevel } : {}),
      }),
    });
    if (alpha !== 1)
      value = step('Mul', [value, this.scalar(alpha, type)], bias ? this.unique(`${y}_scaled`) : y);
    if (bias) {
      const added =
        beta === 1 ? c : step('Mul', [c, this.scalar(beta, type)], this.unique(`${y}_bias`));
      step('Add', [value, added], y);
    }
    return made;
  }

  /** Names of weights, scales and zero points. */
  private tensorsOf(stem: string, packed: PackedMatrix, isTable: boolean): string[] {
    const { bits, outputs, inputs, blocks, block } = packed;
    const bytes = (values: number): number => Math.ceil((values * bits) / 8);
    const weights = isTable ? [outputs, bytes(inputs)] : [outputs, blocks, bytes(block)];
    const scales = [outputs, blocks];
    const zeros = packed.zerosType === DataType.uint8 ? [outputs, bytes(blocks)] : scales;
    const { uint8 } = DataType;
    return [
      this.tensor(`${stem}_Q${bits}`, uint8, weights, packed.weights),
      this.tensor(`${stem}_scales`, packed.scalesType, scales, packed.scales),
      ...(packed.zeros
        ? [this.tensor(`${stem}_zero_points`, packed.zerosType, zeros, packed.zeros)]
        : []),
    ];
  }

  private tensor(stem: string, type: DataType, dims: number[], data: Tensor['data']): string {
    const key = `${dims.join('x')} ${type} ${keyOf(data)}`;
    const known = this.placed.get(key);
    if (known !== undefined) return known;
    const name = this.unique(stem);
    this.placed.set(key, name);
    this.initializers.set(name, { name, type, dims, data });
    return name;
  }

  private scalar(value: number, type: DataType): string {
    const stem = `quantise/${type === DataType.float16 ? 'float16' : 'float32'}/${value}`;
    const known = this.placed.get(stem);
    if (known !== undefined) return known;
    const full = new Uint8Array(Float32Array.of(value).buffer);
    const data = type === DataType.float16 ? narrowed(full, (x) => refuseHalf(stem, x)) : full;
    const name = this.unique(stem);
    this.placed.set(stem, name);
    this.initializers.set(name, { name, type, dims: [], data });
    return name;
  }

  private gather(node: Node, { bits, block }: PackedMatrix, [data = '', ...rest]: string[]): Node {
    return {
      ...node,
      name: this.nodeName(node, `_Q${bits}`),
      op: 'GatherBlockQuantized',
      domain: MICROSOFT,
      inputs: [data, node.inputs[1] ?? '', ...rest],
      attributes: integers({ bits, block_size: block, gather_axis: 0, quantize_axis: 1 }),
    };
  }

  /** Nodes may have no name; two of one name are no valid model. */
  private nodeName({ name }: Node, suffix: string): string {
    return name === '' ? '' : unique(this.nodeNames, name + suffix);
  }

  private unique(stem: string): string {
    return unique(this.names, stem);
  }
}

function nothingLeft({ matrices }: QuantisationPlan): EspalierError {
  const obstacles = matrices.flatMap(({ matrix: { obstacle } }) => obstacle ?? []);
  const why = new Set(obstacles);
  if (obstacles.length > 0 && obstacles.length < matrices.length) {
    const reasons = [...why].map((reason) => {
      const of = obstacles.filter((one) => one === reason).length;
      return `${reason.replace(/\.$/, '')} (${of} of ${matrices.length} matrices).`;
    });
    return new EspalierError(
      'bad-input',
      'Nothing is left to store in few bits: what could be is to stay as it is. ' +
        reasons.join(' '),
      'Export the model in the precision that it has, or choose few bits for other matrices, ' +
        'such as the embedding or the head.',
    );
  }
  return new EspalierError(
    'bad-input',
    matrices.every(({ matrix }) => matrix.obstacle !== null)
      ? `Nothing in this model can be stored in fewer bits. ${[...why].join(' ')}`
      : 'All matrices that could be stored in few bits are to stay as they are.',
    'Export the model in the precision that it has, or choose other matrices.',
  );
}

function unique(names: Set<string>, stem: string): string {
  let name = stem;
  for (let k = 1; names.has(name); k++) name = `${stem}.${k}`;
  names.add(name);
  return name;
}

function integers(values: Readonly<Record<string, number>>): Map<string, Attribute> {
  return new Map(
    Object.entries(values).map(([name, value]) => [name, { name, kind: 'int', value }]),
  );
}

/** Every value that was there has the element type that it had. */
function requireSound(graph: Graph, before: ReadonlyMap<string, DataType>): void {
  const wrong = checkGraph(graph);
  for (const [value, type] of elementTypes(graph)) {
    const known = before.get(value);
    if (known !== undefined && known !== type)
      wrong.push(`${value} has the ONNX element type ${type}, and had ${known}`);
  }
  if (wrong.length > 0)
    throw new EspalierError(
      'bug',
      `The quantised graph is not valid: ${wrong[0]}.`,
      'Please report this model.',
      wrong.join('\n'),
    );
}
