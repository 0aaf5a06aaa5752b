// Cuts an opened model into the weightless programs that scoring runs; reads no weights.

import { EspalierError } from '../../errors.ts';
import { DataType } from '../../onnx/graph.ts';
import type { Structure } from '../structure/structure.ts';
import { assembleClasses, type Outputs } from './assemble.ts';
import { COMPARED, comparisonHead, OTHER } from './compare/comparisonHead.ts';
import {
  copySubgraph,
  cutHead,
  makeCutter,
  NLL,
  type ProgramOptions,
  type ProgramSource,
} from './cutter.ts';
import { requireChainable } from './inputs.ts';
import { kernelObstacle } from './kernels.ts';
import { appendNll } from './nll.ts';
import type { BoundProgram, Program, ScorePrograms } from './program.ts';
import { cutSideValues, mixesRows } from './sideValues.ts';
import { cutSubgraph, replaceValues, type Subgraph } from './subgraph.ts';
import { makeSublayers } from './sublayers.ts';

export type { ProgramOptions, ProgramSource } from './cutter.ts';

/**
 * The programs of the original model: ids -> embed -> block 0 .. N-1 -> head -> NLL. Blocks of one
 * structural class share a program.
 * @throws EspalierError `unsupported-graph` when the graph gives no per-token logits, takes
 *   embeddings instead of ids, or has inputs or side values that cannot be made from a window
 *   alone; `unsupported-op` for element types that cannot run here, and for operators without a
 *   kernel on this device.
 */
export function makeScorePrograms(opened: ProgramSource, options: ProgramOptions): ScorePrograms {
  const { structure } = opened;
  requireScorable(structure);
  const lacking = kernelObstacle(structure.graph, options.device);
  if (lacking !== null)
    throw new EspalierError(
      'unsupported-op',
      lacking,
      options.device === 'webgpu'
        ? 'Choose the CPU.'
        : 'Blocks can be removed all the same: the export is written without running it.',
    );
  const { hiddenSize, vocabSize } = knownSizes(opened.summary);
  const cutter = makeCutter(opened, hiddenSize, options);
  const { nodes, carry, cut, inRegion, prepare, single, context, opset } = cutter;
  const embed = prepare(cutSubgraph(structure, nodes, [cut(0)], inRegion(0)));
  const { head, residual, reattached } = cutHead(cutter);
  requireChainable(embed, [], 'The embedding', structure);
  const headWithLogits = copySubgraph(head);
  const headByPosition = appendNll(head, residual, opset);
  if (!structure.perTokenLogits && !(reattached && headByPosition))
    throw withoutLogits(
      'The graph gives logits of the last token only, and ' +
        (reattached ? 'its head mixes positions' : 'where it drops the others is not in its head') +
        ', so perplexity over a window cannot be computed.',
    );
  carry.pack(embed, { block: null, output: cut(0) });
  carry.pack(head, { block: null, input: residual });
  const { side, tokenSide } = cutSideValues(structure, nodes, hiddenSize);
  const ordinals = options.blocks ?? structure.blocks.map((block) => block.index);
  const blocks = ordinals.map((b) => {
    const subgraph = prepare(cutSubgraph(structure, nodes, [cut(b + 1)], inRegion(b + 1)));
    requireChainable(subgraph, carry.read(b), `Block ${b}`, structure);
    carry.pack(subgraph, { block: b, input: cut(b), output: cut(b + 1) });
    return cutter.finish(subgraph);
  });
  const embedBound = single('embed', embed, [{ value: cut(0), target: { kind: 'residual' } }]);
  const headBound = single('head', head, [{ value: NLL, target: { kind: 'nll' } }]);
  const blocksBound = assembleClasses('block', blocks, context, cut(1));
  let sublayers: ReturnType<typeof makeSublayers> | null = null;
  const comparison = (id: string, apart: boolean): BoundProgram => {
    const twice = comparisonHead(headWithLogits, residual, opset, { apart });
    for (const input of [residual, OTHER]) carry.pack(twice, { block: null, input });
    return single(id, twice, comparedOutputs());
  };
  let compare: BoundProgram | null = null;
  let compareApart: BoundProgram | null = null;
  return {
    embed: embedBound,
    side: side && single('side', prepare(side), sideOutputs(side)),
    tokenSide: tokenSide && single('token-side', prepare(tokenSide), sideOutputs(tokenSide)),
    blocks: blocksBound,
    get sublayers() {
      sublayers ??= makeSublayers(
        ordinals,
        context,
        carry,
        (outputs, inside, replace) =>
          prepare(replaceValues(cutSubgraph(structure, nodes, outputs, inside), replace)),
        cutter.finish,
      );
      return sublayers;
    },
    head: headBound,
    get compare() {
      compare ??= comparison('compare', false);
      return compare;
    },
    get compareApart() {
      compareApart ??= comparison('compare-apart', true);
      return compareApart;
    },
    headByPosition,
    residualType: residualType(structure),
    hiddenSize,
    stateSize: hiddenSize * carry.streams,
    vocabSize,
    staticPast: blocksBound.some(({ program }) => writesIntoPast(program)),
    rowsInteract:
      rowsInteract([embedBound, headBound, ...blocksBound]) ||
      (tokenSide !== null && mixesRows(tokenSide)),
    wasmOnly:
      options.device === 'webgpu' && cutter.softcap > 0
        ? `The attention of this model has a soft cap of ${cutter.softcap}, which the WebGPU ` +
          'attention kernel ignores without an error.'
        : null,
    rewrites: [...cutter.applied.keys()],
  };
}

/** @throws EspalierError `unsupported-graph` for a size that nothing says */
function knownSizes({ hiddenSize, vocabSize }: ProgramSource['summary']): {
  hiddenSize: number;
  vocabSize: number;
} {
  if (hiddenSize !== null && vocabSize !== null) return { hiddenSize, vocabSize };
  throw new EspalierError(
    'unsupported-graph',
    'Neither the graph nor a config says ' +
      `${hiddenSize === null ? 'how wide the model is' : 'how many tokens it knows'}.`,
    'Put the config.json of the model into its folder and open it again.',
  );
}

function requireScorable(structure: Structure): void {
  if (structure.embedsInput) {
    throw new EspalierError(
      'unsupported-graph',
      `The graph starts from embeddings ("${structure.tokenInput}") and has no embedding ` +
        'table, so token ids cannot be scored.',
      'Inspect and prune it as it is, or export the model with its embedding layer to score it.',
    );
  }
  if (structure.headless)
    throw withoutLogits(
      `The graph has no head (its output is ${structure.logits}), so perplexity cannot be ` +
        'computed.',
    );
}

function withoutLogits(message: string): EspalierError {
  return new EspalierError(
    'unsupported-graph',
    message,
    'Inspect and prune it as it is, or export it with all logits (without prune_lm_head) to ' +
      'score it.',
  );
}

const PER_TENSOR_SCALE = ['DynamicQuantizeLinear', 'com.microsoft.DynamicQuantizeMatMul'];

/** Dynamic quantisation takes its scale from the range of the whole tensor, other rows included. */
function rowsInteract(bound: readonly BoundProgram[]): boolean {
  return bound.some(({ program }) => PER_TENSOR_SCALE.some((op) => op in program.ops));
}

/** A static cache, which the graph writes into by position, needs room for the whole window. */
function writesIntoPast({ inputs, ops }: Program): boolean {
  return (
    inputs.some(({ source }) => source.kind === 'past' && source.dims.includes('past')) &&
    SCATTERS.some((op) => op in ops)
  );
}

const SCATTERS = ['TensorScatter', 'ScatterElements', 'ScatterND'];

function sideOutputs(side: Subgraph): Outputs {
  return side.outputs.map((value) => ({ value, target: { kind: 'side', value } }));
}

function comparedOutputs(): Outputs {
  return COMPARED.map((value) => ({ value: NLL, target: { kind: 'compared', value } }));
}

function residualType(structure: Structure): 'float32' | 'float16' {
  const type = structure.typeOf(structure.cuts[0] as string);
  if (type === DataType.float) return 'float32';
  if (type === DataType.float16) return 'float16';
  throw new EspalierError(
    'unsupported-op',
    `The residual stream of this model has the ONNX element type ${type}; only float32 and ` +
      'float16 can be scored.',
    'Use a float32 or float16 export.',
  );
}
