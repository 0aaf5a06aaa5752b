// Streams replayed with symbols instead of tensors: any schedule, left at any step, goes on to the
// same ends and leaks no state.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseUnits, type Unit } from '../../units.ts';
import { dropState, HiddenStates, type IntactStates } from './hidden.ts';
import {
  blockCandidates,
  type Candidate,
  intactEnd,
  lineOf,
  partCandidates,
  residentSchedule,
  type Step,
  streamedSchedule,
  type Variant,
} from './schedule.ts';
import {
  type LiveState,
  type PassState,
  Streams,
  stepsAfter,
  type WindowBytes,
} from './streams.ts';

/** States that know which pieces they went through, and how many of them are alive. */
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
  return text === '' ? [] : text.split(',').map((piece) => parseUnits(piece).units?.[0] ?? -1);
}

/**
 * Runs up to `stop` steps; what the variants went through, and everything alive when it stopped.
 */
async function run(
  world: World,
  steps: readonly Step[],
  starts: ReadonlyMap<Unit, number>,
  keepIntact: boolean,
  saved: PassState | null,
  stop: number,
): Promise<{ ends: Map<Variant, readonly Unit[]>; left: PassState }> {
  const intact: IntactStates = new Map(
    (saved?.intact ?? [{ at: 0, windows: [] }]).map(({ at, windows }) => [
      at,
      world.restore(windows),
    ]),
  );
  const live: LiveState = {
    front: saved?.front ?? 0,
    streams: new Map(
      (saved?.streams ?? []).map(({ unit, next, windows }) => [
        unit,
        { next, state: world.restore(windows) },
      ]),
    ),
  };
  const streams = new Streams(intact, steps, starts, keepIntact, live);
  const ends = new Map<Variant, readonly Unit[]>();
  for (const step of steps.slice(0, stop)) {
    const input = streams.of(step.variant);
    if (step.kind === 'block')
      streams.advance(step.variant, step.at, world.state([...world.path(input), step.piece]));
    else {
      ends.set(step.variant, world.path(input));
      streams.end(step.variant);
    }
  }
  const left = await streams.save(world.read);
  streams.release();
  for (const cut of [...intact.keys()]) dropState(intact, cut);
  expect(world.alive).toBe(0);
  return { ends, left };
}

const chosen = fc.record({
  numBlocks: fc.integer({ min: 1, max: 7 }),
  removed: fc.subarray<Unit>([1, '2.attn', '4.ffn', 5]),
  parts: fc.boolean(),
  streamed: fc.boolean(),
  keepIntact: fc.boolean(),
  baseline: fc.boolean(),
  refused: fc.integer({ min: 0, max: 9 }),
  stops: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 3 }),
});

test('interrupted at any step, every ablation ends as if uninterrupted', async () => {
  await fc.assert(
    fc.asyncProperty(
      chosen,
      async ({ numBlocks, removed, parts, streamed, keepIntact, baseline, refused, stops }) => {
        const line = lineOf(numBlocks, removed);
        const candidates = (parts ? partCandidates : blockCandidates)(
          line,
          (block) => block !== refused,
        );
        const starts = new Map(candidates.map(({ unit, at }) => [unit, at]));
        const stepsFor = (open: readonly Candidate[], wanted: boolean): Step[] =>
          (streamed ? streamedSchedule : residentSchedule)({
            line,
            candidates: open,
            from: 0,
            to: intactEnd(line, open, wanted),
            baseline: wanted,
          });
        const world = new World();
        const ends = new Map<Variant, readonly Unit[]>();
        let saved: PassState | null = null;
        for (const stop of [...stops, Number.POSITIVE_INFINITY]) {
          const steps = stepsFor(
            candidates.filter(({ unit }) => !ends.has(unit)),
            baseline && !ends.has('intact'),
          );
          const left: readonly Step[] | null = saved
            ? stepsAfter(steps, starts, saved, new Set())
            : steps;
          // What was alive is always enough to go on.
          expect(left).not.toBeNull();
          const turn = await run(world, left ?? steps, starts, keepIntact, saved, stop);
          for (const [variant, path] of turn.ends) ends.set(variant, path);
          saved = turn.left;
        }
        for (const { unit, at, rest } of candidates)
          expect(ends.get(unit)).toEqual([...line.slice(0, at), ...rest, ...line.slice(at + 1)]);
        expect(ends.get('intact')).toEqual(baseline ? line : undefined);
      },
    ),
    { numRuns: 400 },
  );
});
