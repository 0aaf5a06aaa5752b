// Halves of blocks of which a plan leaves nothing: they are removed as sublayers, and what FLAP
// adds in their place is added to the residual stream by the product before them.

import { EspalierError } from '../../errors.ts';
import type { Node } from '../../onnx/graph.ts';
import { type Sublayer, sublayerUnit, type Unit } from '../../units.ts';
import type { Structure } from '../structure/structure.ts';
import { type TracedBlock, tracedBlocks } from './find.ts';
import type { WidthPlan } from './types.ts';

/** A half of a block in the order of the residual stream. */
interface PlannedHalf {
  block: number;
  sublayer: Sublayer;
  reader: Node | null;
  emptied: boolean;
  bias: Float32Array | null;
}

/** The sublayers of which a plan leaves no group or no channel. */
export function emptiedUnits(structure: Structure, plan: WidthPlan): Unit[] {
  return plannedHalves(structure, plan).flatMap(({ block, sublayer, emptied }) =>
    emptied ? [sublayerUnit(block, sublayer)] : [],
  );
}

/**
 * What is added behind products, by product: the compensation of their own, and of the emptied
 * halves after them.
 * @throws EspalierError `unsupported-graph` where nothing before an emptied half can take it
 */
export function compensations(structure: Structure, plan: WidthPlan): Map<Node, Float32Array> {
  const sums = new Map<Node, Float32Array>();
  const halves = plannedHalves(structure, plan);
  for (const [k, half] of halves.entries()) {
    const { bias, block } = half;
    if (!bias) continue;
    const target = halves.slice(0, k + 1).findLast(({ emptied }) => !emptied);
    const moved = target !== half;
    if (
      !target?.reader ||
      (moved && !(addsPlainly(structure, half) && addsPlainly(structure, target)))
    )
      throw new EspalierError(
        'unsupported-graph',
        `Block ${block} keeps nothing of a half, and its compensation has no place in the graph.`,
        'Choose a lower ratio, or take the plan without compensation.',
      );
    const known = sums.get(target.reader) ?? new Float32Array(bias.length);
    sums.set(
      target.reader,
      known.map((value, i) => value + bias[i]!),
    );
  }
  return sums;
}

function plannedHalves(structure: Structure, plan: WidthPlan): PlannedHalf[] {
  const traced = tracedBlocks(structure);
  return plan.blocks.flatMap((cut, block): PlannedHalf[] => {
    const { attention, feedForward } = traced[block] ?? ({} as Partial<TracedBlock>);
    const none = (count: number | undefined, removed: readonly number[]): boolean =>
      count !== undefined && new Set(removed).size === count;
    return [
      {
        ...{ block, sublayer: 'attn', bias: cut.attentionBias },
        reader: attention?.reader ?? null,
        emptied: none(attention?.width.groups, cut.groups),
      },
      {
        ...{ block, sublayer: 'ffn', bias: cut.feedForwardBias },
        reader: feedForward?.reader ?? null,
        emptied: none(feedForward?.width.channels, cut.channels),
      },
    ];
  });
}

/** The product has no bias of its own, and its result is added to the residual stream as it is. */
function addsPlainly({ graph, blocks }: Structure, { reader, block }: PlannedHalf): boolean {
  if (!reader) return false;
  const bias = reader.op === 'MatMulNBits' ? 5 : 2;
  const isPlain = reader.op === 'MatMul' || !reader.inputs[bias];
  const [value = ''] = reader.outputs;
  const [sum, ...others] = graph.nodes.filter(({ inputs }) => inputs.includes(value));
  const { mid, output } = blocks[block]!;
  const isSum = sum?.op === 'Add' && (sum.outputs[0] === mid || sum.outputs[0] === output);
  return isPlain && isSum && others.length === 0;
}
