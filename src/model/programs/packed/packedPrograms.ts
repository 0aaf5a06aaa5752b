// Programs that run on packed states: each distinct position once, (1, N, C), whatever the number
// of rows that share it. Blocks go back to ordinary rows where positions of a row meet.

import { renameNode } from '../../../onnx/rename.ts';
import { type BoundProgram, mapPrograms, type Program, type ScorePrograms } from '../program.ts';
import { Gatherer } from './gathers.ts';
import { type PackedBlock, packedBlock } from './packedBlock.ts';
import { graphOf, withNodes } from './remade.ts';

/**
 * The programs with a head of any positions, on states of any layout: residual (1, P, C) and an
 * index `predicting` (1, M + 1) -> nll (1, M). Everything else is as it was.
 * @returns null where the head does not treat every position alike.
 */
export function withPickingHead(programs: ScorePrograms): ScorePrograms | null {
  if (!programs.headByPosition || programs.rowsInteract) return null;
  return mapPrograms(programs, (bound) =>
    isHead(bound) ? changed(bound, ({ program }) => pickingHead(program)) : bound,
  );
}

/**
 * The programs on packed states. The embedding reads ordinary rows, (B, T), and gives (1, N, C);
 * blocks and sublayers take and give (1, N, C); the head is that of `withPickingHead`. Weights and
 * side values are bound as before.
 * @returns null where rows influence each other, and where no product of the blocks would be
 *   shared.
 */
export function packedPrograms(programs: ScorePrograms): ScorePrograms | null {
  const picking = withPickingHead(programs);
  if (!picking) return null;
  const { stateSize } = programs;
  const block = (program: Program): PackedBlock =>
    memo(blockOf, program, () => packedBlock(program, stateSize));
  if (!programs.blocks.some(({ program }) => block(program).products.shared > 0)) return null;
  return mapPrograms(picking, (bound) => {
    if (bound === programs.embed) return changed(bound, ({ program }) => embedding(program));
    if (bound.program.outputs[0]?.target.kind !== 'residual') return bound;
    return changed(bound, ({ program }) => block(program).program);
  });
}

const blockOf = new WeakMap<Program, PackedBlock>();
const programOf = new WeakMap<Program, Program>();
const boundOf = new WeakMap<BoundProgram, BoundProgram>();

function memo<K extends object, V>(known: WeakMap<K, V>, key: K, make: () => V): V {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

/** Blocks of one class stay one program, and what two models share stays one object. */
function changed(bound: BoundProgram, change: (bound: BoundProgram) => Program): BoundProgram {
  return memo(boundOf, bound, () => ({
    ...bound,
    program: memo(programOf, bound.program, () => change(bound)),
  }));
}

const isHead = ({ program }: BoundProgram): boolean =>
  program.outputs.length === 1 && program.outputs[0]?.target.kind === 'nll';

/** Reads the positions that an index names, and one more, which predicts nothing. */
function pickingHead(program: Program): Program {
  const { graph } = graphOf(program);
  const residual = program.inputs.find(({ source }) => source.kind === 'residual')?.name ?? '';
  const gatherer = new Gatherer(graph);
  const names = new Map([[residual, gatherer.gather(residual, 'grid', 'predicting')]]);
  return withNodes(program, 'picking', graph, gatherer, [
    ...gatherer.nodes,
    ...graph.nodes.map((node) => renameNode(node, names)),
  ]);
}

/** Gives each position once. */
function embedding(program: Program): Program {
  const { graph } = graphOf(program);
  const gatherer = new Gatherer(graph);
  const [output] = graph.outputs;
  const name = gatherer.gather(output!.name, 'grid', 'nodes');
  graph.outputs = [{ ...output!, name }];
  return withNodes(program, 'packed', graph, gatherer, [...graph.nodes, ...gatherer.nodes]);
}
