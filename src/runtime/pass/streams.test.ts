// Streams replayed with symbols instead of tensors: any schedule, interrupted at any step, is
// resumed to the same end and leaks no state.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseUnits, type Unit } from '../../units.ts';
import { dropState, HiddenStates, type StatesByCut } from './hidden.ts';
import {
  type Ablation,
  blockCandidates,
  type Candidate,
  originalEnd,
  residentSchedule,
  type Step,
  sequenceOf,
  streamedSchedule,
  sublayerCandidates,
} from './schedule.ts';
import {
  type LiveState,
  type PassState,
  Streams,
  stepsAfter,
  type WindowBytes,
} from './streams.ts';

/** States that know which units they went through, and how many of them are alive. */
class World {
  alive = 0;
  private readonly paths = new WeakMap<HiddenStates, readonly Unit[]>();

  state(path: readonly Unit[]): HiddenStates {
    this.alive += 1;
    const state = new HiddenStates([], () => {
      this.alive -= 1;
    });
    this.paths.set(state, path);
    return state;
  }

  path(state: HiddenStates): readonly Unit[] {
    return this.paths.get(state) ?? [];
  }

  read = async (state: HiddenStates): Promise<WindowBytes> => [
    new TextEncoder().encode(this.path(state).join()),
  ];

  restore([bytes]: WindowBytes): HiddenStates {
    return this.state(parseUnitsInOrder(new TextDecoder().decode(bytes)));
  }
}

function parseUnitsInOrder(text: string): Unit[] {
  return text === '' ? [] : text.split(',').map((unit) => parseUnits(unit).units?.[0] ?? -1);
}

/**
 * Runs up to `stop` steps; what the ablations went through, and everything alive when it stopped.
 */
async function run(
  world: World,
  steps: readonly Step[],
  branchPoints: ReadonlyMap<Unit, number>,
  keepOriginal: boolean,
  saved: PassState | null,
  stop: number,
): Promise<{ ends: Map<Ablation, readonly Unit[]>; left: PassState }> {
  const original: StatesByCut = new Map(
    (saved?.original ?? [{ at: 0, windows: [] }]).map(({ at, windows }) => [
      at,
      world.restore(windows),
    ]),
  );
  const live: LiveState = {
    position: saved?.position ?? 0,
    streams: new Map(
      (saved?.streams ?? []).map(({ unit, next, windows }) => [
        unit,
        { next, state: world.restore(windows) },
      ]),
    ),
  };
  const streams = new Streams(original, steps, branchPoints, keepOriginal, live);
  const ends = new Map<Ablation, readonly Unit[]>();
  for (const step of steps.slice(0, stop)) {
    const input = streams.of(step.ablation);
    if (step.kind === 'block')
      streams.advance(step.ablation, step.at, world.state([...world.path(input), step.unit]));
    else {
      ends.set(step.ablation, world.path(input));
      streams.end(step.ablation);
    }
  }
  const left = await streams.save(world.read);
  streams.release();
  for (const cut of [...original.keys()]) dropState(original, cut);
  expect(world.alive).toBe(0);
  return { ends, left };
}

const chosen = fc.record({
  numBlocks: fc.integer({ min: 1, max: 7 }),
  removed: fc.subarray<Unit>([1, '2.attn', '4.ffn', 5]),
  sublayers: fc.boolean(),
  streamed: fc.boolean(),
  keepOriginal: fc.boolean(),
  baseline: fc.boolean(),
  refused: fc.integer({ min: 0, max: 9 }),
  stops: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 3 }),
});

test('interrupted at any step, every ablation ends as if uninterrupted', async () => {
  await fc.assert(
    fc.asyncProperty(
      chosen,
      async ({
        numBlocks,
        removed,
        sublayers,
        streamed,
        keepOriginal,
        baseline,
        refused,
        stops,
      }) => {
        const sequence = sequenceOf(numBlocks, removed);
        const candidates = (sublayers ? sublayerCandidates : blockCandidates)(
          sequence,
          (block) => block !== refused,
        );
        const branchPoints = new Map(candidates.map(({ unit, at }) => [unit, at]));
        const stepsFor = (open: readonly Candidate[], baselineOpen: boolean): Step[] =>
          (streamed ? streamedSchedule : residentSchedule)({
            sequence,
            candidates: open,
            from: 0,
            to: originalEnd(sequence, open, baselineOpen),
            baseline: baselineOpen,
          });
        const world = new World();
        const ends = new Map<Ablation, readonly Unit[]>();
        let saved: PassState | null = null;
        for (const stop of [...stops, Number.POSITIVE_INFINITY]) {
          const steps = stepsFor(
            candidates.filter(({ unit }) => !ends.has(unit)),
            baseline && !ends.has('original'),
          );
          const left: readonly Step[] | null = saved
            ? stepsAfter(steps, branchPoints, saved, new Set())
            : steps;
          // What was alive is always enough to go on.
          expect(left).not.toBeNull();
          const turn = await run(world, left ?? steps, branchPoints, keepOriginal, saved, stop);
          for (const [ablation, path] of turn.ends) ends.set(ablation, path);
          saved = turn.left;
        }
        for (const { unit, at, rest } of candidates)
          expect(ends.get(unit)).toEqual([
            ...sequence.slice(0, at),
            ...rest,
            ...sequence.slice(at + 1),
          ]);
        expect(ends.get('original')).toEqual(baseline ? sequence : undefined);
      },
    ),
    { numRuns: 400 },
  );
});
