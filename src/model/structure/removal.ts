// A removal as a value: what leaves a model, what stays and how that is renumbered. Worked out
// once, then shared by the code that writes it, counts it and describes it.

import { type Sublayer, sublayerUnit, type Unit } from '../../units.ts';
import type { Parting } from './parted.ts';
import { cachePlaces, stateNames } from './removeCaches.ts';
import { type GraphRemoval, graphRemoval } from './removeGraph.ts';
import type { Structure } from './structure.ts';

/** A block that stays, and what it is made of. */
interface RemainingBlock {
  /** Its number before the removal. */
  block: number;
  sublayers: Sublayer[];
}

/** A block that stays, and the numbers of its caches; null without a cache of its own. */
interface Renumbering {
  block: number;
  newBlock: number;
  state: number | null;
  newState: number | null;
}

export interface Removal extends GraphRemoval {
  /** In order: the k-th is block k afterwards. */
  remaining: RemainingBlock[];
  /** True when every block that stays has attention and feed-forward. */
  complete: boolean;
  /**
   * Which of the layers that configs count (the blocks that have attention, `before`) stay, by
   * their position.
   */
  keptLayers: number[];
  /**
   * Blocks with attention take the cache numbers of the first such blocks, in order: gaps between
   * the numbers of a hybrid's states stay where they are.
   */
  renumbering: Renumbering[];
  /** New names of graph inputs and outputs, where they change. */
  names: ReadonlyMap<string, string>;
  /** Where the blocks are afterwards, for the metadata of the graph. */
  parting: Parting;
}

const SUBLAYERS: readonly Sublayer[] = ['attn', 'ffn'];

/**
 * What removing the units (in the numbering of the model, in any order) comes to. Both sublayers of
 * a block are the block.
 * @throws EspalierError `bad-input` for units that are not there or too many of them,
 *   `unsupported-graph` when the removal cannot be exact
 */
export function planRemoval(structure: Structure, removed: readonly Unit[]): Removal {
  const found = graphRemoval(structure, removed);
  const { units, before, after, replace, hidden } = found;
  const remaining = remainingBlocks(structure, units);
  const kept = new Set(after);
  const places = cachePlaces(found);
  const names = new Map([...stateNames(found, found.lone), ...hidden.names]);
  const ends = remaining.map(({ block }) => structure.blocks[block]!.output);
  return {
    ...found,
    remaining,
    complete: remaining.every(({ sublayers }) => sublayers.length === SUBLAYERS.length),
    keptLayers: before.flatMap((block, k) => (kept.has(block) ? [k] : [])),
    renumbering: remaining.map(({ block }, newBlock) => {
      const { lacks, stateIndex } = structure.blocks[block]!;
      return {
        block,
        newBlock,
        state: lacks === 'attn' || stateIndex < 0 ? null : stateIndex,
        newState: places.get(structure.blocks[block]!) ?? null,
      };
    }),
    names,
    parting: {
      cuts: [structure.cuts[0]!, ...ends.map((end) => replace.get(end) ?? end)].map(
        (cut) => names.get(cut) ?? cut,
      ),
      parts: remaining.map(({ sublayers }) => sublayers),
    },
  };
}

function remainingBlocks(structure: Structure, units: readonly Unit[]): RemainingBlock[] {
  const gone = new Set(units);
  return structure.blocks
    .filter(({ index }) => !gone.has(index))
    .map(({ index, lacks }) => ({
      block: index,
      sublayers: SUBLAYERS.filter(
        (sublayer) => sublayer !== lacks && !gone.has(sublayerUnit(index, sublayer)),
      ),
    }));
}
