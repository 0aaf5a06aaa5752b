// A graph under construction: nodes and values with the names that the onnxruntime-genai builder
// gives them, initializers bound to the tensors of the files.

import { EspalierError } from '../../errors.ts';
import {
  type Attribute,
  DataType,
  type Dim,
  type Graph,
  type Node,
  type Tensor,
} from '../../onnx/graph.ts';
import type { Bytes } from '../../onnx/source.ts';
import { type BoundBlocks, boundBlocks, boundFloats } from './bind.ts';
import type { LinearSpec, NormSpec } from './spec.ts';
import type { Binding, NamedTensor, ValueStep } from './weights.ts';

/** Integers as they are, floats as `{ float }`, texts and lists of integers. */
type AttributeValue = number | string | { float: number } | readonly number[];

interface NodeOptions {
  attributes?: Readonly<Record<string, AttributeValue>>;
  domain?: string;
  /** Names of the outputs; default one, named after the node. */
  outputs?: string[];
  /** Of the last axis of the first output, (batch_size, sequence_length, width). */
  width?: number;
}

export const MICROSOFT = 'com.microsoft';

export class GraphMaker {
  readonly nodes: Node[] = [];
  readonly bindings = new Map<string, Binding>();
  private readonly initializers = new Map<string, Tensor>();
  private readonly valueInfo: Graph['valueInfo'] = new Map();
  private readonly used = new Set<string>();
  private readonly made = new Set<string>();
  private readonly named: ReadonlyMap<string, NamedTensor>;
  private readonly asFloats: boolean;

  /** @param asFloats matrices in blocks of integers become float32 too */
  constructor(named: ReadonlyMap<string, NamedTensor>, asFloats = false) {
    this.named = named;
    this.asFloats = asFloats;
  }

  /** Adds a node and gives the name of its first output. */
  node(op: string, name: string, inputs: string[], options: NodeOptions = {}): string {
    const { attributes = {}, domain = '', width } = options;
    const outputs = options.outputs ?? [`${name}/output_0`];
    const list = Object.entries(attributes).map(([key, value]) => attributeOf(key, value));
    const map = new Map(list.map((attribute) => [attribute.name, attribute]));
    this.nodes.push({ name, op, domain, inputs, outputs, attributes: map });
    const [first = ''] = outputs;
    if (width !== undefined) this.declare(first, ['batch_size', 'sequence_length', width]);
    return first;
  }

  /** Declares a float32 value with its dimensions. */
  declare(name: string, dims: readonly Dim[]): void {
    this.valueInfo.set(name, { name, type: DataType.float, dims });
  }

  /** An int64 constant: a number or a list. */
  ints(value: number | readonly number[]): string {
    const list = typeof value === 'number' ? [value] : value;
    const name = `/model/constants/INT64/${JSON.stringify(value)}`;
    const data = new Uint8Array(BigInt64Array.from(list, BigInt).buffer);
    const dims = typeof value === 'number' ? [] : [list.length];
    return this.initializer({ name, type: DataType.int64, dims, data });
  }

  /** A float32 constant without dimensions. */
  float(value: number): string {
    const name = `/model/constants/FLOAT/${Number.isInteger(value) ? `${value}.0` : value}`;
    const data = new Uint8Array(Float32Array.of(value).buffer);
    return this.initializer({ name, type: DataType.float, dims: [], data });
  }

  initializer(tensor: Tensor): string {
    if (!this.initializers.has(tensor.name)) this.initializers.set(tensor.name, tensor);
    return tensor.name;
  }

  /** float32 values in memory or derived that no tensor of the files is bound to. */
  floats(name: string, dims: readonly number[], data: Bytes): string {
    return this.initializer({ name, type: DataType.float, dims, data });
  }

  /** True the first time that it is asked for something. */
  once(name: string): boolean {
    const first = !this.made.has(name);
    this.made.add(name);
    return first;
  }

  /** `outputs` from one list of values or another. */
  choose(
    name: string,
    condition: string,
    outputs: readonly string[],
    values: Readonly<Record<'large' | 'small', readonly string[]>>,
  ): void {
    const branch = (side: 'large' | 'small', key: string): Attribute => ({
      name: key,
      kind: 'graph',
      value: {
        name: `${side}_rope_caches_graph`,
        nodes: outputs.map((output, k) => ({
          name: `/${side}/${output}/Identity`,
          op: 'Identity',
          domain: '',
          inputs: [values[side][k] ?? ''],
          outputs: [`${output}_chosen_${side}`],
          attributes: new Map(),
        })),
        initializers: new Map(),
        inputs: [],
        outputs: outputs.map((output) => ({
          name: `${output}_chosen_${side}`,
          type: DataType.float,
          dims: null,
        })),
        valueInfo: new Map(),
      },
    });
    this.node('If', name, [condition], { outputs: [...outputs] });
    const { attributes } = this.nodes.at(-1)!;
    attributes.set('then_branch', branch('large', 'then_branch'));
    attributes.set('else_branch', branch('small', 'else_branch'));
  }

  /** Gives a value that is the first output of the last node another name. */
  rename(value: string, name: string): void {
    const node = this.nodes.at(-1);
    if (node?.outputs[0] !== value)
      throw new EspalierError('bug', `${value} is not the last value.`);
    node.outputs[0] = name;
    this.valueInfo.delete(value);
  }

  /** Counts a tensor as read that the graph does not need. */
  skip(name: string): void {
    this.used.add(name);
  }

  /**
   * An initializer with the values of a tensor of the files after some steps.
   * @param dims what the graph needs after the steps
   * @throws EspalierError `missing-file` for a tensor that is not there, `corrupt-file` for other
   *   dimensions
   */
  bound(name: string, from: string, dims: readonly number[], steps: readonly ValueStep[]): string {
    if (this.initializers.has(name)) return name;
    const tensor = this.tensor(from);
    const { data, dims: found } = boundFloats(tensor, steps);
    if (found.join() !== dims.join()) throw otherDims(tensor, dims, found);
    this.bindings.set(name, { tensor, steps, form: 'floats' });
    return this.floats(name, dims, data);
  }

  /**
   * W x + b of (batch, sequence, inputs).
   * @param name "/model/layers.0/attn/q_proj"
   */
  linear(spec: LinearSpec, name: string, input: string): string {
    const product = this.product(spec, `${name}/MatMul`, input);
    if (!spec.bias) return product;
    const { module, outputs, rows } = spec;
    const bias = `${name.slice(1).replaceAll('/', '.')}.Add.bias`;
    this.bound(bias, `${module}.bias`, [outputs], rows ? [rows] : []);
    return this.node('Add', `${name}/Add`, [product, bias], { width: outputs });
  }

  /** W x of a table that rows are looked up in as well. @param table its initializer */
  tied(spec: LinearSpec, name: string, input: string, table: string): string {
    const blocks = this.blocks(spec);
    const weight = `${name.slice(1).replaceAll('/', '.')}.MatMul.weight`;
    if (blocks) return this.fewBits(spec, `${name}/MatMul`, input, weight, blocks);
    const turned = this.node('Transpose', `${name}/Transpose`, [table], {
      attributes: { perm: [1, 0] },
    });
    return this.node('MatMul', `${name}/MatMul`, [input, turned], { width: spec.outputs });
  }

  private product(spec: LinearSpec, name: string, input: string): string {
    const { module, inputs, outputs, conv1d, rows } = spec;
    const weight = `${name.slice(1).replaceAll('/', '.')}.weight`;
    const stored = `${module}.weight`;
    const blocks = this.blocks(spec);
    if (blocks) return this.fewBits(spec, name, input, weight, blocks);
    const turned: ValueStep[] = conv1d ? [] : [{ step: 'transpose' }];
    this.bound(weight, stored, [inputs, outputs], [...(rows ? [rows] : []), ...turned]);
    return this.node('MatMul', name, [input, weight], { width: outputs });
  }

  /** The matrix in blocks of integers, where the file has it in a form that is multiplied with. */
  private blocks(spec: LinearSpec): BoundBlocks | null {
    if (this.asFloats) return null;
    const { module, inputs, outputs } = spec;
    const tensor = this.tensor(`${module}.weight`);
    const blocks = boundBlocks(tensor, stepsToBlocks(spec));
    const found = blocks && [blocks.rows, blocks.columns];
    if (found && found.join() !== `${outputs},${inputs}`)
      throw otherDims(tensor, [outputs, inputs], found);
    return blocks;
  }

  private fewBits(
    spec: LinearSpec,
    name: string,
    input: string,
    weight: string,
    { bits, block, weights, scales }: BoundBlocks,
  ): string {
    const { module, inputs, outputs } = spec;
    const count = Math.ceil(inputs / block);
    const packed = `${weight}_Q${bits}`;
    const dims = [outputs, count, (block * bits) / 8];
    this.initializer({ name: packed, type: DataType.uint8, dims, data: weights });
    this.floats(`${weight}_scales`, [outputs, count], scales);
    const tensor = this.tensor(`${module}.weight`);
    this.bindings.set(packed, { tensor, steps: stepsToBlocks(spec), form: 'blocks' });
    return this.node('MatMulNBits', `${name}_Q${bits}`, [input, packed, `${weight}_scales`], {
      domain: MICROSOFT,
      attributes: { K: inputs, N: outputs, bits, block_size: block },
      outputs: [`${name}/output_0`],
      width: outputs,
    });
  }

  /**
   * Weights of a norm, and its bias where it has one.
   * @param name "model.layers.0.input_layernorm"
   */
  normWeights({ module, size, kind, offset, plain, biasless }: NormSpec, name: string): string[] {
    if (plain) {
      const [ones, zeros] = [new Float32Array(size).fill(1), new Float32Array(size)];
      const values = (ending: string, list: Float32Array<ArrayBuffer>): string =>
        this.floats(`${name}.${ending}`, [size], new Uint8Array(list.buffer));
      return kind === 'rms'
        ? [values('weight', ones)]
        : [values('weight', ones), values('bias', zeros)];
    }
    const steps: ValueStep[] = offset === 0 ? [] : [{ step: 'add', value: offset }];
    const weight = this.bound(`${name}.weight`, `${module}.weight`, [size], steps);
    if (kind === 'rms' || biasless) return [weight];
    return [weight, this.bound(`${name}.bias`, `${module}.bias`, [size], [])];
  }

  /** The graph. @throws EspalierError `unsupported-graph` for tensors that nothing has read. */
  graph(inputs: Graph['inputs'], outputs: Graph['outputs']): Graph {
    const left = [...this.named.keys()].filter((name) => !this.used.has(name));
    if (left.length > 0)
      throw new EspalierError(
        'unsupported-graph',
        `The files hold ${left.length === 1 ? 'a tensor' : `${left.length} tensors`} that the ` +
          `graph of this family has no place for: ${left.slice(0, 3).join(', ')}` +
          `${left.length > 3 ? ', ...' : ''}.`,
        'Open an ONNX export of this model.',
      );
    const { nodes, initializers, valueInfo } = this;
    for (const { name } of outputs) valueInfo.delete(name);
    return { name: 'main_graph', nodes, initializers, inputs, outputs, valueInfo };
  }

  private tensor(name: string): NamedTensor {
    const tensor = this.named.get(name);
    if (!tensor)
      throw new EspalierError(
        'missing-file',
        `The tensor ${name} is in none of the files, and the config asks for it.`,
        /^(lm_head|embed_out)\./.test(name)
          ? 'A model for embeddings or classes has no head and predicts no tokens. Otherwise get ' +
              'all files of the model again.'
          : 'Get all files of the model again.',
      );
    this.used.add(name);
    return tensor;
  }
}

/** What brings a stored matrix to (outputs, inputs). */
function stepsToBlocks({ conv1d, rows }: LinearSpec): ValueStep[] {
  return [...(conv1d ? [{ step: 'transpose' } as const] : []), ...(rows ? [rows] : [])];
}

function otherDims(
  { stored }: NamedTensor,
  needed: readonly number[],
  found: readonly number[],
): EspalierError {
  return new EspalierError(
    'corrupt-file',
    `The tensor ${stored.name} is ${found.join(' x ')}, and by config.json it should be ` +
      `${needed.join(' x ')}.`,
    'Get the files of the model again, all from one place.',
  );
}

function attributeOf(name: string, value: AttributeValue): Attribute {
  if (typeof value === 'number') return { name, kind: 'int', value };
  if (typeof value === 'string')
    return { name, kind: 'string', value: new TextEncoder().encode(value) };
  if ('float' in value) return { name, kind: 'float', value: Math.fround(value.float) };
  return { name, kind: 'ints', value };
}
