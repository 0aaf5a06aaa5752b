// Cuts an opened model into the weightless programs that scoring runs; knows ONNX and blocks, but
// never runs anything or reads weights.

import { EspalierError } from '../../errors.ts';
import { DataType } from '../../onnx/graph.ts';
import type { Structure } from '../structure/structure.ts';
import type { AssembleContext, Outputs } from './assemble.ts';
import { assemble, assembleClasses } from './assemble.ts';
import { canonical } from './classes.ts';
import { COMPARED, compareHead, OTHER } from './compareHead.ts';
import { withoutCaches } from './cutCaches.ts';
import { appendNll, TARGETS } from './cutHead.ts';
import type { Piece } from './cutPiece.ts';
import { copyNode, cutPiece, trimPiece } from './cutPiece.ts';
import { cutSide } from './cutSide.ts';
import type { SourceOf } from './inputs.ts';
import { inputSources, requireChainable } from './inputs.ts';
import type { BoundProgram, Program, ScorePrograms } from './program.ts';
import {
  exactQuantisedMatMul,
  expandHeadNorms,
  foldTransposedLookup,
  foldTransposedWeights,
  replaceIsNaN,
  softcapOf,
} from './rewrites.ts';
import { makeSublayers } from './sublayers.ts';
import { aliasReshapes, liftConstants } from './weights.ts';
import { keepEveryPosition } from './wholeHead.ts';

/** What programs need to know of an opened model. */
export interface ProgramSource {
  structure: Structure;
  config: { headSize: number | null };
  summary: { hiddenSize: number; vocabSize: number };
}

export interface ProgramOptions {
  device: 'wasm' | 'webgpu';
  /**
   * Keep accuracy_level of MatMulNBits as the file has it (coarse, but what the deployed file
   * does).
   */
  keepAccuracyLevel?: boolean;
  /** Ordinals of the only blocks to cut; all without it. For a look at what stands in the way. */
  blocks?: readonly number[];
}

/**
 * The programs of the intact model: ids -> embed -> block 0 .. N-1 -> head -> NLL, equal blocks
 * sharing one program.
 * @throws EspalierError `unsupported-graph` when the graph gives no per-token logits, takes
 *   embeddings instead of ids, or has inputs or
 *   side values that cannot be made from a window alone; `unsupported-op` for element types that
 *   cannot run here.
 */
export function makeScorePrograms(opened: ProgramSource, options: ProgramOptions): ScorePrograms {
  const { structure } = opened;
  requireScorable(structure);
  const nodes = withoutCaches(structure);
  const applied = new Map<string, number>();
  let softcap = 0;
  const prepare = (piece: Piece): Piece => {
    liftConstants(piece);
    aliasReshapes(piece);
    trimPiece(piece);
    softcap = Math.max(softcap, softcapOf(piece));
    for (const [label, rewrite] of rewritesFor(options, structure)) {
      const count = rewrite(piece);
      if (count > 0) applied.set(label, (applied.get(label) ?? 0) + count);
    }
    return piece;
  };
  const inRegion = (r: number) => (position: number) =>
    structure.region[position] === r ||
    (r > 0 && r <= structure.blocks.length && structure.copyable(r - 1, position));
  const sourceOf = inputSources(structure, opened.config.headSize);
  const context: AssembleContext = { structure, sourceOf, typeOf: typesOf(structure) };
  const single = (id: string, piece: Piece, outputs: Outputs): BoundProgram =>
    assemble(id, [canonical(piece, roleOf(sourceOf))], outputs, context)[0] as BoundProgram;

  const cut = (k: number): string => structure.cuts[k] as string;
  const embed = prepare(cutPiece(structure, nodes, [cut(0)], inRegion(0)));
  const head = prepare(
    cutPiece(structure, nodes, [structure.logits], inRegion(structure.blocks.length + 1)),
  );
  requireChainable(embed, null, 'The embedding', structure);
  requireChainable(head, cut(structure.blocks.length), 'The head', structure);
  const reattached =
    !structure.perTokenLogits && keepEveryPosition(head, cut(structure.blocks.length));
  if (reattached) applied.set('head computed for every position, not the last one only', 1);
  const opset = structure.model.opsets.get('') ?? structure.model.opsets.get('ai.onnx') ?? 18;
  const plainHead: Piece = {
    ...head,
    nodes: head.nodes.map(copyNode),
    inputs: [...head.inputs],
    initializers: new Map(head.initializers),
  };
  const headByPosition = appendNll(head, cut(structure.blocks.length), opset);
  if (!structure.perTokenLogits && !(reattached && headByPosition))
    throw withoutLogits(
      'The graph gives logits of the last token only, and ' +
        `${reattached ? 'its head mixes positions' : 'where it drops the others is not in its head'}, ` +
        'so perplexity over a window cannot be computed.',
    );
  const side = cutSide(structure, nodes, opened.summary.hiddenSize);
  const chosen = options.blocks ?? structure.blocks.map((block) => block.index);
  const blocks = chosen.map((b) => {
    const piece = prepare(cutPiece(structure, nodes, [cut(b + 1)], inRegion(b + 1)));
    requireChainable(piece, cut(b), `Block ${b}`, structure);
    return canonical(piece, roleOf(sourceOf));
  });
  const embedBound = single('embed', embed, [{ value: cut(0), target: { kind: 'residual' } }]);
  const headBound = single('head', head, [{ value: NLL, target: { kind: 'nll' } }]);
  const blocksBound = assembleClasses('block', blocks, context, cut(1));
  let sublayers: ReturnType<typeof makeSublayers> | null = null;
  let compare: BoundProgram | null = null;
  return {
    embed: embedBound,
    side: side && single('side', prepare(side), sideOutputs(side)),
    blocks: blocksBound,
    get sublayers() {
      sublayers ??= makeSublayers(
        chosen,
        context,
        (outputs, inside) => prepare(cutPiece(structure, nodes, outputs, inside)),
        roleOf(sourceOf),
      );
      return sublayers;
    },
    head: headBound,
    get compare() {
      compare ??= single(
        'compare',
        compareHead(plainHead, cut(structure.blocks.length), opset),
        comparedOutputs(),
      );
      return compare;
    },
    headByPosition,
    residualType: residualType(structure),
    hiddenSize: opened.summary.hiddenSize,
    vocabSize: opened.summary.vocabSize,
    staticPast: blocksBound.some(({ program }) => writesIntoPast(program)),
    rowsInteract: rowsInteract([embedBound, headBound, ...blocksBound]),
    wasmOnly:
      options.device === 'webgpu' && softcap > 0
        ? `The attention of this model has a soft cap of ${softcap}, which the WebGPU ` +
          'attention kernel ignores without an error.'
        : null,
    rewrites: [...applied.keys()],
  };
}

/** Name by which the context knows the type of the head's output. */
const NLL = 'espalier/nll';

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
      `The graph has no head (it gives out ${structure.logits}), so perplexity cannot be computed.`,
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

const WHOLE_TENSOR_SCALE = ['DynamicQuantizeLinear', 'com.microsoft.DynamicQuantizeMatMul'];

/**
 * Dynamic quantisation takes its scale from the largest value of the whole tensor, other rows
 * included.
 */
function rowsInteract(bound: readonly BoundProgram[]): boolean {
  return bound.some(({ program }) => WHOLE_TENSOR_SCALE.some((op) => op in program.ops));
}

/** A cache that the graph writes into by position needs room for the whole window. */
function writesIntoPast({ inputs, ops }: Program): boolean {
  return (
    inputs.some(({ source }) => source.kind === 'past' && source.dims.includes('past')) &&
    SCATTERS.some((op) => op in ops)
  );
}

const SCATTERS = ['TensorScatter', 'ScatterElements', 'ScatterND'];

function rewritesFor(
  options: ProgramOptions,
  structure: Structure,
): [string, (piece: Piece) => number][] {
  const list: [string, (piece: Piece) => number][] = [
    ['transposed weights folded into the matrix product', foldTransposedWeights],
    [
      'lookup in a transposed table reads its columns',
      (piece) => foldTransposedLookup(piece, structure.tokenInput),
    ],
  ];
  if (options.device === 'webgpu')
    list.push(['IsNaN after softmax replaced by a comparison', replaceIsNaN]);
  else list.push(['head norms taken out of the attention operator', expandHeadNorms]);
  if (!options.keepAccuracyLevel)
    list.push([
      '4-bit products computed with float activations (accuracy level 0)',
      exactQuantisedMatMul,
    ]);
  return list;
}

/** Inputs of one role are interchangeable in a class; the rest must match by kind. */
function roleOf(sourceOf: SourceOf): (value: string) => string {
  return (value) => sourceOf(value).kind.replace('-', '_');
}

function sideOutputs(side: Piece): Outputs {
  return side.outputs.map((value) => ({ value, target: { kind: 'side', value } }));
}

function comparedOutputs(): Outputs {
  return COMPARED.map((value) => ({ value: NLL, target: { kind: 'compared', value } }));
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
