// What all programs of a model are cut with: the rewrites of a device, where inputs come from, and
// how a subgraph becomes a program.

import { DataType } from '../../onnx/graph.ts';
import type { Structure } from '../structure/structure.ts';
import { type AssembleContext, assemble, type Outputs } from './assemble.ts';
import { type Carry, carryOf } from './carry.ts';
import { type Canonical, canonical } from './classes.ts';
import { OTHER } from './compare/comparisonHead.ts';
import { keepEveryPosition } from './everyPosition.ts';
import { inputSources, requireChainable, type SourceOf } from './inputs.ts';
import { TARGETS } from './nll.ts';
import type { BoundProgram } from './program.ts';
import {
  exactQuantisedMatMul,
  expandHeadNorms,
  foldTransposedLookup,
  foldTransposedWeights,
  replaceIsNaN,
  softcapOf,
} from './rewrites.ts';
import { roundActivations } from './roundActivations.ts';
import type { Subgraph } from './subgraph.ts';
import { copyNode, cutSubgraph, trimSubgraph } from './subgraph.ts';
import { aliasReshapes, liftConstants } from './weights.ts';
import { withoutCaches } from './withoutCaches.ts';

/** What making programs needs of an opened model. */
export interface ProgramSource {
  structure: Structure;
  config: { headSize: number | null };
  summary: { hiddenSize: number | null; vocabSize: number | null };
}

/**
 * How matrices of accuracy level 4 are multiplied: `exact`, with the activations as they are;
 * `rounded`, with activations rounded to 8 bits as the CPU kernels of that level do, on any device;
 * `kept`, by what the kernel of the device makes of the attribute where weights are fed.
 */
export type AccuracyLevels = 'exact' | 'rounded' | 'kept';

export interface ProgramOptions {
  device: 'wasm' | 'webgpu' | 'cpu';
  /** `exact` by default: what ranks blocks should not depend on how activations round. */
  accuracyLevels?: AccuracyLevels | undefined;
  /** Ordinals of the blocks to cut, all by default. Used to look for obstacles quickly. */
  blocks?: readonly number[];
}

export interface Cutter {
  structure: Structure;
  /** Parallel to those of the graph, without caches. */
  nodes: ReturnType<typeof withoutCaches>;
  context: AssembleContext;
  carry: Carry;
  opset: number;
  role: (input: string) => string;
  /** The rewrites that were applied, with how often. */
  applied: Map<string, number>;
  /** The largest soft cap of the attention so far. */
  softcap: number;
  cut(k: number): string;
  inRegion(r: number): (position: number) => boolean;
  /** Rewrites a subgraph that was cut out. */
  prepare(subgraph: Subgraph): Subgraph;
  /** A finished subgraph under canonical names. */
  finish(subgraph: Subgraph): Canonical;
  /** @param within by default that of the cutter's own model */
  single(id: string, subgraph: Subgraph, outputs: Outputs, within?: AssembleContext): BoundProgram;
}

export function makeCutter(
  { structure, config }: ProgramSource,
  hiddenSize: number,
  options: ProgramOptions,
): Cutter {
  const carry = carryOf(structure, hiddenSize);
  const sourceOf = inputSources(structure, config.headSize);
  const context: AssembleContext = { structure, sourceOf, typeOf: typesOf(structure) };
  const opset = structure.model.opsets.get('') ?? structure.model.opsets.get('ai.onnx') ?? 18;
  const role = roleOf(sourceOf);
  const applied = new Map<string, number>();
  const note = (label: string, count: number): void => {
    if (count > 0) applied.set(label, (applied.get(label) ?? 0) + count);
  };
  const cutter: Cutter = {
    structure,
    nodes: withoutCaches(structure),
    context,
    carry,
    opset,
    role,
    applied,
    softcap: 0,
    cut: (k) => structure.cuts[k] as string,
    inRegion: (r) => (position) =>
      structure.region[position] === r ||
      (r > 0 &&
        r <= structure.blocks.length &&
        (structure.copyable(r - 1, position) || carry.borrowed(r - 1, position))),
    prepare(subgraph) {
      liftConstants(subgraph);
      aliasReshapes(subgraph);
      trimSubgraph(subgraph);
      cutter.softcap = Math.max(cutter.softcap, softcapOf(subgraph));
      for (const [label, rewrite] of rewritesFor(options, structure))
        note(label, rewrite(subgraph));
      return subgraph;
    },
    finish(subgraph) {
      if (options.accuracyLevels === 'rounded')
        note(
          'activations rounded to 8 bits, as the CPU kernels of accuracy level 4 do',
          roundActivations(subgraph, opset),
        );
      return canonical(subgraph, role);
    },
    single: (id, subgraph, outputs, within = context) =>
      assemble(id, [cutter.finish(subgraph)], outputs, within)[0] as BoundProgram,
  };
  return cutter;
}

/** A head as it was cut out, and where it reads the residual stream. */
export interface CutHead {
  head: Subgraph;
  residual: string;
  /** It was made to give logits of every position. */
  reattached: boolean;
}

/** (B, S, C) -> logits (B, S, V). @throws EspalierError as `requireChainable` */
export function cutHead({ structure, nodes, inRegion, prepare, cut, applied }: Cutter): CutHead {
  const residual = cut(structure.blocks.length);
  const head = prepare(
    cutSubgraph(structure, nodes, [structure.logits], inRegion(structure.blocks.length + 1)),
  );
  requireChainable(head, [residual], 'The head', structure);
  const reattached = !structure.perTokenLogits && keepEveryPosition(head, residual);
  if (reattached) applied.set('logits computed for every token, not only the last', 1);
  return { head, residual, reattached };
}

/** A copy whose nodes and constants may be changed. */
export function copySubgraph({ nodes, inputs, outputs, initializers }: Subgraph): Subgraph {
  return {
    nodes: nodes.map(copyNode),
    inputs: [...inputs],
    outputs: [...outputs],
    initializers: new Map(initializers),
  };
}

/** Stands for the outputs of the heads in `typesOf`. */
export const NLL = 'espalier/nll';

function rewritesFor(
  options: ProgramOptions,
  structure: Structure,
): [string, (subgraph: Subgraph) => number][] {
  const list: [string, (subgraph: Subgraph) => number][] = [
    ['transposed weights multiplied without transposing them first', foldTransposedWeights],
    [
      'token embeddings read from a table that is stored transposed',
      (subgraph) => foldTransposedLookup(subgraph, structure.tokenInput),
    ],
  ];
  if (options.device === 'webgpu')
    list.push(['NaN after softmax found by comparison, which WebGPU can run', replaceIsNaN]);
  else list.push(['query and key norms computed outside the attention operator', expandHeadNorms]);
  if ((options.accuracyLevels ?? 'exact') === 'exact')
    list.push([
      '4-bit weights multiplied with float activations (accuracy level 0)',
      exactQuantisedMatMul,
    ]);
  return list;
}

/** Blocks of one class have inputs of the same roles in the same order. */
function roleOf(sourceOf: SourceOf): (value: string) => string {
  return (value) => sourceOf(value).kind.replace('-', '_');
}

function typesOf(structure: Structure): (value: string) => number {
  const declared = new Map(structure.graph.inputs.map((input) => [input.name, input.type]));
  return (value) => {
    if (value === NLL) return DataType.float;
    if (value === TARGETS) return DataType.int64;
    if (value === OTHER) return structure.typeOf(structure.cuts[0] as string);
    return declared.get(value) ?? structure.typeOf(value);
  };
}
