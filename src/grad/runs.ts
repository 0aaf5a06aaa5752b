// What is known of the runs of a model's programs, by shape.

import type { BoundProgram, ScorePrograms } from '../model/programs/program.ts';
import type { RunValues } from './forward.ts';
import { type RunShape, sideValues } from './shapes/programInputs.ts';
import type { Value } from './shapes/value.ts';

/** The value of a key, made when it is first asked for. */
export function remember<K, T>(map: Map<K, T>, key: K, make: () => T): T {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

/** Names a shape: `4x128`. */
export const shapeName = ({ rows, length }: RunShape): string => `${rows}x${length}`;

export class Runs {
  private readonly programs: ScorePrograms;
  private readonly feedsNibbles: boolean;
  private readonly shapes = new Map<string, ReadonlyMap<string, Value>>();
  private readonly contents = new Map<string, number>();

  /** @param feedsNibbles the device takes tensors of 4-bit integers as inputs. */
  constructor(programs: ScorePrograms, feedsNibbles: boolean) {
    this.programs = programs;
    this.feedsNibbles = feedsNibbles;
  }

  values(run: RunShape): RunValues {
    const { programs, feedsNibbles } = this;
    return {
      run,
      sides: remember(this.shapes, shapeName(run), () => sideValues(programs, run)),
      stateSize: programs.stateSize,
      past: programs.staticPast ? run.length : 0,
      feedsNibbles,
    };
  }

  /**
   * Equal for programs that are the same in such a run. Blocks of one class may read different
   * masks, whose contents become part of a gradient program.
   */
  key({ program, sides }: BoundProgram, run: RunShape): string {
    const values = this.values(run).sides;
    const known = [...sides].flatMap(([input, side]) => {
      const data = values.get(side)?.data?.join() ?? null;
      return data === null
        ? []
        : [[input, remember(this.contents, data, () => this.contents.size)]];
    });
    return JSON.stringify([program.id, shapeName(run), known]);
  }
}
