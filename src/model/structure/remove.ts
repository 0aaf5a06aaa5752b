// Takes blocks, or halves of blocks, out of a decoder graph exactly; must leave the given structure
// untouched and refuse what it cannot do exactly.

import { EspalierError } from '../../errors.ts';
import { capturesOf, dependencies, subgraphs } from '../../onnx/captures.ts';
import { checkGraph } from '../../onnx/check.ts';
import type { Graph, Model, Node } from '../../onnx/graph.ts';
import { shown } from '../../onnx/limits.ts';
import { renameValues } from '../../onnx/rename.ts';
import { fuseSkipNorms } from '../../onnx/skipnorm.ts';
import { trimGraph } from '../../onnx/trim.ts';
import {
  blockOf,
  type Part,
  type PartUnit,
  partOf,
  partUnit,
  partUnits,
  sortUnits,
  type Unit,
  wholeBlocks,
} from '../../units.ts';
import { parseStateName, renumbered } from './kv.ts';
import { type Parting, withParting } from './parted.ts';
import { LAYOUT_OPS } from './regions.ts';
import type { Block, Structure } from './structure.ts';
import { feedForwardNodes, feedForwardState } from './sublayers.ts';

/**
 * Nodes between a cache and the Shape that reads its size; more of them count as reading the data.
 */
const MAX_SIZE_READERS = 1000;
const PARTS: readonly Part[] = ['attn', 'ffn'];
const SIZE_READERS: ReadonlySet<string> = new Set(['Shape', 'Size']);

/**
 * The model without the units `removed` (in the numbering of the original): sorted, skip norms
 * fused again, dead weights gone, states renumbered over the blocks that keep their attention, in
 * their order. Both parts of a block are the block.
 * @throws EspalierError `bad-input` for impossible ordinals, `unsupported-graph` when the removal
 *   cannot be exact
 */
export function removeUnits(structure: Structure, removed: readonly Unit[]): Model {
  const plan = planRemoval(structure, removed);
  const { graph } = structure;
  const nodes = graph.nodes.map((node, p) => rewire(plan, node, p));
  const outputs = graph.outputs.filter((o) => !plan.goneOutputs.has(o.name));
  const trimmed = trimGraph({ ...graph, nodes, outputs });
  const used = new Set(trimmed.nodes.flatMap(dependencies));
  const leaked = [...plan.goneInputs].find((x) => used.has(x));
  if (leaked) throw obstacle(`The cache ${leaked} of a removed block is still read by what stays.`);
  const open: Graph = {
    ...trimmed,
    inputs: trimmed.inputs.filter((v) => !plan.goneInputs.has(v.name)),
  };
  const result = trimGraph(fuseSkipNorms(renameValues(open, stateNames(structure, plan, removed))));
  const wrong = checkGraph(result);
  if (wrong.length > 0)
    throw new EspalierError(
      'bug',
      `The pruned graph is not sound: ${wrong[0]}.`,
      'Please report this model.',
      wrong.join('\n'),
    );
  return {
    ...structure.model,
    graph: result,
    metadata: withParting(structure.model.metadata, partingAfter(structure, plan, removed)),
  };
}

/** What each block that stays is made of, in order. */
export function partsAfter(
  structure: Structure,
  removed: readonly Unit[],
): { block: number; parts: Part[] }[] {
  const units = new Set(sortUnits(removed));
  return structure.blocks
    .filter(({ index }) => !units.has(index))
    .map(({ index, lacks }) => ({
      block: index,
      parts: PARTS.filter((part) => part !== lacks && !units.has(partUnit(index, part))),
    }));
}

function partingAfter(structure: Structure, { replace }: Plan, removed: readonly Unit[]): Parting {
  const left = partsAfter(structure, removed);
  const ends = left.map(({ block }) => structure.blocks[block]!.output);
  return {
    cuts: [structure.cuts[0]!, ...ends.map((end) => replace.get(end) ?? end)],
    parts: left.map(({ parts }) => parts),
  };
}

/** Why this set of units cannot be removed, as a sentence, or null when it can. */
export function removalObstacle(structure: Structure, removed: readonly Unit[]): string | null {
  try {
    planRemoval(structure, removed, true);
    return null;
  } catch (error) {
    if (error instanceof EspalierError) return error.message;
    throw error;
  }
}

interface Plan {
  /** True for the position of a node that goes with what is removed. */
  goes: (position: number) => boolean;
  /** Value to the value that takes its place, resolved. */
  replace: ReadonlyMap<string, string>;
  /**
   * Removed cache input to the surviving cache whose size is read instead (null: none of its kind).
   */
  sizeOf: ReadonlyMap<string, string | null>;
  goneInputs: ReadonlySet<string>;
  goneOutputs: ReadonlySet<string>;
  /** Per block, graph outputs beside its states that come and go with it. */
  lone: ReadonlyMap<number, readonly string[]>;
}

function obstacle(message: string): EspalierError {
  return new EspalierError(
    'unsupported-graph',
    message,
    'Keep this block, or export the model without that output or connection.',
  );
}

function planRemoval(structure: Structure, units: readonly Unit[], alone = false): Plan {
  const { blocks, graph, producer } = structure;
  const removed = sortUnits(units);
  const n = blocks.length;
  const wrong = removed.map(blockOf).find((b) => !Number.isInteger(b) || b < 0 || b >= n);
  if (wrong !== undefined)
    throw new EspalierError(
      'bad-input',
      `There is no block ${wrong}: the model has blocks 0 to ${n - 1}.`,
      'Choose other blocks.',
    );
  const gone = new Set(wholeBlocks(removed));
  const parts = partUnits(removed);
  const only = alone && n === 1 && gone.size === 1;
  if (gone.size >= n && !only)
    throw new EspalierError(
      'bad-input',
      `At least one block must stay; all ${n} were chosen.`,
      'Keep at least one block.',
    );
  requireParts(structure, parts);
  const { before, after } = carriers(structure, removed);
  if (after.length === 0 && !only)
    throw new EspalierError(
      'bad-input',
      'No block would keep its attention: a graph without any is no decoder.',
      'Keep the attention of at least one block.',
    );
  const goes = goesWith(structure, gone, parts);
  const made = (value: string): boolean => goes(producer.get(value) ?? -1);

  const leak = structure.leaks.find(
    ({ value, from, to }) =>
      from >= 1 && from <= n && made(value) && !(to >= 1 && to <= n && gone.has(to - 1)),
  );
  if (leak)
    throw obstacle(
      `The value ${leak.value} of block ${leak.from - 1} is used ` +
        `${leak.to > n ? 'after the last block' : leak.to === 0 ? 'before the first block' : `by block ${leak.to - 1}`} ` +
        'too.',
    );

  const keeping = new Set(after);
  const goneStates = before.filter((b) => !keeping.has(b)).flatMap((b) => b.states);
  const stray = strayState(structure, new Set(goneStates.map((s) => s.input)), made);
  if (stray) throw obstacle(stray);

  const replace = replacements(structure, gone, parts);
  const goneInputs = new Set(goneStates.map((s) => s.input));
  for (const o of graph.outputs) {
    if (goneInputs.has(o.name))
      throw obstacle(
        `The cache input ${shown(o.name)} is an output of the graph too: the graph gives it out.`,
      );
    if (replace.has(o.name))
      throw obstacle(
        `The graph output ${o.name} is the residual stream after ` +
          `${boundaryOwner(structure, o.name)}: the graph gives it out.`,
      );
  }
  const sizeOf = new Map<string, string | null>();
  const twins = new Map<string, string>();
  for (const b of after) {
    for (const { input } of b.states)
      if (!twins.has(kindOf(structure, input))) twins.set(kindOf(structure, input), input);
  }
  for (const s of goneStates) {
    sizeOf.set(s.input, twins.get(kindOf(structure, s.input)) ?? null);
  }
  const lone = loneOutputs(structure, before.length, made);
  const plan: Plan = {
    goes,
    replace,
    sizeOf,
    goneInputs,
    goneOutputs: new Set([
      ...goneStates.map((s) => s.output),
      ...[...lone.values()].flat().filter(made),
    ]),
    lone,
  };
  checkReaders(structure, plan, after.length === 0);
  return plan;
}

/**
 * New names of states and lone outputs, where they change: the k-th block that keeps its attention
 * takes the numbers of the k-th that had it.
 */
function stateNames(
  structure: Structure,
  { lone }: Plan,
  removed: readonly Unit[],
): Map<string, string> {
  const { before, after } = carriers(structure, removed);
  const names = new Map<string, string>();
  for (const [k, block] of after.entries()) {
    const place = before[k]!;
    if (place === block) continue;
    for (const s of block.states)
      for (const name of [s.input, s.output]) names.set(name, renumbered(name, place.stateIndex));
    for (const [j, name] of (lone.get(block.index) ?? []).entries())
      names.set(
        name,
        renumbered(
          name,
          parseStateName(lone.get(place.index)?.[j] ?? name)?.index ?? place.stateIndex,
        ),
      );
  }
  for (const [from, to] of [...names]) if (from === to) names.delete(from);
  return names;
}

/**
 * Blocks that have attention, and with it caches, before a removal and after it: the k-th that is
 * left takes the cache numbers of the k-th before.
 */
export function carriers(
  structure: Structure,
  removed: readonly Unit[],
): { before: Block[]; after: Block[] } {
  const gone = new Set(removed.filter((unit) => partOf(unit) !== 'ffn').map(blockOf));
  const before = structure.blocks.filter((block) => block.lacks !== 'attn');
  return { before, after: before.filter((block) => !gone.has(block.index)) };
}

/**
 * @throws EspalierError `unsupported-graph` for parts that cannot be told apart, or that hold
 * states which attention does not own
 */
function requireParts(structure: Structure, parts: readonly PartUnit[]): void {
  for (const block of new Set(parts.map(blockOf))) {
    const { mid, lacks } = structure.blocks[block]!;
    if (lacks !== null)
      throw obstacle(
        `Block ${block} has only its ${lacks === 'attn' ? 'feed-forward' : 'attention'} part ` +
          'left: it can go as a whole.',
      );
    if (mid === null)
      throw obstacle(
        `Block ${block} has no value between attention and feed-forward: its halves cannot ` +
          'be told apart.',
      );
    const state = feedForwardState(structure, block);
    if (state)
      throw obstacle(
        `The feed-forward part of block ${block} has a state of its own (${state.input}): ` +
          'its halves share the number.',
      );
  }
}

function goesWith(
  structure: Structure,
  gone: ReadonlySet<number>,
  parts: readonly PartUnit[],
): (position: number) => boolean {
  const behind = parts.length > 0 ? feedForwardNodes(structure) : null;
  const partial = new Map(parts.map((unit) => [blockOf(unit), partOf(unit) === 'ffn' ? 1 : 0]));
  return (position) => {
    const r = structure.region[position] ?? 0;
    if (r < 1 || r > structure.blocks.length) return false;
    return gone.has(r - 1) || (behind !== null && partial.get(r - 1) === behind[position]);
  };
}

const kindsOf = new WeakMap<Structure, Map<string, string>>();

/**
 * What a state's name says besides its layer, or the name itself when it names no layer;
 * remembered, since every block asks for all.
 */
function kindOf(structure: Structure, name: string): string {
  let known = kindsOf.get(structure);
  if (!known) {
    known = new Map();
    kindsOf.set(structure, known);
  }
  let kind = known.get(name);
  if (kind === undefined) {
    const k = parseStateName(name);
    kind = k ? `${k.prefix}\n${k.suffix}` : name;
    known.set(name, kind);
  }
  return kind;
}

/**
 * What is wrong when what is removed makes the next state of a block that stays, or the other way
 * round: the outputs are swapped.
 */
function strayState(
  structure: Structure,
  goneInputs: ReadonlySet<string>,
  made: (value: string) => boolean,
): string | null {
  const { blocks, region, producer } = structure;
  for (const block of blocks) {
    for (const { input, output } of block.states) {
      const maker = (region[producer.get(output) ?? -1] ?? 0) - 1;
      if (
        maker < 0 ||
        maker >= blocks.length ||
        maker === block.index ||
        made(output) === goneInputs.has(input)
      )
        continue;
      return (
        `Block ${block.index} reads the cache ${input}, but its next value ${output} is made ` +
        `by block ${maker}.`
      );
    }
  }
  return null;
}

/**
 * Boundary after a removed block -> boundary before it, transitively; halves through the middle
 * value.
 */
function replacements(
  structure: Structure,
  gone: ReadonlySet<number>,
  parts: readonly PartUnit[],
): Map<string, string> {
  const direct = new Map<string, string>();
  for (const b of gone) direct.set(structure.blocks[b]!.output, structure.blocks[b]!.input);
  for (const unit of parts) {
    const { input, mid, output } = structure.blocks[blockOf(unit)]!;
    if (mid === null) continue;
    if (partOf(unit) === 'attn') direct.set(mid, input);
    else direct.set(output, mid);
  }
  const resolved = new Map<string, string>();
  for (const from of direct.keys()) {
    let to = from;
    for (let next = direct.get(to); next !== undefined; next = direct.get(to)) to = next;
    resolved.set(from, to);
  }
  return resolved;
}

function boundaryOwner(structure: Structure, value: string): string {
  const block = structure.blocks.find((b) => b.output === value || b.mid === value);
  return block?.mid === value
    ? `the attention of block ${block.index}`
    : `block ${block?.index ?? '?'}`;
}

/**
 * Graph outputs made inside blocks that are no states: present caches of a graph without past
 * inputs, one for each of the `count` blocks that have attention. They leave with what makes them.
 * Other inner values that the graph gives out keep it.
 */
function loneOutputs(
  structure: Structure,
  count: number,
  made: (value: string) => boolean,
): Map<number, string[]> {
  const { graph, blocks, producer, region, cuts } = structure;
  const taken = new Set([
    structure.logits,
    ...cuts,
    ...blocks.flatMap((b) => b.states.map((s) => s.output)),
  ]);
  const kinds = new Map<string, Map<number, string>>();
  const single: { name: string; block: number }[] = [];
  for (const o of graph.outputs) {
    const r = region[producer.get(o.name) ?? -1];
    if (taken.has(o.name) || r === undefined || r < 1 || r > blocks.length) continue;
    const key = kindOf(structure, o.name);
    const kind = kinds.get(key) ?? new Map<number, string>();
    if (kind.has(r - 1) || key === o.name) single.push({ name: o.name, block: r - 1 });
    kind.set(r - 1, o.name);
    kinds.set(key, kind);
  }
  const found = new Map<number, string[]>();
  for (const kind of kinds.values()) {
    if (kind.size === count)
      for (const [b, name] of kind) found.set(b, [...(found.get(b) ?? []), name]);
    else for (const [block, name] of kind) single.push({ name, block });
  }
  const kept = single.find((s) => made(s.name));
  if (kept)
    throw obstacle(
      `The graph output ${kept.name} is computed inside block ${kept.block}: the graph gives ` +
        'it out.',
    );
  return found;
}

/**
 * Caches of removed blocks may be read outside them for their size only; subgraphs may not capture
 * what is rewired.
 */
function checkReaders(structure: Structure, plan: Plan, none: boolean): void {
  const { graph } = structure;
  const touches = (x: string): boolean => plan.replace.has(x) || plan.sizeOf.has(x);
  for (const p of readersOf(structure, [...plan.replace.keys(), ...plan.sizeOf.keys()])) {
    const node = graph.nodes[p]!;
    const captured = subgraphs(node).flatMap(capturesOf).find(touches);
    if (captured)
      throw obstacle(
        `The subgraph of ${label(node)} reads ${captured}, which the removal replaces.`,
      );
    if (plan.goes(p)) continue;
    for (const x of node.inputs) {
      if (!plan.sizeOf.has(x) || plan.replace.has(x)) continue;
      if (!SIZE_READERS.has(node.op) && !readsSizeOnly(structure, plan.goes, p))
        throw obstacle(
          `The cache ${x} of a removed block is read by ${label(node)}, outside the block.`,
        );
      if (plan.sizeOf.get(x) === null && !none)
        throw obstacle(`The size of cache ${x} is needed, and no cache of its kind would stay.`);
    }
  }
}

function rewire(plan: Plan, node: Node, p: number): Node {
  const outside = !plan.goes(p);
  let changed = false;
  const inputs = node.inputs.map((x) => {
    const to = plan.replace.get(x) ?? (outside ? plan.sizeOf.get(x) : undefined);
    if (to === undefined || to === null) return x;
    changed = true;
    return to;
  });
  return changed ? { ...node, inputs } : node;
}

/**
 * True when what the node makes of a cache ends at Shape or Size (a Cast before it in float16
 * graphs), or in a removed block.
 */
function readsSizeOnly(structure: Structure, goes: Plan['goes'], position: number): boolean {
  const pending = [position];
  const seen = new Set<number>();
  for (let p = pending.pop(); p !== undefined; p = pending.pop()) {
    for (const reader of readersOf(structure, structure.graph.nodes[p]!.outputs)) {
      if (seen.has(reader)) continue;
      seen.add(reader);
      if (seen.size > MAX_SIZE_READERS) return false;
      const node = structure.graph.nodes[reader]!;
      if (SIZE_READERS.has(node.op) || goes(reader)) continue;
      if (!LAYOUT_OPS.has(node.op) || dependencies(node).some((x) => structure.content.has(x)))
        return false;
      pending.push(reader);
    }
  }
  return true;
}

const readers = new WeakMap<Graph, Map<string, number[]>>();

/** Positions of the nodes that read any of the values, ascending, without repeats. */
function readersOf(structure: Structure, values: readonly string[]): number[] {
  let index = readers.get(structure.graph);
  if (!index) {
    index = new Map();
    for (const [p, node] of structure.graph.nodes.entries()) {
      for (const x of new Set(dependencies(node))) {
        const list = index.get(x);
        if (list) list.push(p);
        else index.set(x, [p]);
      }
    }
    readers.set(structure.graph, index);
  }
  const found = index;
  return [...new Set(values.flatMap((x) => (x ? (found.get(x) ?? []) : [])))].sort((a, b) => a - b);
}

function label(node: Node): string {
  return `${node.op} ${node.name || node.outputs[0] || ''}`.trim();
}
