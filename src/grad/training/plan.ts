// What the units of a plan are made of.

import { EspalierError } from '../../errors.ts';
import type { BoundProgram, ScorePrograms } from '../../model/programs/program.ts';
import type { Structure } from '../../model/structure/structure.ts';
import { blockOf, sublayerOf, type Unit } from '../../units.ts';
import type { Runs } from '../runs.ts';
import type { TrainedUnit, TrainingOptions } from './options.ts';

export interface Context {
  structure: Structure;
  programs: ScorePrograms;
  options: TrainingOptions;
  runs: Runs;
}

/** The program of a unit. @throws EspalierError `bug` where there is none */
export function programOf({ blocks, sublayers }: ScorePrograms, unit: Unit): BoundProgram {
  const sublayer = sublayerOf(unit);
  const block = blockOf(unit);
  const bound = sublayer === null ? blocks[block] : sublayers?.[block]?.[sublayer];
  if (!bound) throw new EspalierError('bug', `There is no unit ${unit} to train.`);
  return bound;
}

/** A unit that stays as it is. */
export function plain(unit: Unit, bound: BoundProgram): TrainedUnit {
  return { unit, block: blockOf(unit), parameters: [], forward: bound, training: bound };
}

/** How many of these blocks run. */
export function runningIn(blocks: ReadonlySet<number>, kept: readonly Unit[]): number {
  return new Set(kept.map(blockOf).filter((block) => blocks.has(block))).size;
}
