// Blocks that read the keys and values of an earlier block are cut out with the nodes that compute
// them from the residual stream before that block. The state between programs carries that stream
// along: (B, S, C (1 + m)) for m such blocks, the residual stream first.

import type { Node } from '../../onnx/graph.ts';
import { renameNode } from '../../onnx/rename.ts';
import { lendersOf } from '../structure/removeCaches.ts';
import type { Structure } from '../structure/structure.ts';
import { int64Tensor, makeNode } from './rewrites.ts';
import type { Subgraph } from './subgraph.ts';

/** What state programs pass on besides the residual stream. */
export interface Carry {
  /** Residual streams in a state: 1 without shared caches. */
  streams: number;
  /** Values of the residual stream that a block reads, its own first. */
  read(block: number): string[];
  /** True for a node that computes keys and values which a block borrows. */
  borrowed(block: number, position: number): boolean;
  /**
   * Makes a subgraph from one residual stream to another one from state to state; its input and
   * output keep their names.
   * @param block the block that the subgraph belongs to, null for embedding and head.
   */
  pack(subgraph: Subgraph, ends: { block: number | null; input?: string; output?: string }): void;
}

/** @param width C, the width of the residual stream. */
export function carryOf(structure: Structure, width: number): Carry {
  const { blocks, region, producer } = structure;
  const lenders = lendersOf(structure).flatMap(({ borrowers }, b) =>
    borrowers.length > 0 ? [b] : [],
  );
  const streams = 1 + lenders.length;
  const lenderOf = (block: number): number | null => blocks[block]?.borrows ?? null;
  const inputOf = (block: number): string => blocks[block]!.input;
  return {
    streams,
    read: (block) => {
      const lender = lenderOf(block);
      return [inputOf(block), ...(lender === null ? [] : [inputOf(lender)])];
    },
    borrowed: (block, position) => {
      const lender = lenderOf(block);
      return (
        lender !== null &&
        position !== producer.get(inputOf(block)) &&
        (region[position] === lender + 1 || structure.copyable(lender, position))
      );
    },
    pack: (subgraph, { block, input, output }) => {
      if (streams === 1) return;
      const before: Node[] = [];
      const after: Node[] = [];
      const names = new Map<string, string>();
      const taken = new Map<number, string>();
      /** The k-th stream of the state that comes in. */
      const stream = (k: number, to = streamName(input ?? '', k)): string => {
        const known = taken.get(k);
        if (known !== undefined) return known;
        taken.set(k, to);
        const bounds = [k * width, (k + 1) * width, -1].map((value) => {
          const name = `espalier/bound/${value}`;
          subgraph.initializers.set(name, int64Tensor(name, [value]));
          return name;
        });
        before.push(makeNode('Slice', [input ?? '', ...bounds], [to]));
        return to;
      };
      if (input !== undefined) names.set(input, stream(0));
      const lender = block === null ? null : lenderOf(block);
      if (lender !== null) names.set(inputOf(lender), stream(1 + lenders.indexOf(lender)));
      if (output !== undefined) {
        const own = streamName(output, 0);
        names.set(output, own);
        const rest = lenders.map((carrier, j) => {
          if (input === undefined) return own;
          return carrier === block ? stream(0) : stream(j + 1);
        });
        after.push(makeNode('Concat', [own, ...rest], [output], { axis: -1 }));
      }
      subgraph.nodes = [
        ...before,
        ...subgraph.nodes.map((node) => renameNode(node, names)),
        ...after,
      ];
      const inputs = subgraph.inputs.filter((value) => !names.has(value));
      subgraph.inputs = input === undefined ? inputs : [input, ...inputs];
    },
  };
}

const streamName = (value: string, k: number): string => `${value}/stream/${k}`;
