// What a removal takes out of the graph and what replaces it. A removal that could not be exact is
// refused.

import { EspalierError } from '../../errors.ts';
import { shortName } from '../../onnx/limits.ts';
import {
  blockOf,
  type SublayerUnit,
  sortUnits,
  sublayerOf,
  sublayerUnits,
  type Unit,
  wholeBlocks,
} from '../../units.ts';
import { bypassOf } from './bypass.ts';
import { type HiddenRemoval, hiddenRemoval } from './hiddenOutputs.ts';
import { lendingObstacle, listObstacle, missingBlock, unitObstacle } from './removable.ts';
import {
  type AttentionBlocks,
  attentionBlocks,
  type InnerOutputs,
  innerOutputs,
  lendersOf,
  removedStates,
  sizeSources,
  swappedState,
} from './removeCaches.ts';
import { type Rewiring, readerObstacle } from './removeReaders.ts';
import type { Structure } from './structure.ts';
import { feedForwardNodes, feedForwardState } from './sublayers.ts';

/** The part of a removal that concerns the graph alone. */
export interface GraphRemoval extends Rewiring, AttentionBlocks {
  /** What is removed, in the numbering of the model, sorted. */
  units: readonly Unit[];
  /** Inputs and outputs of the graph that go. */
  goneInputs: ReadonlySet<string>;
  goneOutputs: ReadonlySet<string>;
  /** Per block, graph outputs beside its states that come and go with it. */
  lone: InnerOutputs['lone'];
  /** Outputs of hidden states by block: which go, and new names of those that stay. */
  hidden: HiddenRemoval;
}

/** Why this set of units cannot be removed, as a sentence, or null when it can. */
export function removalObstacle(structure: Structure, removed: readonly Unit[]): string | null {
  try {
    graphRemoval(structure, removed, true);
    return null;
  } catch (error) {
    if (error instanceof EspalierError) return error.message;
    throw error;
  }
}

/**
 * @param alone true to ask about a block for itself: the only block of a model then counts as
 *   removable
 * @throws EspalierError `bad-input` for units that are not there or too many of them,
 *   `unsupported-graph` when the removal cannot be exact
 */
export function graphRemoval(
  structure: Structure,
  removed: readonly Unit[],
  alone = false,
): GraphRemoval {
  const n = structure.blocks.length;
  const units = sortUnits(removed);
  const gone = new Set(wholeBlocks(units));
  const sublayers = sublayerUnits(units);
  const only = alone && n === 1 && gone.size === 1;
  const wrong = only ? missingBlock(n, units) : listObstacle(n, units);
  if (wrong !== null) throw new EspalierError('bad-input', wrong, 'Choose other blocks.');
  refuse(sublayersObstacle(structure, sublayers));
  const { before, after } = attentionBlocks(structure, units);
  if (after.length === 0 && !only)
    throw new EspalierError(
      'bad-input',
      'No block would keep its attention: a graph without attention is not a decoder.',
      'Keep the attention of at least one block.',
    );

  refuse(lendingObstacle(lendersOf(structure), units), 'Remove them together, or keep this block.');
  const goes = goesWith(structure, gone, sublayers);
  refuse(leakObstacle(structure, goes));
  const states = removedStates({ before, after });
  const goneInputs = new Set(states.map((state) => state.input));
  refuse(swappedState(structure, goneInputs, goes));
  const replace = replacements(structure, gone, sublayers);
  const hidden = hiddenRemoval(structure, gone);
  refuse(outputObstacle(structure, goneInputs, replace, hidden.gone));
  const { lone, kept } = innerOutputs(structure);
  const made = (value: string): boolean => goes(structure.producer.get(value) ?? -1);
  const inner = kept.find(({ name }) => made(name));
  if (inner)
    refuse(`The graph output ${inner.name} is computed inside block ${inner.block} and must stay.`);
  const sizeOf = sizeSources(structure, states, after);
  refuse(readerObstacle(structure, { goes, replace, sizeOf }, after.length === 0));
  const outputs = [
    ...states.map((state) => state.output),
    ...[...lone.values()].flat().filter(made),
    ...hidden.gone,
  ];
  return {
    units,
    before,
    after,
    goes,
    replace,
    sizeOf,
    goneInputs,
    goneOutputs: new Set(outputs),
    lone,
    hidden,
  };
}

/** @throws EspalierError `unsupported-graph` when there is an obstacle */
export function refuse(
  obstacle: string | null,
  hint = 'Keep this block, or export the model without that output or connection.',
): void {
  if (obstacle !== null) throw new EspalierError('unsupported-graph', obstacle, hint);
}

/** Sublayers that cannot be separated, or that have states which attention does not own. */
function sublayersObstacle(
  structure: Structure,
  sublayers: readonly SublayerUnit[],
): string | null {
  const blocks = structure.blocks.map(({ mid, lacks }) => ({ hasSublayers: mid !== null, lacks }));
  for (const unit of sublayers) {
    const wrong = unitObstacle(blocks, unit);
    if (wrong !== null) return wrong;
    const { obstacle } = bypassOf(structure, unit);
    if (obstacle !== null) return obstacle;
    const state = feedForwardState(structure, blockOf(unit));
    if (state)
      return (
        `The feed-forward of block ${blockOf(unit)} has a state of its own (${state.input}), ` +
        'which shares its number with the attention.'
      );
  }
  return null;
}

function goesWith(
  structure: Structure,
  gone: ReadonlySet<number>,
  sublayers: readonly SublayerUnit[],
): (position: number) => boolean {
  const behind = sublayers.length > 0 ? feedForwardNodes(structure) : null;
  const partial = new Map(
    sublayers.map((unit) => [blockOf(unit), sublayerOf(unit) === 'ffn' ? 1 : 0]),
  );
  return (position) => {
    const r = structure.region[position] ?? 0;
    if (r < 1 || r > structure.blocks.length) return false;
    return gone.has(r - 1) || (behind !== null && partial.get(r - 1) === behind[position]);
  };
}

/** A value that would be removed although something outside the removed blocks reads it. */
function leakObstacle(
  { blocks, leaks, producer }: Structure,
  goes: (position: number) => boolean,
): string | null {
  const n = blocks.length;
  const leak = leaks.find(
    ({ value, from, reader }) =>
      from >= 1 && from <= n && goes(producer.get(value) ?? -1) && !goes(reader),
  );
  if (!leak) return null;
  const { value, from, to } = leak;
  return `The value ${value} of block ${from - 1} is used ${regionName(to, n)} too.`;
}

function regionName(region: number, numBlocks: number): string {
  if (region === 0) return 'before the first block';
  return region > numBlocks ? 'after the last block' : `by block ${region - 1}`;
}

/**
 * Boundary after a removed block -> boundary before it, transitively; sublayers as their bypass
 * says.
 */
function replacements(
  structure: Structure,
  gone: ReadonlySet<number>,
  sublayers: readonly SublayerUnit[],
): Map<string, string> {
  const direct = new Map<string, string>();
  for (const b of gone) direct.set(structure.blocks[b]!.output, structure.blocks[b]!.input);
  for (const unit of sublayers)
    for (const [from, to] of bypassOf(structure, unit).replace) direct.set(from, to);
  const resolved = new Map<string, string>();
  for (const from of direct.keys()) {
    let to = from;
    for (let next = direct.get(to); next !== undefined; next = direct.get(to)) to = next;
    resolved.set(from, to);
  }
  return resolved;
}

/** A graph output that the removal would take away or replace. */
function outputObstacle(
  structure: Structure,
  goneInputs: ReadonlySet<string>,
  replace: ReadonlyMap<string, string>,
  gone: ReadonlySet<string>,
): string | null {
  for (const { name } of structure.graph.outputs) {
    if (gone.has(name)) continue;
    if (goneInputs.has(name))
      return `The cache input ${shortName(name)} is also a graph output and must stay.`;
    if (replace.has(name))
      return (
        `The graph output ${name} is the residual stream after ` +
        `${boundaryOwner(structure, name)} and must stay.`
      );
  }
  return null;
}

function boundaryOwner(structure: Structure, value: string): string {
  const block = structure.blocks.find((b) => b.output === value || b.mid === value);
  if (block?.mid === value) return `the attention of block ${block.index}`;
  const region = structure.region[structure.producer.get(value) ?? -1] ?? 0;
  return `block ${block?.index ?? region - 1}`;
}
