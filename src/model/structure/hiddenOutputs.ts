// Graph outputs that give the residual stream between blocks, one for each boundary
// (`output_hidden_states`), and what a removal makes of them.

import { parseStateName, renumbered } from './kv.ts';
import type { Structure } from './structure.ts';

/** Operators between a boundary and an output of its value. */
const PASSING_OPS: ReadonlySet<string> = new Set(['Identity', 'Cast']);

/** An output of hidden states. */
interface HiddenOutput {
  name: string;
  /** Number in the name. */
  index: number;
  /** The block after which it is taken, -1 after the embedding; N after the final norm. */
  after: number;
}

export interface HiddenRemoval {
  /** Outputs that go. */
  gone: ReadonlySet<string>;
  /** New names of those that stay, where they change. */
  names: ReadonlyMap<string, string>;
}

const known = new WeakMap<Structure, HiddenOutput[][]>();

/** All outputs that are hidden states by block: N or N + 1 of one name that differ by a number. */
export function hiddenOutputs(structure: Structure): HiddenOutput[][] {
  let found = known.get(structure);
  if (!found) {
    found = findGroups(structure);
    known.set(structure, found);
  }
  return found;
}

function findGroups(structure: Structure): HiddenOutput[][] {
  const n = structure.blocks.length;
  const groups = new Map<string, HiddenOutput[]>();
  for (const { name } of structure.graph.outputs) {
    const parsed = parseStateName(name);
    if (!parsed || name === structure.logits) continue;
    const after = placeOf(structure, name);
    if (after === null) continue;
    const key = `${parsed.prefix}\n${parsed.suffix}`;
    const group = groups.get(key) ?? [];
    group.push({ name, index: parsed.index, after });
    groups.set(key, group);
  }
  return [...groups.values()].flatMap((group) => {
    group.sort((a, b) => a.after - b.after);
    // A list that ends after the final norm has nothing after the last block.
    const normed = group.at(-1)?.after === n && group.at(-2)?.after === n - 2;
    const steady = group.every(({ after, index }, k) => {
      const before = group[k - 1];
      if (!before) return true;
      const step = normed && k === group.length - 1 ? 2 : 1;
      return index === before.index + 1 && after === before.after + step;
    });
    const complete = group.length === n || group.length === n + 1;
    return complete && steady ? [group] : [];
  });
}

/** The block after which an output is taken, or null when it is no residual stream. */
function placeOf(
  { graph, cuts, producer, region, content, blocks }: Structure,
  name: string,
): number | null {
  let value = name;
  for (let step = 0; step < 4; step++) {
    const boundary = cuts.indexOf(value);
    if (boundary >= 0) return boundary - 1;
    const node = graph.nodes[producer.get(value) ?? -1];
    if (!node) return null;
    if (!PASSING_OPS.has(node.op))
      return region[producer.get(value)!] === blocks.length + 1 && content.has(value)
        ? blocks.length
        : null;
    value = node.inputs[0] ?? '';
  }
  return null;
}

/**
 * Outputs after blocks that go leave with them; the rest are numbered through. Where the end of
 * the model has no output of its own, or one after the final norm, the last remaining block has
 * none either.
 * @param gone blocks that are removed.
 */
export function hiddenRemoval(structure: Structure, gone: ReadonlySet<number>): HiddenRemoval {
  const left = new Set<string>();
  const names = new Map<string, string>();
  const n = structure.blocks.length;
  const lastKept = structure.blocks.findLastIndex(({ index }) => !gone.has(index));
  for (const group of hiddenOutputs(structure)) {
    const ended = group.some(({ after }) => after === n - 1);
    const stays = group.filter(
      ({ after }) =>
        after < 0 || after === n || (!gone.has(after) && (ended || after !== lastKept)),
    );
    const kept = new Set(stays);
    for (const output of group) if (!kept.has(output)) left.add(output.name);
    for (const [k, { name }] of stays.entries()) {
      const to = renumbered(name, group[k]!.index);
      if (to !== name) names.set(name, to);
    }
  }
  return { gone: left, names };
}
