// What of each block can be made narrower: its key-value groups and the channels of its
// feed-forward, with the stored matrices that they are rows and columns of. Reads no weights.

import { EspalierError } from '../../errors.ts';
import { elementCount, type Node } from '../../onnx/graph.ts';
import { operatorName } from '../../onnx/operators.ts';
import type { ProductRole } from '../healing/peft/families.ts';
import type { BlockProduct } from '../healing/peft/product.ts';
import { productHalves } from '../healing/peft/products.ts';
import { usesOf, type WeightUses } from '../healing/weightUses.ts';
import { remembered } from '../structure/remembered.ts';
import type { Structure } from '../structure/structure.ts';
import { headsOf } from './heads.ts';
import { layouts } from './layouts.ts';
import { type Owners, runs } from './trace/label.ts';
import { type Traced, trace } from './trace/trace.ts';
import type { AttentionWidth, BlockWidth, FeedForwardWidth, WidthMatrix } from './types.ts';
import { unsupported } from './unsupported.ts';

/** A half of a block, and what has to change so that some of it can go. */
interface Half<T> {
  width: T;
  traced: Traced;
  /** The product that reads the groups or channels: o, or down. */
  reader: Node;
}

export interface TracedBlock {
  block: number;
  attention: Half<AttentionWidth> | null;
  feedForward: Half<FeedForwardWidth> | null;
  obstacles: readonly string[];
}

/** By block. What cannot be narrowed is null, with the reason among the obstacles. */
export const widthBlocks: (structure: Structure) => readonly BlockWidth[] = remembered(
  (structure) =>
    tracedBlocks(structure).map(({ block, attention, feedForward, obstacles }) => ({
      block,
      attention: attention?.width ?? null,
      feedForward: feedForward?.width ?? null,
      obstacles,
    })),
);

/** The same with what has to change in the graph. */
export const tracedBlocks: (structure: Structure) => readonly TracedBlock[] = remembered(
  (structure) => {
    const uses = usesOf(structure);
    const halves = productHalves(structure);
    return structure.blocks.map(({ index }) => {
      const obstacles: string[] = [];
      const attempt = <T>(half: () => T): T | null => {
        try {
          return half();
        } catch (error) {
          if (!(error instanceof EspalierError)) throw error;
          obstacles.push(error.message);
          return null;
        }
      };
      const found = halves[index]!;
      const of = (half: readonly BlockProduct[] | EspalierError): readonly BlockProduct[] => {
        if (half instanceof EspalierError) throw half;
        return half;
      };
      const place = { structure, uses, block: index };
      return {
        block: index,
        attention: attempt(() => attentionHalf(place, of(found.attention))),
        feedForward: attempt(() => feedForwardHalf(place, of(found.feedForward))),
        obstacles: [...new Set(obstacles)],
      };
    });
  },
);

interface Place {
  structure: Structure;
  uses: WeightUses;
  block: number;
}

function attentionHalf(place: Place, all: readonly BlockProduct[]): Half<AttentionWidth> {
  const products = withRoles(all, ['q', 'k', 'v', 'o']);
  const o = products.find(({ parts }) => parts[0]?.role === 'o')!;
  const { heads, groups, headSize, valueSize } = headsOf(place.structure, place.block, products);
  const perGroup = heads / groups;
  const spans = { q: headSize * perGroup, k: headSize, v: valueSize };
  const read = runs(groups, valueSize * perGroup);
  if (read.length !== o.inputs)
    throw unsupported(place.block, `${heads} heads do not divide the ${o.inputs} columns of o`);
  const found = half(place, products, o, read, (product) => layouts(product, spans, groups));
  const width = {
    groups,
    queriesPerGroup: perGroup,
    headSize,
    valueSize,
    matrices: found.matrices,
    groupWeights: found.weights / groups,
  };
  return { width, traced: found.traced, reader: found.reader };
}

function feedForwardHalf(place: Place, all: readonly BlockProduct[]): Half<FeedForwardWidth> {
  const products = withRoles(all, ['gate', 'up', 'down']);
  const down = products.find(({ parts }) => parts[0]?.role === 'down')!;
  const channels = down.inputs;
  const found = half(place, products, down, runs(channels, 1), (product) =>
    layouts(product, { gate: 1, up: 1 }, channels),
  );
  const width = {
    channels,
    matrices: found.matrices,
    channelWeights: found.weights / channels,
  };
  return { width, traced: found.traced, reader: found.reader };
}

/** Every way in which fused columns may lie is tried: where one alone can be followed, it is it. */
function half(
  { structure, uses, block }: Place,
  products: readonly BlockProduct[],
  last: BlockProduct,
  read: Owners,
  layoutsOf: (product: BlockProduct) => Owners[],
): { matrices: WidthMatrix[]; weights: number; traced: Traced; reader: Node } {
  const nodesOf = ({ tensor }: BlockProduct): Node[] => {
    const own = uses.of(tensor).filter((use) => use.block === block && use.order !== null);
    const [first] = own;
    if (!first || own.some(({ floats }) => floats !== null))
      throw unsupported(block, `${tensor} is stored in few bits, as floats that are made of them`);
    return own.map(({ node }) => node);
  };
  const makers = products.filter((product) => product !== last);
  const reads = new Map(nodesOf(last).map((node) => [node, read]));
  const choices = combinations(makers.map(layoutsOf));
  let found: { choice: Owners[]; traced: Traced } | null = null;
  let refusal: unknown = null;
  for (const choice of choices) {
    const makes = makers.flatMap((product, k) =>
      nodesOf(product).map((node) => [node, choice[k]!] as const),
    );
    try {
      // Of one group or channel none can go.
      const isOne = read.every((owner) => owner === 0);
      const traced = isOne ? NOTHING : trace(structure, block, { makes: new Map(makes), reads });
      if (isOne && found) continue;
      if (found) throw unsupported(block, 'its fused columns could be in several orders');
      found = { choice, traced };
    } catch (error) {
      if (found || !(error instanceof EspalierError)) throw error;
      refusal ??= error;
    }
  }
  if (!found) throw refusal ?? unsupported(block, 'the order of its fused columns is not known');
  const { choice, traced } = found;
  const matrices = products.map((product) =>
    matrixOf(product, uses, block, product === last ? read : choice[makers.indexOf(product)]!),
  );
  const biases = traced.edits.reduce((sum, edit) => {
    if (edit.kind !== 'slice' || !edit.bias) return sum;
    const tensor = uses.tensor(edit.node.inputs[edit.slot] ?? '');
    return sum + (tensor ? elementCount(tensor.dims) : 0);
  }, 0);
  const weights = matrices.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, biases);
  return { matrices, weights, traced, reader: [...reads.keys()][0]! };
}

const NOTHING: Traced = { edits: [], labels: new Map() };

/** One of each. */
function combinations<T>(choices: readonly T[][]): T[][] {
  return choices.reduce<T[][]>(
    (all, more) => all.flatMap((some) => more.map((one) => [...some, one])),
    [[]],
  );
}

const withRoles = (all: readonly BlockProduct[], roles: readonly ProductRole[]): BlockProduct[] =>
  all.filter(({ parts }) => parts.some(({ role }) => roles.includes(role)));

const PARTS: ReadonlyMap<string, WidthMatrix['part']> = new Map([
  ...(['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const).map((part) => [part, part] as const),
  ['k,q,v', 'qkv'],
  ['gate,up', 'gate-up'],
]);

function matrixOf(
  { tensor, inputs, outputs, parts }: BlockProduct,
  uses: WeightUses,
  block: number,
  owners: Owners,
): WidthMatrix {
  const roles = parts.map(({ role }) => role);
  const part = PARTS.get(roles.sort().join());
  const use = uses.of(tensor).find((one) => one.block === block && one.order !== null);
  if (!part || !use?.order)
    throw unsupported(block, `${use ? operatorName(use.node) : tensor} holds other parts as well`);
  return { tensor, part, inputs, outputs, order: use.order, owners };
}
