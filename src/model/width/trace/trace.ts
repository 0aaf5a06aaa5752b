// Follows the groups or channels of one half of a block from the products that make them to the
// product that reads them, and collects what has to change so that some of them can go.

import { EspalierError } from '../../../errors.ts';
import { type Graph, intAttribute, type Node } from '../../../onnx/graph.ts';
import { operatorName } from '../../../onnx/operators.ts';
import { remembered } from '../../structure/remembered.ts';
import type { Structure } from '../../structure/structure.ts';
import { constantAxis } from './constants.ts';
import type { Edit } from './edits.ts';
import { type Label, type Owners, sameOwners } from './label.ts';
import { RULES } from './rules.ts';
import type { Entry, Size } from './size.ts';
import { type KnownSizes, knownSizes } from './sizes.ts';
import type { Tracing } from './tracing.ts';

/** Of a structure's graph. */
export const sizesOf: (structure: Structure) => KnownSizes = remembered(({ graph }) =>
  knownSizes(graph),
);

/** Products by the owner of each column that they make, and by that of each that they read. */
export interface Ends {
  makes: ReadonlyMap<Node, Owners>;
  reads: ReadonlyMap<Node, Owners>;
}

export interface Traced {
  edits: readonly Edit[];
  /** Values that hold groups or channels. */
  labels: ReadonlyMap<string, Label>;
}

/**
 * @throws EspalierError `unsupported-graph` naming the first node through which the groups or
 *   channels of the block cannot be followed
 */
export function trace(structure: Structure, block: number, ends: Ends): Traced {
  const run = new Trace(structure, block);
  run.follow(ends);
  return { edits: run.edits, labels: run.labels };
}

class Trace implements Tracing {
  readonly edits: Edit[] = [];
  readonly labels = new Map<string, Label>();
  private readonly structure: Structure;
  private readonly graph: Graph;
  private readonly block: number;
  private readonly sizes: KnownSizes;

  constructor(structure: Structure, block: number) {
    this.structure = structure;
    this.graph = structure.graph;
    this.block = block;
    this.sizes = sizesOf(structure);
  }

  follow({ makes, reads }: Ends): void {
    const { graph, region } = this.structure;
    const missed = new Set(reads.keys());
    for (const [position, node] of graph.nodes.entries()) {
      const made = makes.get(node);
      const read = reads.get(node);
      if (made) this.make(node, made);
      else if (read) {
        missed.delete(node);
        this.read(node, read);
      } else if (node.inputs.some((value) => this.labels.has(value))) {
        if (region[position] !== this.block + 1 && !/^(Shape|Size)$/.test(node.op))
          throw this.refuse(node, 'it is outside of the block');
        const rule = RULES.get(node.op);
        if (!rule)
          throw this.refuse(node, 'groups and channels cannot be followed through this operator');
        const found = rule(node, this);
        node.outputs.forEach((value, k) => {
          const label = found[k];
          if (value !== '' && label) this.labels.set(value, label);
        });
      }
    }
    const [lost] = missed;
    if (lost) throw this.refuse(lost, 'what it reads was not found');
    this.declare();
  }

  label(value: string): Label | null {
    return this.labels.get(value) ?? null;
  }

  dims(node: Node, value: string): readonly Size[] {
    const dims = this.sizes.get(value)?.dims;
    if (!dims) throw this.refuse(node, `the dims of ${value} are not known`);
    return dims;
  }

  entries(node: Node, slot: number): readonly Entry[] | null {
    return this.sizes.get(node.inputs[slot] ?? '')?.content ?? null;
  }

  adapts(node: Node, slot: number, index: number): boolean {
    return this.follows(node.inputs[slot] ?? '', index);
  }

  private follows(value: string, index: number): boolean {
    const node = this.graph.nodes[this.structure.producer.get(value) ?? -1];
    if (!node) return false;
    const [first = ''] = node.inputs;
    const length = (input: string): number => this.sizes.get(input)?.content?.length ?? 1;
    switch (node.op) {
      case 'Shape':
        return this.label(first)?.axis === index + (intAttribute(node, 'start') ?? 0);
      case 'Concat': {
        let from = 0;
        for (const input of node.inputs) {
          if (index < from + length(input)) return this.follows(input, index - from);
          from += length(input);
        }
        return false;
      }
      case 'Gather': {
        const picked = this.ints(node, '', 1)?.[index] ?? 0;
        return this.follows(first, picked < 0 ? picked + length(first) : picked);
      }
      case 'Slice': {
        const from = this.ints(node, '', 1)?.[0] ?? 0;
        return this.follows(first, index + (from < 0 ? from + length(first) : from));
      }
      default:
        return node.inputs.some((input) => this.follows(input, length(input) === 1 ? 0 : index));
    }
  }

  ints(node: Node, name: string, slot: number): readonly number[] | null {
    const attribute = node.attributes.get(name);
    if (attribute?.kind === 'ints') return attribute.value;
    const sizes = this.entries(node, slot)?.map(({ size }) => size);
    return sizes?.every((size) => typeof size === 'number') ? (sizes as number[]) : null;
  }

  edit(edit: Edit): void {
    this.edits.push(edit);
  }

  refuse(node: Node, why: string): EspalierError {
    const name = node.name || node.outputs[0];
    return new EspalierError(
      'unsupported-graph',
      `Block ${this.block} cannot be made narrower at ${operatorName(node)} (${name}): ${why}.`,
      'Remove whole blocks of this model in its place.',
    );
  }

  beside(node: Node, slot: number, axis: number, owners: Owners, rank?: number): void {
    const value = node.inputs[slot] ?? '';
    const label = this.label(value);
    const dims = this.cacheOf(value) ? null : this.dims(node, value);
    const own = rank === undefined || !dims ? axis : axis - rank + dims.length;
    if (label) {
      if (label.axis === own && sameOwners(label.owners, owners)) return;
      throw this.refuse(node, `${value} holds groups or channels in another order`);
    }
    if (!dims) {
      for (const name of this.cacheOf(value)!) this.labels.set(name, { axis: own, owners });
      return;
    }
    const size = own < 0 ? 1 : dims[own];
    if (size === 1) return;
    if (size !== owners.length) throw this.refuse(node, `the dims of ${value} are not known`);
    if (this.structure.constants.has(value)) this.slice(node, slot, own, owners, true);
    else this.edit({ kind: 'gather', node, slot, axis: own, owners });
  }

  /** The cache of this block that a value is, and the values on the way to it. */
  private cacheOf(value: string): string[] | null {
    const { blocks, producer } = this.structure;
    if (blocks[this.block]!.states.some(({ input }) => input === value)) return [value];
    const node = this.graph.nodes[producer.get(value) ?? -1];
    if (node?.op !== 'Cast' && node?.op !== 'Identity') return null;
    const source = this.cacheOf(node.inputs[0] ?? '');
    return source && [...source, value];
  }

  private slice(node: Node, slot: number, axis: number, owners: Owners, bias: boolean): void {
    const value = node.inputs[slot] ?? '';
    const { producer, graph } = this.structure;
    const found = constantAxis(graph, (x) => graph.nodes[producer.get(x) ?? -1], value, axis);
    if (!found || found.tensor.dims[found.axis] !== owners.length)
      throw this.refuse(node, `the rows and columns of ${value} are not stored as such`);
    this.edit({ kind: 'slice', node, slot, axis, owners, bias });
  }

  /** A product makes groups or channels: the columns of its matrix, and its bias. */
  private make(node: Node, owners: Owners): void {
    const [value = ''] = node.outputs;
    this.matrix(node, 'outputs', owners);
    const bias = node.op === 'MatMulNBits' ? 5 : 2;
    if (node.op !== 'MatMul' && node.op !== 'FusedMatMul' && node.inputs[bias])
      this.beside(node, bias, this.dims(node, node.inputs[bias]).length - 1, owners);
    this.labels.set(value, { axis: this.dims(node, value).length - 1, owners });
  }

  private read(node: Node, owners: Owners): void {
    const [value = ''] = node.inputs;
    const label = this.label(value);
    if (!label || label.axis !== this.dims(node, value).length - 1)
      throw this.refuse(node, 'what it reads was not found');
    if (!sameOwners(label.owners, owners))
      throw this.refuse(node, 'it reads groups or channels in another order than they are counted');
    this.matrix(node, 'inputs', owners);
  }

  private matrix(node: Node, along: 'inputs' | 'outputs', owners: Owners): void {
    if (node.op === 'MatMulNBits') {
      if (node.inputs[4]) throw this.refuse(node, 'its columns are in groups (g_idx)');
      this.edit({ kind: 'few-bits', node, along: along === 'outputs' ? 'N' : 'K', owners });
      return;
    }
    const flag = (name: string): boolean => (intAttribute(node, name) ?? 0) !== 0;
    if (['transA', 'transBatchA', 'transBatchB'].some(flag))
      throw this.refuse(node, 'it turns its operands around');
    const turned = node.op !== 'MatMul' && flag('transB');
    this.slice(node, 1, (along === 'outputs') === turned ? 0 : 1, owners, false);
  }

  /** Declared dims of caches, of outputs and of values between. */
  private declare(): void {
    for (const [value, { axis, owners }] of this.labels)
      this.edit({ kind: 'declared', value, axis, owners });
  }
}
