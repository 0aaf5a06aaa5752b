// What a removal does to caches and states: which are removed, which others provide a size that is
// still read, and how the rest are renumbered.

import { blockOf, sublayerOf, type Unit } from '../../units.ts';
import { hiddenOutputs } from './hiddenOutputs.ts';
import { parseStateName, renumbered } from './kv.ts';
import { remembered } from './remembered.ts';
import type { Block, StatePair, Structure } from './structure.ts';

/** Blocks that have attention, and with it caches. */
export interface AttentionBlocks {
  before: readonly Block[];
  /** What is left of them: the k-th takes the cache numbers of the k-th before. */
  after: readonly Block[];
}

export function attentionBlocks(structure: Structure, units: readonly Unit[]): AttentionBlocks {
  const gone = new Set(units.filter((unit) => sublayerOf(unit) !== 'ffn').map(blockOf));
  const before = structure.blocks.filter((block) => block.lacks !== 'attn');
  return { before, after: before.filter((block) => !gone.has(block.index)) };
}

export function removedStates({ before, after }: AttentionBlocks): StatePair[] {
  const keeping = new Set(after);
  return before.filter((block) => !keeping.has(block)).flatMap((block) => block.states);
}

/** Per block, the blocks that read its cache. */
export const lendersOf = remembered(({ blocks }): { borrowers: readonly number[] }[] => {
  const lenders = blocks.map((): { borrowers: number[] } => ({ borrowers: [] }));
  for (const { index, borrows } of blocks)
    if (borrows !== null) lenders[borrows]!.borrowers.push(index);
  return lenders;
});

/** For each removed cache input one of its kind that stays, or null where none does. */
export function sizeSources(
  structure: Structure,
  gone: readonly StatePair[],
  after: readonly Block[],
): Map<string, string | null> {
  const twins = new Map<string, string | null>();
  const sources = new Map<string, string | null>();
  for (const { input } of gone) {
    const kind = kindOf(structure, input);
    const twin = twins.get(kind) ?? firstOfKind(structure, kind, after);
    twins.set(kind, twin);
    sources.set(input, twin);
  }
  return sources;
}

function firstOfKind(structure: Structure, kind: string, blocks: readonly Block[]): string | null {
  for (const { states } of blocks)
    for (const { input } of states) if (kindOf(structure, input) === kind) return input;
  return null;
}

/**
 * What is wrong when what is removed makes the next state of a block that stays, or the other way
 * round: the outputs are swapped.
 */
export function swappedState(
  structure: Structure,
  goneInputs: ReadonlySet<string>,
  goes: (position: number) => boolean,
): string | null {
  const swapped = statesMadeElsewhere(structure).find(
    ({ input, position }) => goes(position) !== goneInputs.has(input),
  );
  if (!swapped) return null;
  const { block, input, output, maker } = swapped;
  return (
    `Block ${block} reads the cache ${input}, but its next value ${output} is made by block ` +
    `${maker}.`
  );
}

interface StateMadeElsewhere extends Pick<StatePair, 'input' | 'output'> {
  block: number;
  /** The block that makes the next value. */
  maker: number;
  /** The node that makes it. */
  position: number;
}

const statesMadeElsewhere = remembered(({ blocks, region, producer }) => {
  const found: StateMadeElsewhere[] = [];
  for (const { index, states } of blocks) {
    for (const { input, output } of states) {
      const position = producer.get(output) ?? -1;
      const maker = (region[position] ?? 0) - 1;
      if (maker >= 0 && maker < blocks.length && maker !== index)
        found.push({ block: index, input, output, maker, position });
    }
  }
  return found;
});

/** Graph outputs made inside blocks that are neither states nor boundaries. */
export interface InnerOutputs {
  /** Present caches of a graph without past inputs, per block: they leave with what makes them. */
  lone: ReadonlyMap<number, readonly string[]>;
  /** Any other inner value that the graph gives out: what makes it must stay. */
  kept: readonly { name: string; block: number }[];
}

export const innerOutputs = remembered((structure): InnerOutputs => {
  const { graph, blocks, producer, region, cuts } = structure;
  // A present cache has one output in each block with attention of its own.
  const count = withOwnCache(attentionBlocks(structure, []).before).length;
  const taken = new Set([
    structure.logits,
    ...cuts,
    ...hiddenOutputs(structure).flatMap((group) => group.map(({ name }) => name)),
    ...blocks.flatMap((b) => b.states.map((s) => s.output)),
  ]);
  const kinds = new Map<string, Map<number, string>>();
  const kept: { name: string; block: number }[] = [];
  for (const { name } of graph.outputs) {
    const r = region[producer.get(name) ?? -1];
    if (taken.has(name) || r === undefined || r < 1 || r > blocks.length) continue;
    const key = kindOf(structure, name);
    const kind = kinds.get(key) ?? new Map<number, string>();
    if (kind.has(r - 1) || key === name) kept.push({ name, block: r - 1 });
    kind.set(r - 1, name);
    kinds.set(key, kind);
  }
  const lone = new Map<number, string[]>();
  for (const kind of kinds.values()) {
    for (const [block, name] of kind)
      if (kind.size === count) lone.set(block, [...(lone.get(block) ?? []), name]);
      else kept.push({ name, block });
  }
  return { lone, kept };
});

/** Blocks that have keys and values, or states, of their own. */
function withOwnCache(blocks: readonly Block[]): Block[] {
  return blocks.filter(({ stateIndex }) => stateIndex >= 0);
}

/**
 * For each block that keeps a cache of its own, the block whose cache number it takes. Where
 * caches are numbered by layers, some of which have none (Mamba), it is the layer in its place;
 * else the next of those with a cache.
 */
export function cachePlaces({ before, after }: AttentionBlocks): Map<Block, number> {
  const own = withOwnCache(before);
  const byLayer =
    own.length < before.length && own.every((b) => b.stateIndex === before.indexOf(b));
  return new Map(
    withOwnCache(after).map((block, k) => [
      block,
      byLayer ? after.indexOf(block) : own[k]!.stateIndex,
    ]),
  );
}

/** New names of states and lone outputs, where they change. */
export function stateNames(
  blocks: AttentionBlocks,
  lone: InnerOutputs['lone'],
): Map<string, string> {
  const names = new Map<string, string>();
  const byState = new Map(blocks.before.map((block) => [block.stateIndex, block]));
  for (const [block, place] of cachePlaces(blocks)) {
    if (place === block.stateIndex) continue;
    for (const name of block.states.flatMap((state) => [state.input, state.output]))
      names.set(name, renumbered(name, place));
    for (const [j, name] of (lone.get(block.index) ?? []).entries()) {
      const twin = lone.get(byState.get(place)?.index ?? -1)?.[j] ?? name;
      names.set(name, renumbered(name, twin === name ? place : parseStateName(twin)!.index));
    }
  }
  for (const [from, to] of [...names]) if (from === to) names.delete(from);
  return names;
}

const kindsOf = remembered(() => new Map<string, string>());

/** What a state's name says besides its layer, or the name itself when it names no layer. */
function kindOf(structure: Structure, name: string): string {
  const known = kindsOf(structure);
  let kind = known.get(name);
  if (kind === undefined) {
    const k = parseStateName(name);
    kind = k ? `${k.prefix}\n${k.suffix}` : name;
    known.set(name, kind);
  }
  return kind;
}
