// Gathers positions of values: from distinct positions to ordinary rows of tokens and back. Rows
// that begin alike share the positions of what they have in common.

import type { Model, Node, ValueInfo } from '../../../onnx/graph.ts';
import { DataType } from '../../../onnx/graph.ts';
import type { GatherIndex, ProgramInput } from '../program.ts';
import { int64Tensor, makeNode } from '../rewrites.ts';

/**
 * How positions lie in a value: `grid`, (B, T, W) or (1, N, W), or `flat`, one axis of them and the
 * width.
 */
export type Layout = 'grid' | 'flat';

const PREFIX = 'espalier/gather';

/** Name of the input that holds an index. */
const indexName = (which: GatherIndex): string => `${PREFIX}/${which}`;

/** Adds gathers to the graph of a program. */
export class Gatherer {
  private readonly graph: Model['graph'];
  private readonly used = new Set<GatherIndex>();
  private readonly made = new Map<string, string>();
  /** Nodes so far, in the order in which they run. */
  readonly nodes: Node[] = [];

  constructor(graph: Model['graph']) {
    this.graph = graph;
  }

  /**
   * The positions that an index names. A value (., ., W) gets the dims of the index and W; a flat
   * one, (., W), gets those of the index on one axis.
   */
  gather(value: string, layout: Layout, which: GatherIndex): string {
    const key = `${value} ${layout} ${which}`;
    const known = this.made.get(key);
    if (known !== undefined) return known;
    const output = `${value}/${which}`;
    const flat = layout === 'flat' ? value : this.put('Flatten', [value], `${output}/flat`, 2);
    const index = layout === 'flat' ? this.flatIndex(which) : this.index(which);
    this.put('Gather', [flat, index], output, 0);
    this.made.set(key, output);
    return output;
  }

  /** The index itself, an int64 input of two axes. */
  index(which: GatherIndex): string {
    this.used.add(which);
    return indexName(which);
  }

  /** The inputs that were used, as the program and as its graph declare them. */
  inputs(): { program: ProgramInput; info: ValueInfo }[] {
    return [...this.used].map((which) => ({
      program: { name: indexName(which), type: 'int64', source: { kind: 'gather', which } },
      info: { name: indexName(which), type: DataType.int64, dims: DIMS[which] },
    }));
  }

  private flatIndex(which: GatherIndex): string {
    const output = `${indexName(which)}/flat`;
    if (this.made.has(output)) return output;
    const shape = `${PREFIX}/one_axis`;
    this.graph.initializers.set(shape, int64Tensor(shape, [-1]));
    this.nodes.push(makeNode('Reshape', [this.index(which), shape], [output]));
    this.made.set(output, output);
    return output;
  }

  private put(op: string, inputs: string[], output: string, axis: number): string {
    this.nodes.push(makeNode(op, inputs, [output], { axis }));
    return output;
  }
}

const DIMS: Record<GatherIndex, ValueInfo['dims']> = {
  rows: ['rows', 'tokens'],
  nodes: [1, 'nodes'],
  predicting: [1, 'predicting'],
};
