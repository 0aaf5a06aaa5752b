// A float32 graph as a float16 graph: weights and activations in float16, statistics, positions and
// what has no float16 kernel in float32 between as few Casts as possible. Reads no weight bytes.

import { subgraphs } from '../../onnx/captures.ts';
import {
  type Attribute,
  DataType,
  type Graph,
  type Model,
  type Node,
  type ValueInfo,
} from '../../onnx/graph.ts';
import { renameNode } from '../../onnx/rename.ts';
import { trimGraph } from '../../onnx/trim.ts';
import { withCutNames } from '../structure/parted.ts';
import { halfBranches } from './branches.ts';
import { constantOf, fullTensor, halfTensor, withConstant } from './constants.ts';
import { interfacePrecisions } from './interface.ts';
import { decidePrecisions, type Precision } from './precision.ts';
import { type Interface, wiresOf } from './wires.ts';

const TYPES: Readonly<Record<Precision, number>> = {
  half: DataType.float16,
  full: DataType.float,
};
const SUFFIX: Readonly<Record<Precision, string>> = { half: '_f16', full: '_f32' };

/**
 * The model in float16, with the same names, nodes and shapes; the given one stays as it is.
 * @param genai the folder is one of ONNX Runtime GenAI, whose caches and logits are float16
 * @throws EspalierError `bad-input` naming a constant that float16 cannot hold. Weights in files
 *   are held to it when they are read.
 */
export function toFloat16(model: Model, known: Interface, genai: boolean): Model {
  const rewriter = new Rewriter(model.graph, known, genai);
  const graph = trimGraph(rewriter.graph());
  return {
    ...model,
    graph,
    metadata: withCutNames(model.metadata, (name) => rewriter.native(name)),
  };
}

class Rewriter {
  private readonly source: Graph;
  private readonly wires;
  private readonly given;
  /** Embeddings that are fed as float32: read in float16 by all, so that every block is alike. */
  private readonly narrowed: string | null;
  private readonly precisions;
  private readonly names: Set<string>;
  private readonly nodes: Node[] = [];
  private readonly initializers: Graph['initializers'] = new Map();
  /**
   * Values that give their name to the graph output that is cast from them, or keep it for the
   * graph input that they are cast from.
   */
  private readonly renamed = new Map<string, string>();
  /** Precision and value to its name in that precision, where it is not the value's own. */
  private readonly versions = new Map<string, string>();
  /** The same for values that are yet to be cast: names of graph outputs. */
  private readonly promised = new Map<string, string>();

  constructor(source: Graph, known: Interface, genai: boolean) {
    this.source = source;
    this.wires = wiresOf(source, known);
    this.given = interfacePrecisions(source, this.wires, known, genai);
    this.narrowed = this.given.get(known.tokens) === 'full' ? known.tokens : null;
    const made = new Map(this.given);
    if (this.narrowed !== null) made.set(this.narrowed, 'half');
    this.precisions = decidePrecisions(this.wires, made);
    this.names = new Set([
      ...source.initializers.keys(),
      ...source.inputs.map(({ name }) => name),
      ...source.nodes.flatMap((node) => [
        ...node.outputs,
        ...subgraphs(node).flatMap((inner) => inner.nodes.flatMap(({ outputs }) => outputs)),
      ]),
    ]);
  }

  graph(): Graph {
    const { source, wires } = this;
    const inputs = new Set(source.inputs.map(({ name }) => name));
    if (this.narrowed !== null) {
      const name = this.unique(this.narrowed, 'half');
      this.renamed.set(this.narrowed, name);
      this.nodes.push(castOf(this.narrowed, name, DataType.float16));
    }
    for (const { name } of source.outputs) {
      const as = this.given.get(name);
      const value = wires.root(name);
      if (!as || wires.constants.has(value) || this.precisions.of(value) === as) continue;
      if (value === name && !inputs.has(name))
        this.renamed.set(name, this.unique(name, this.precisions.of(name)));
      this.promised.set(key(as, value), name);
    }
    for (const [name, tensor] of source.initializers) {
      const { full, half } = this.copies(name);
      const isFloat = tensor.type === DataType.float;
      if (!isFloat || full) this.initializers.set(name, fullTensor(wires, tensor, name));
      if (!isFloat || !half) continue;
      const as = full ? this.version('half', name) : name;
      this.initializers.set(as, { ...halfTensor(wires, tensor, name), name: as });
    }
    for (const node of source.nodes) this.rewrite(node);
    for (const { name } of source.outputs) this.output(name);
    return {
      ...source,
      nodes: this.nodes,
      initializers: this.initializers,
      inputs: source.inputs.map((info) => {
        const as = this.given.get(info.name);
        return as ? { ...info, type: TYPES[as] } : this.typed(info);
      }),
      outputs: source.outputs.map((info) => {
        const as = this.given.get(info.name);
        return as ? { ...info, type: TYPES[as] } : info;
      }),
      valueInfo: new Map(
        [...source.valueInfo.values()].map((info) => {
          const name = this.native(info.name);
          return [name, { ...this.typed(info), name }];
        }),
      ),
    };
  }

  /** The name under which the rewritten graph makes a value of the source. */
  native(value: string): string {
    const root = this.wires.root(value);
    return this.renamed.get(root) ?? root;
  }

  private rewrite(node: Node): void {
    const { wires, precisions } = this;
    if (wires.isNoop(node)) return;
    if (node.op === 'Constant') {
      this.constant(node);
      return;
    }
    const inputs = node.inputs.map((x, slot) => {
      const root = wires.root(x);
      const as = x && wires.isFloat(root) ? precisions.read(node, slot) : null;
      return as ? this.valueIn(root, as) : this.native(x);
    });
    const outputs = node.outputs.map((x) => this.renamed.get(x) ?? x);
    const made = node.outputs.find((x) => wires.isFloat(x));
    const as = made === undefined ? null : precisions.of(made);
    this.nodes.push({ ...this.retyped(node, as), inputs, outputs });
  }

  /** The node with attributes, and subgraphs, of its precision. */
  private retyped(node: Node, as: Precision | null): Node {
    const { wires } = this;
    if (subgraphs(node).length > 0) {
      const captured = new Map<string, string>();
      for (const x of wires.captured(node)) {
        const root = wires.root(x);
        captured.set(x, wires.isFloat(x) ? this.valueIn(root, as ?? 'full') : this.native(x));
      }
      const names = new Map([...captured].filter(([from, to]) => from !== to));
      if (as !== 'half') return renameNode(node, names);
      return halfBranches(node, (tensor, label) => halfTensor(wires, tensor, label), names);
    }
    const [output = ''] = node.outputs;
    if (node.op === 'ConstantOfShape' && wires.isFloat(output)) {
      const value = constantOf(node);
      const convert = as === 'half' ? halfTensor : fullTensor;
      return value ? withConstant(node, convert(wires, value, output)) : node;
    }
    if (node.op === 'Cast' && as === 'half') return castNode(node, DataType.float16);
    return node;
  }

  private constant(node: Node): void {
    const [output = ''] = node.outputs;
    const value = constantOf(node);
    if (!value) {
      this.nodes.push(node);
      return;
    }
    const { full, half } = this.copies(output);
    if (full) this.nodes.push(withConstant(node, fullTensor(this.wires, value, output)));
    if (!half) return;
    const as = full ? this.version('half', output) : output;
    const constant = withConstant(node, halfTensor(this.wires, value, output));
    this.nodes.push({ ...constant, name: full ? as : node.name, outputs: [as] });
  }

  /** Which copies of a constant there are; one that no float operator reads stays float32. */
  private copies(value: string): { full: boolean; half: boolean } {
    const wanted = this.precisions.wanted(value);
    return { half: wanted.has('half'), full: !wanted.has('half') || wanted.has('full') };
  }

  /** The name of a value in a precision; casts it when that is asked for first. */
  private valueIn(value: string, as: Precision): string {
    if (this.isStored(value)) {
      const { full, half } = this.copies(value);
      return full && half && as === 'half' ? this.version('half', value) : value;
    }
    if (this.precisions.of(value) === as) return this.native(value);
    const known = this.versions.get(key(as, value));
    if (known !== undefined) return known;
    const name = this.promised.get(key(as, value)) ?? this.unique(value, as);
    this.versions.set(key(as, value), name);
    this.nodes.push(castOf(this.native(value), name, TYPES[as]));
    return name;
  }

  /** An output that is not made under its own name: a cast that is still to come, or a copy. */
  private output(name: string): void {
    const as = this.given.get(name);
    if (!as) return;
    const found = this.valueIn(this.wires.root(name), as);
    if (found === name) return;
    this.nodes.push({
      ...castOf(found, name, TYPES[as]),
      op: 'Identity',
      attributes: new Map(),
    });
  }

  private isStored(value: string): boolean {
    return this.source.initializers.has(value) || this.constantNodes.has(value);
  }

  private get constantNodes(): ReadonlySet<string> {
    this.stored ??= new Set(
      this.source.nodes.filter(({ op }) => op === 'Constant').flatMap(({ outputs }) => outputs),
    );
    return this.stored;
  }
  private stored: Set<string> | null = null;

  private typed(info: ValueInfo): ValueInfo {
    if (info.type !== DataType.float) return info;
    if (this.isStored(info.name)) {
      const { full } = this.copies(info.name);
      return full ? info : { ...info, type: DataType.float16 };
    }
    return { ...info, type: TYPES[this.precisions.of(info.name)] };
  }

  private version(as: Precision, value: string): string {
    const known = this.versions.get(key(as, value));
    if (known !== undefined) return known;
    const name = this.unique(value, as);
    this.versions.set(key(as, value), name);
    return name;
  }

  private unique(value: string, as: Precision): string {
    let name = `${value}${SUFFIX[as]}`;
    while (this.names.has(name)) name += '_';
    this.names.add(name);
    return name;
  }
}

const key = (as: Precision, value: string): string => `${as} ${value}`;

function castNode(node: Node, type: number): Node {
  const to: Attribute = { name: 'to', kind: 'int', value: type };
  return { ...node, attributes: new Map(node.attributes).set('to', to) };
}

function castOf(from: string, to: string, type: number): Node {
  const node: Node = {
    name: `${to}_cast`,
    op: 'Cast',
    domain: '',
    inputs: [from],
    outputs: [to],
    attributes: new Map(),
  };
  return castNode(node, type);
}
