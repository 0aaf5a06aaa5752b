// Says where the value of every outside input of a program comes from; must not invent values that
// the graph's interface does not explain.

import { EspalierError } from '../../errors.ts';
import type { ValueInfo } from '../../onnx/graph.ts';
import { stateShape } from '../structure/kv.ts';
import type { StatePair, Structure } from '../structure/structure.ts';
import { OTHER } from './compareHead.ts';
import { TARGETS } from './cutHead.ts';
import type { Piece } from './cutPiece.ts';
import type { InputSource, PositionForm, ProgramDim } from './program.ts';

/** Finds the source of a value that a piece reads from outside. */
export type SourceOf = (value: string) => InputSource;

/**
 * @param headSize of the config, for caches whose head size is a symbol; null when unknown.
 * @throws EspalierError `unsupported-graph` (when called) for inputs whose meaning is unknown.
 */
export function inputSources(structure: Structure, headSize: number | null): SourceOf {
  const stream = new Set([
    ...structure.cuts,
    ...structure.blocks.flatMap(({ mid }) => (mid === null ? [] : [mid])),
  ]);
  const graphInputs = new Map(structure.graph.inputs.map((input) => [input.name, input]));
  const graphOutputs = new Map(structure.graph.outputs.map((output) => [output.name, output]));
  const states = new Map(
    structure.blocks.flatMap((block) =>
      block.states.map((state): [string, StatePair] => [state.input, state]),
    ),
  );
  return (value) => {
    if (value === TARGETS) return { kind: 'targets' };
    if (value === OTHER) return { kind: 'other-residual' };
    if (stream.has(value)) return { kind: 'residual' };
    const input = graphInputs.get(value);
    if (!input) return { kind: 'side' };
    if (value === structure.tokenInput) return { kind: 'ids' };
    const state = states.get(value);
    if (state)
      return {
        kind: 'past',
        dims: pastDims(input, graphOutputs.get(state.output), state, headSize),
      };
    const rank = input.dims?.length ?? 2;
    if (/^(attention_mask|mask)$/.test(value) && rank === 2) return { kind: 'attention-mask' };
    if (/^(position_ids|cache_position)$/.test(value)) {
      const form = positionForm(input.dims);
      if (form !== null) return { kind: 'positions', form };
    }
    if (/^(num_logits_to_keep|logits_to_keep)$/.test(value))
      return { kind: 'constant', value: 0, dims: input.dims?.length ? [1] : [] };
    throw new EspalierError(
      'unsupported-graph',
      `The graph input "${value}" of rank ${rank} is none of token ids, attention mask, ` +
        'position ids or a cache, so it is unknown what to feed it.',
      'Export the model for plain text generation (ids, mask, positions and caches only).',
    );
  };
}

/** Text has the same position on every axis of a multimodal rotary embedding. */
function positionForm(dims: ValueInfo['dims']): PositionForm | null {
  if (dims === null || dims.length === 2) return 'rows';
  if (dims.length === 1) return 'row';
  const [axes] = dims;
  return dims.length === 3 && typeof axes === 'number' && axes <= MAX_POSITION_AXES ? axes : null;
}

/** Time, height, width, and text. */
const MAX_POSITION_AXES = 4;

/** Dims of an empty past or a zero state: (B, heads, past, head size) and relatives. */
function pastDims(
  input: ValueInfo,
  output: ValueInfo | undefined,
  state: StatePair,
  headSize: number | null,
): ProgramDim[] {
  const dims = input.dims ?? [];
  const { sequence } = stateShape(input, output);
  // Keys and values in one tensor (2, B, heads, past, head size) put the batch second.
  const batch = dims.length === 5 && typeof dims[0] === 'number' ? 1 : 0;
  return dims.map((dim, k) => {
    if (typeof dim === 'number') return dim;
    if (k === batch) return 'batch';
    if (k === sequence) return 'past';
    if (state.kind === 'kv' && k === dims.length - 1 && headSize !== null) return headSize;
    throw new EspalierError(
      'unsupported-graph',
      `Dimension ${k} of the cache input "${input.name}" is the symbol "${dim ?? '?'}", ` +
        'whose size neither the graph nor the config tells.',
      'Add the number of heads and the head size to config.json.',
    );
  });
}

/**
 * The first value a piece reads that a chain cannot give it: neither side value nor graph input nor
 * the one boundary.
 */
function foreignInput(
  piece: Piece,
  residual: string | null,
  structure: Structure,
): string | undefined {
  const given = new Set([
    ...structure.graph.inputs.map((input) => input.name),
    ...structure.sideValues.map((side) => side.name),
  ]);
  if (residual !== null) given.add(residual);
  return piece.inputs.find((value) => !given.has(value));
}

/** True for a piece that a chain can run from the boundary `residual`. */
export function readsOnly(piece: Piece, residual: string, structure: Structure): boolean {
  return foreignInput(piece, residual, structure) === undefined;
}

/**
 * Holds a piece to what a chain can give it: one value of the residual stream and side values of
 * the prologue.
 * @param residual the only boundary it may read, or null for none.
 * @throws EspalierError `unsupported-graph` naming the value that another block computes.
 */
export function requireChainable(
  piece: Piece,
  residual: string | null,
  where: string,
  structure: Structure,
): void {
  const foreign = foreignInput(piece, residual, structure);
  if (foreign === undefined) return;
  throw new EspalierError(
    'unsupported-graph',
    `${where} reads the value "${foreign}" of another part of the model, not only the ` +
      'residual stream, so blocks cannot be run one by one.',
    'Inspecting and pruning may still work; scoring this graph does not.',
  );
}
