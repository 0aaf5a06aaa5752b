// The graph without the groups and channels that a plan takes out: rows and columns of stored
// matrices are left out as their bytes are read, and what says sizes says the new ones.

import { EspalierError } from '../../errors.ts';
import type { Graph, Model, Node } from '../../onnx/graph.ts';
import type { Removal } from '../structure/removal.ts';
import { applyRemoval } from '../structure/remove.ts';
import type { Structure } from '../structure/structure.ts';
import { CutGraph } from './cutGraph.ts';
import { compensations } from './emptied.ts';
import { isRoundedAgain } from './fewBits.ts';
import { type TracedBlock, tracedBlocks } from './find.ts';
import type { Edit } from './trace/edits.ts';
import { keptPositions, type Label } from './trace/label.ts';
import { product } from './trace/size.ts';
import { knownSizes } from './trace/sizes.ts';
import type { BlockCut, WidthPlan } from './types.ts';

/**
 * The model that a plan of width makes of a decoder.
 * @param removal of `emptiedUnits`: width applies to whole models
 * @throws EspalierError `bad-input` for a plan of another model; `unsupported-graph` for a
 *   block that cannot be narrowed
 */
export function narrowedModel(structure: Structure, plan: WidthPlan, removal: Removal): Model {
  const { graph, origins } = known(structure, plan);
  const goes = (position: number): boolean => removal.goes(origins[position] ?? -1);
  return applyRemoval({ ...structure, graph }, { ...removal, goes });
}

/** The structure before the cut, with the weights after it. @throws EspalierError as that */
export function narrowedBase(structure: Structure, plan: WidthPlan): Structure {
  return known(structure, plan).base;
}

/**
 * What a plan makes of a structure: one graph for both, so that its bytes are found again. Skip
 * norms are expanded.
 */
interface Narrowed {
  graph: Graph;
  /** Positions of its nodes before the cut; -1 for new ones. */
  origins: readonly number[];
  base: Structure;
}

const all = new WeakMap<WidthPlan, WeakMap<Structure, Narrowed>>();

function known(structure: Structure, plan: WidthPlan): Narrowed {
  const ofPlan = all.get(plan) ?? new WeakMap<Structure, Narrowed>();
  all.set(plan, ofPlan);
  const found = ofPlan.get(structure);
  if (found) return found;
  const { graph, origins } = cut(structure, plan);
  const initializers = new Map([...structure.graph.initializers, ...graph.initializers]);
  const base = { ...structure, graph: { ...structure.graph, initializers } };
  const narrowed = { graph, origins, base };
  ofPlan.set(structure, narrowed);
  return narrowed;
}

function cut(structure: Structure, plan: WidthPlan): Omit<Narrowed, 'base'> {
  requireBlocks(structure, plan);
  const traced = tracedBlocks(structure);
  const edited = new CutGraph(structure);
  const narrowed: { label: Label; value: string; gone: ReadonlySet<number> }[] = [];
  for (const [block, blockCut] of plan.blocks.entries()) {
    for (const half of halves(traced[block]!, blockCut)) {
      const gone = new Set(half.removed);
      // Of what is emptied nothing stays to be edited: it is removed.
      if (gone.size > 0 && gone.size !== half.count) {
        const { edits, labels } = requireHalf(half, block);
        for (const edit of edits) edited.apply(edit, gone);
        for (const [value, label] of labels) narrowed.push({ label, value, gone });
      }
      if (gone.size > 0 || half.bias) requireHalf(half, block);
    }
  }
  for (const [node, bias] of compensations(structure, plan)) edited.addBehind(node, bias);
  const { graph, origins } = edited.result();
  const sizes = knownSizes(graph);
  for (const { value, label, gone } of narrowed) {
    const found = sizes.get(value)?.dims?.[label.axis] ?? 'unknown';
    const wanted = keptPositions(label.owners, gone).length;
    const isInput = graph.inputs.some(({ name }) => name === value);
    if (product([found]).factor !== wanted && !(isInput && typeof found === 'string'))
      throw new EspalierError(
        'unsupported-graph',
        `The graph cannot be made narrower: ${value} would have ${found} positions in place of ` +
          `${wanted}.`,
        'Remove whole blocks of this model in its place.',
      );
  }
  return { graph, origins };
}

/** @throws EspalierError `bad-input` for a plan of another number of blocks */
export function requireBlocks({ blocks }: Structure, plan: WidthPlan): void {
  if (blocks.length !== plan.blocks.length)
    throw new EspalierError(
      'bad-input',
      `The width plan is of ${plan.blocks.length} blocks, and the model has ${blocks.length}.`,
      'Use the plan with the model that it was made for.',
    );
}

/** How many few-bit matrices are rounded again, since blocks with one scale lose some inputs. */
export function roundedAgain(structure: Structure, plan: WidthPlan): number {
  const traced = tracedBlocks(structure);
  const every = plan.blocks.flatMap((cut, block) =>
    traced[block] ? halves(traced[block], cut) : [],
  );
  return every.reduce((sum, { edits, removed }) => {
    const gone = new Set(removed);
    const again = (edits ?? []).filter(
      (edit) =>
        edit.kind === 'few-bits' &&
        edit.along === 'K' &&
        isRoundedAgain(edit.node, edit.owners, gone),
    );
    return sum + again.length;
  }, 0);
}

interface Half {
  what: string;
  /** Groups or channels that there are; null where it cannot be narrowed. */
  count: number | null;
  edits: readonly Edit[] | null;
  labels: ReadonlyMap<string, Label>;
  reader: Node | null;
  removed: readonly number[];
  bias: Float32Array | null;
  obstacles: readonly string[];
}

function halves(
  { attention, feedForward, obstacles }: TracedBlock,
  { groups, channels, attentionBias, feedForwardBias }: BlockCut,
): Half[] {
  return [
    {
      what: 'key-value groups',
      count: attention?.width.groups ?? null,
      edits: attention?.traced.edits ?? null,
      labels: attention?.traced.labels ?? new Map(),
      reader: attention?.reader ?? null,
      removed: groups,
      bias: attentionBias,
      obstacles,
    },
    {
      what: 'channels',
      count: feedForward?.width.channels ?? null,
      edits: feedForward?.traced.edits ?? null,
      labels: feedForward?.traced.labels ?? new Map(),
      reader: feedForward?.reader ?? null,
      removed: channels,
      bias: feedForwardBias,
      obstacles,
    },
  ];
}

function requireHalf(
  { what, count, edits, labels, reader, removed, obstacles }: Half,
  block: number,
): { edits: readonly Edit[]; labels: ReadonlyMap<string, Label>; reader: Node } {
  if (count === null || edits === null || reader === null)
    throw new EspalierError(
      'unsupported-graph',
      obstacles[0] ?? `The ${what} of block ${block} cannot be told apart.`,
      'Remove whole blocks of this model in its place.',
    );
  const unknown = removed.find((k) => !Number.isInteger(k) || k < 0 || k >= count);
  if (unknown !== undefined)
    throw new EspalierError(
      'bad-input',
      `The width plan removes number ${unknown} of the ${what} of block ${block}, which has ` +
        `${count}.`,
      'Use the plan with the model that it was made for.',
    );
  return { edits, labels, reader };
}
