// The programs of a model with one block alone, to be timed before a job.

import { type BoundProgram, type ScorePrograms, traitsOf } from '../../model/programs/program.ts';

/** No more weights than these are read to time a block. */
export const MOST_TIMED_BYTES = 512 * 2 ** 20;

/** The first block of the class that most blocks share. */
export function commonest({ blocks }: ScorePrograms): number {
  const ids = blocks.map(({ program }) => program.id);
  const count = (id: string) => ids.filter((other) => other === id).length;
  return ids.reduce((best, id, at) => (count(id) > count(ids[best]!) ? at : best), 0);
}

/**
 * A program of its own to the engine, which keeps one session for each program object: what is
 * timed is released afterwards, and must not take the sessions of a job along.
 */
const own = <P extends BoundProgram | null>(bound: P): P =>
  bound && { ...bound, program: { ...bound.program } };

/** The programs with a single block. Named one by one: others are made when they are read. */
export function withBlock(programs: ScorePrograms, at: number): ScorePrograms {
  const { embed, side, tokenSide, head, blocks } = programs;
  return {
    ...traitsOf(programs),
    embed: own(embed),
    side: own(side),
    tokenSide: own(tokenSide),
    blocks: blocks.slice(at, at + 1).map(own),
    head: own(head),
    compare: head,
  };
}
