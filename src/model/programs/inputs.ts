// Says where the runtime gets the value of each input of a program.

import { EspalierError } from '../../errors.ts';
import type { ValueInfo } from '../../onnx/graph.ts';
import { stateShape } from '../structure/kv.ts';
import { graphSizes } from '../structure/sizes.ts';
import type { StatePair, Structure } from '../structure/structure.ts';
import { OTHER } from './compare/comparisonHead.ts';
import { TARGETS } from './nll.ts';
import type { InputSource, PositionForm, ProgramDim } from './program.ts';
import type { Subgraph } from './subgraph.ts';

/** The source of a value that a subgraph reads but does not compute. */
export type SourceOf = (value: string) => InputSource;

/**
 * @param headSize head size by the config, for caches that declare it as a symbol and whose
 *   block does not say it; null when unknown.
 * @returns a function that throws EspalierError `unsupported-graph` for an input of unknown
 *   meaning.
 */
export function inputSources(structure: Structure, headSize: number | null): SourceOf {
  const residualStream = new Set([
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
  const headSizeOf = (cache: string): number | null =>
    graphSizes(structure).caches.get(cache)?.headSize ?? headSize;
  return (value) => {
    if (value === TARGETS) return { kind: 'targets' };
    if (value === OTHER) return { kind: 'other-residual' };
    if (residualStream.has(value)) return { kind: 'residual' };
    const input = graphInputs.get(value);
    if (!input) return { kind: 'side' };
    if (value === structure.tokenInput) return { kind: 'ids' };
    const state = states.get(value);
    if (state)
      return {
        kind: 'past',
        dims: pastDims(input, graphOutputs.get(state.output), state, headSizeOf),
      };
    const rank = input.dims?.length ?? 2;
    const role = structure.roleOf(value);
    if (role === 'attention-mask' && rank === 2) return { kind: 'attention-mask' };
    if (role === 'positions') {
      const form = positionForm(input.dims);
      if (form !== null) return { kind: 'positions', form };
    }
    if (role === 'kept-logits')
      return { kind: 'constant', value: 0, dims: input.dims?.length ? [1] : [] };
    throw new EspalierError(
      'unsupported-graph',
      `The graph input "${value}" of rank ${rank} is not token ids, an attention mask, ` +
        'position ids or a cache, so there is no value to feed it.',
      'Export the model for plain text generation (ids, mask, positions and caches only).',
    );
  };
}

/** A text token has the same position on every axis of a multimodal rotary embedding. */
function positionForm(dims: ValueInfo['dims']): PositionForm | null {
  if (dims === null || dims.length === 2) return 'rows';
  if (dims.length === 1) return 'row';
  const [axes] = dims;
  return dims.length === 3 && typeof axes === 'number' && axes <= MAX_POSITION_AXES ? axes : null;
}

/** Time, height, width, and text. */
const MAX_POSITION_AXES = 4;

/** Dimensions of an empty past, (B, heads, past, head size) and the like, or of a zero state. */
function pastDims(
  input: ValueInfo,
  output: ValueInfo | undefined,
  state: StatePair,
  headSizeOf: (cache: string) => number | null,
): ProgramDim[] {
  const dims = input.dims ?? [];
  const { sequence } = stateShape(input, output);
  // Keys and values in one tensor (2, B, heads, past, head size) put the batch second.
  const batch = dims.length === 5 && typeof dims[0] === 'number' ? 1 : 0;
  return dims.map((dim, k) => {
    if (typeof dim === 'number') return dim;
    if (k === batch) return 'batch';
    if (k === sequence) return 'past';
    const size = state.kind === 'kv' && k === dims.length - 1 ? headSizeOf(input.name) : null;
    if (size !== null) return size;
    throw new EspalierError(
      'unsupported-graph',
      `Dimension ${k} of the cache input "${input.name}" is the symbol "${dim ?? '?'}", ` +
        'whose size neither the graph nor the config gives.',
      'Add the number of heads and the head size to config.json.',
    );
  });
}

/**
 * The first input of a subgraph that is not available when programs run one after the other: not a
 * side value, not a graph input, not one of the boundaries `residual`.
 */
function foreignInput(
  subgraph: Subgraph,
  residual: readonly string[],
  structure: Structure,
): string | undefined {
  const available = new Set([
    ...structure.graph.inputs.map((input) => input.name),
    ...structure.sideValues.map((side) => side.name),
    ...residual,
  ]);
  return subgraph.inputs.find((value) => !available.has(value));
}

/** True when a subgraph reads no values of the model's interior other than `residual`. */
export function readsOnly(
  subgraph: Subgraph,
  residual: readonly string[],
  structure: Structure,
): boolean {
  return foreignInput(subgraph, residual, structure) === undefined;
}

/**
 * Requires a subgraph to read one value of the residual stream, side values and graph inputs only,
 * so that the programs can run one after the other.
 * @param residual the boundaries it may read.
 * @param where what the subgraph is, as the first words of the message.
 * @throws EspalierError `unsupported-graph` naming the value that another block computes.
 */
export function requireChainable(
  subgraph: Subgraph,
  residual: readonly string[],
  where: string,
  structure: Structure,
): void {
  const foreign = foreignInput(subgraph, residual, structure);
  if (foreign === undefined) return;
  throw new EspalierError(
    'unsupported-graph',
    `${where} reads the value "${foreign}" of another part of the model, not only the ` +
      'residual stream, so blocks cannot be run one by one.',
    'Inspecting and pruning may still work; scoring this graph does not.',
  );
}
