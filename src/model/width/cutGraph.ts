// A graph while groups and channels are cut out of it: nodes, stored tensors and declared dims as
// they become.

import { EspalierError } from '../../errors.ts';
import { derive } from '../../onnx/bytes.ts';
import {
  type Attribute,
  DataType,
  elementBits,
  elementCount,
  type Graph,
  type Node,
  type Tensor,
  type ValueInfo,
} from '../../onnx/graph.ts';
import { narrowed } from '../../onnx/half.ts';
import { refuseHalf } from '../../onnx/transforms.ts';
import { int64Tensor, makeNode } from '../programs/rewrites.ts';
import type { Structure } from '../structure/structure.ts';
import { cutFewBits } from './fewBits.ts';
import { type Form, taken } from './taken.ts';
import { type ConstantAxis, constantAxis } from './trace/constants.ts';
import type { Edit } from './trace/edits.ts';
import { keptPositions, type Owners } from './trace/label.ts';
import { product } from './trace/size.ts';
import { sizesOf } from './trace/trace.ts';

export class CutGraph {
  private readonly structure: Structure;
  private readonly drafts = new Map<Node, Node>();
  private readonly before = new Map<Node, Node[]>();
  private readonly behind = new Map<Node, Node[]>();
  private readonly tensors: Map<string, Tensor>;
  private readonly declared: Map<string, { axis: number; size: number }>;
  private readonly names: Set<string>;
  /** What was made once, by what it is made of. */
  private readonly made = new Map<string, string>();
  /** New tensors, and the stored one that each takes the place of. */
  private readonly replaced = new Map<string, string>();

  constructor(structure: Structure) {
    const { graph } = structure;
    this.structure = structure;
    this.tensors = new Map(graph.initializers);
    this.declared = new Map();
    this.names = new Set([
      ...graph.initializers.keys(),
      ...graph.inputs.map(({ name }) => name),
      ...graph.nodes.flatMap(({ outputs }) => outputs),
    ]);
  }

  /** @param gone what goes @throws EspalierError `unsupported-graph` as `cutFewBits` */
  apply(edit: Edit, gone: ReadonlySet<number>): void {
    const kept = (owners: Owners): number[] => keptPositions(owners, gone);
    switch (edit.kind) {
      case 'slice': {
        const draft = this.draft(edit.node);
        const value = draft.inputs[edit.slot] ?? '';
        draft.inputs[edit.slot] = this.sliced(value, edit.axis, kept(edit.owners));
        return;
      }
      case 'gather': {
        const draft = this.draft(edit.node);
        const value = draft.inputs[edit.slot] ?? '';
        const result = this.unique(`${value}/narrow`);
        this.insert(this.before, edit.node, {
          op: 'Gather',
          inputs: [value, this.integers(kept(edit.owners))],
          output: result,
          attributes: { axis: edit.axis },
        });
        draft.inputs[edit.slot] = result;
        return;
      }
      case 'sizes':
        this.sizes(
          edit.node,
          edit.slot,
          edit.entries.map(({ index, owners }) => ({ index, size: kept(owners).length })),
        );
        return;
      case 'attribute':
        setInt(this.draft(edit.node), edit.name, kept(edit.owners).length);
        return;
      case 'split':
        this.split(
          edit.node,
          edit.parts.map((owners) => kept(owners).length),
        );
        return;
      case 'few-bits':
        this.fewBits(edit, gone);
        return;
      case 'declared':
        this.declared.set(edit.value, { axis: edit.axis, size: kept(edit.owners).length });
    }
  }

  /** Adds a vector to the result of a node. @param bias one number for each column */
  addBehind(node: Node, bias: Float32Array): void {
    const draft = this.draft(node);
    const [value = ''] = draft.outputs;
    const product = this.unique(`${value}/without_bias`);
    draft.outputs[0] = product;
    const half = this.structure.typeOf(value) === DataType.float16;
    const full = new Uint8Array(bias.slice().buffer);
    const name = this.unique(`${value}/bias`);
    const data = half ? narrowed(full, (x) => refuseHalf(name, x)) : full;
    const type = half ? DataType.float16 : DataType.float;
    this.tensors.set(name, {
      name,
      type,
      dims: [bias.length],
      data: derive('as-they-are', [data], name),
    });
    this.insert(this.behind, node, { op: 'Add', inputs: [product, name], output: value });
  }

  /** Stored tensors that nothing reads any more are still there. */
  result(): { graph: Graph; origins: number[] } {
    const { graph } = this.structure;
    const placed = graph.nodes.flatMap((node, position) => {
      const made = (one: Node) => ({ node: one, origin: -1 });
      return [
        ...(this.before.get(node) ?? []).map(made),
        { node: this.drafts.get(node) ?? node, origin: position },
        ...(this.behind.get(node) ?? []).map(made),
      ];
    });
    const nodes = placed.map(({ node }) => node);
    const names = this.kept(nodes);
    const initializers = new Map(this.tensors);
    for (const [name, original] of names) {
      initializers.set(original, { ...this.tensors.get(name)!, name: original });
      initializers.delete(name);
    }
    const declared = (info: ValueInfo): ValueInfo => this.declaration(info);
    const edited = {
      ...graph,
      nodes: nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map((value) => names.get(value) ?? value),
      })),
      initializers,
      inputs: graph.inputs.map(declared),
      outputs: graph.outputs.map(declared),
      valueInfo: new Map([...graph.valueInfo].map(([name, info]) => [name, declared(info)])),
    };
    return { graph: edited, origins: placed.map(({ origin }) => origin) };
  }

  /** A stored tensor keeps its name where nothing reads it whole any more. */
  private kept(nodes: readonly Node[]): Map<string, string> {
    const read = new Set(nodes.flatMap(({ inputs }) => inputs));
    const taken = new Set<string>();
    const names = new Map<string, string>();
    for (const [name, original] of this.replaced) {
      if (read.has(original) || taken.has(original)) continue;
      taken.add(original);
      names.set(name, original);
    }
    return names;
  }

  private declaration(info: ValueInfo): ValueInfo {
    const change = this.declared.get(info.name);
    if (!change || typeof info.dims?.[change.axis] !== 'number') return info;
    return { ...info, dims: info.dims.with(change.axis, change.size) };
  }

  private sliced(value: string, axis: number, kept: readonly number[]): string {
    const { graph, producer } = this.structure;
    const found = constantAxis(graph, (x) => graph.nodes[producer.get(x) ?? -1], value, axis);
    if (!found) throw new EspalierError('bug', `${value} is no stored tensor.`);
    const key = `${value} ${axis} ${kept.join()}`;
    const known = this.made.get(key);
    if (known !== undefined) return known;
    const name = this.slicedTensor(found, kept);
    let last = name;
    for (const node of found.nodes) {
      const output = this.unique(`${node.outputs[0]}/narrow`);
      const copy = { ...node, name: output, inputs: [last], outputs: [output] };
      this.before.set(node, [...(this.before.get(node) ?? []), copy]);
      last = output;
    }
    this.made.set(key, last);
    return last;
  }

  private slicedTensor({ tensor, axis }: ConstantAxis, kept: readonly number[]): string {
    const bits = elementBits(tensor.type);
    if (bits === null) throw new EspalierError('bug', `${tensor.name} holds no numbers.`);
    const { dims } = tensor;
    const form = {
      outer: elementCount(dims.slice(0, axis)),
      positions: dims[axis]!,
      bits: bits * elementCount(dims.slice(axis + 1)),
    };
    return this.without(tensor, form, kept, dims.with(axis, kept.length));
  }

  /** A new tensor with the positions that stay. */
  private without(
    { name, type, data }: Tensor,
    form: Form,
    kept: readonly number[],
    dims: readonly number[],
  ): string {
    const fresh = this.unique(`${name}.narrow`);
    const now = taken(data, form, kept, name);
    this.tensors.set(fresh, { name: fresh, type, dims, data: now });
    if (this.structure.graph.initializers.has(name)) this.replaced.set(fresh, name);
    return fresh;
  }

  /** Entries of an operand of sizes; those of one that is computed are taken in proportion. */
  private sizes(node: Node, slot: number, entries: { index: number; size: number }[]): void {
    const draft = this.draft(node);
    const value = draft.inputs[slot] ?? '';
    const content = sizesOf(this.structure).get(node.inputs[slot] ?? '')?.content ?? [];
    const numbers = content.map(({ size, live }) => (live ? null : size));
    if (value === node.inputs[slot] && numbers.every((size) => typeof size === 'number')) {
      const now = [...(numbers as number[])];
      for (const { index, size } of entries) now[index] = size;
      draft.inputs[slot] = this.integers(now);
      return;
    }
    const [now, before] = [content.map(() => 1), content.map(() => 1)];
    for (const { index, size } of entries) {
      now[index] = size;
      before[index] = product([content[index]!.size]).factor;
    }
    const all = this.unique(`${value}/times`);
    const result = this.unique(`${value}/narrow`);
    const step = (op: string, given: string, by: number[], output: string): void =>
      this.insert(this.before, node, { op, inputs: [given, this.integers(by)], output });
    step('Mul', value, now, all);
    step('Div', all, before, result);
    draft.inputs[slot] = result;
  }

  private split(node: Node, sizes: readonly number[]): void {
    const draft = this.draft(node);
    if (draft.attributes.has('split'))
      draft.attributes.set('split', { name: 'split', kind: 'ints', value: sizes });
    else {
      draft.attributes.delete('num_outputs');
      draft.inputs = [draft.inputs[0] ?? '', this.integers(sizes)];
    }
  }

  private fewBits(
    { node, along, owners }: Extract<Edit, { kind: 'few-bits' }>,
    gone: ReadonlySet<number>,
  ): void {
    const draft = this.draft(node);
    const slots = [1, 2, 3].filter((slot) => draft.inputs[slot]);
    const stored = slots.map((slot) => this.tensors.get(draft.inputs[slot]!) ?? null);
    const cut = cutFewBits(draft, stored, along, owners, gone);
    for (const [k, slot] of slots.entries()) {
      const value = draft.inputs[slot]!;
      const fresh = this.unique(`${value}.narrow`);
      this.tensors.set(fresh, { ...cut[k]!, name: fresh });
      const original = this.replaced.get(value) ?? value;
      this.replaced.delete(value);
      this.replaced.set(fresh, original);
      draft.inputs[slot] = fresh;
    }
    setInt(draft, along, keptPositions(owners, gone).length);
  }

  private draft(node: Node): Node {
    const draft = this.drafts.get(node) ?? {
      ...node,
      inputs: [...node.inputs],
      outputs: [...node.outputs],
      attributes: new Map(node.attributes),
    };
    this.drafts.set(node, draft);
    return draft;
  }

  private insert(
    place: Map<Node, Node[]>,
    node: Node,
    made: {
      op: string;
      inputs: string[];
      output: string;
      attributes?: Record<string, number>;
    },
  ): void {
    const { op, inputs, output, attributes } = made;
    const own = makeNode(op, inputs, [output], attributes);
    place.set(node, [...(place.get(node) ?? []), own]);
  }

  /** A vector of int64. */
  private integers(values: readonly number[]): string {
    const key = `int64 ${values.join()}`;
    const known = this.made.get(key);
    if (known !== undefined) return known;
    const name = this.unique('width/sizes');
    this.tensors.set(name, int64Tensor(name, values));
    this.made.set(key, name);
    return name;
  }

  private unique(stem: string): string {
    let name = stem;
    for (let k = 1; this.names.has(name); k++) name = `${stem}.${k}`;
    this.names.add(name);
    return name;
  }
}

function setInt(node: Node, name: string, value: number): void {
  node.attributes.set(name, { name, kind: 'int', value } satisfies Attribute);
}
