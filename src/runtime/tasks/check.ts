// Whether packed runs, and padded ones, give what each sequence gives alone: tried once for each
// model, on a few of its sequences, because a graph may do what no analysis expects.

import type { ScorePrograms } from '../../model/programs/program.ts';
import { BatchBuilder, type BatchForm, runLength, type TaskSequence } from './batch.ts';
import type { RunForm } from './batchRuns.ts';
import type { ChainRun, ChainVariant } from './chainRun.ts';
import type { RunItem } from './runItems.ts';

/** How the sequences of a model run. */
export interface Way {
  form: RunForm;
  batch: BatchForm;
}

/** Largest difference of a log-likelihood per predicted token, nats. */
const TOLERANCE = { exact: 1e-4, rounded: 2e-2 };

/**
 * The ways in which a model can run sequences, the one with the fewest tokens first. The last one
 * runs rows as they are, those of one length together.
 */
export function waysOf(programs: ScorePrograms, has: (form: RunForm) => boolean): Way[] {
  const form = has('rows') ? 'rows' : 'whole';
  const batch = { shared: false, padded: true, whole: form === 'whole' };
  const alone: Way = { form, batch: { ...batch, padded: false } };
  if (programs.rowsInteract) return [alone];
  const ways = [{ form, batch } as const, alone];
  return has('packed')
    ? [{ form: 'packed', batch: { shared: true, padded: true, whole: false } }, ...ways]
    : ways;
}

/**
 * Sequences for a trial: two that begin alike, the shortest and the longest; without the last ones
 * where memory has no room for all.
 * @param fits whether there is room for so many rows of the longest, of so many tokens in all
 */
export function trialOf(
  sequences: readonly TaskSequence[],
  open: readonly number[],
  fits: (rows: number, longest: number, tokens: number) => boolean,
): number[] {
  const length = (index: number): number => sequences[index]!.ids.length;
  const [first] = open;
  if (first === undefined) return [];
  let [longest, shortest] = [first, first];
  for (const index of open) {
    if (length(index) > length(longest)) longest = index;
    if (length(index) < length(shortest)) shortest = index;
  }
  const pair = open.findIndex((index, at) => at > 0 && beginAlike(sequences, open[at - 1]!, index));
  const pairOrFirst = [open[Math.max(0, pair - 1)]!, open[Math.max(0, pair)]!];
  const trial = [...new Set([...pairOrFirst, shortest, longest])];
  const hasRoom = (): boolean => {
    const lengths = trial.map(length);
    const tokens = lengths.reduce((sum, one) => sum + one, 0);
    return fits(trial.length, Math.max(...lengths), tokens);
  };
  while (trial.length > 2 && !hasRoom()) trial.pop();
  return trial;
}

function beginAlike(sequences: readonly TaskSequence[], a: number, b: number): boolean {
  const [x, y] = [sequences[a]!, sequences[b]!];
  return x.group !== undefined && x.group === y.group;
}

/** The items of a trial: all together in one way, then each alone. */
export function trialItems(
  run: ChainRun,
  [way, alone]: readonly [Way, Way],
  sequences: readonly TaskSequence[],
  trial: readonly number[],
  variant: ChainVariant,
): RunItem[] {
  const together = new BatchBuilder(way.batch);
  for (const index of trial) together.add(index, sequences[index]!);
  return [
    run.item(together.build(), way.form, [variant]),
    ...trial.map((index) => {
      const single = new BatchBuilder(alone.batch);
      single.add(index, sequences[index]!);
      return run.item(single.build(), alone.form, [variant]);
    }),
  ];
}

/**
 * Whether a trial has found the same numbers both ways.
 * @param nll by item, of its only variant
 * @param rounded activations have few bits: equal values may be rounded apart
 */
export function agrees(
  items: readonly RunItem[],
  nll: readonly (readonly Float32Array[])[],
  rounded: boolean,
): boolean {
  const [together = new Map(), ...alone] = items.map(({ batch }, k) => {
    const sums = new Map<number, { sum: number; count: number }>();
    for (const [at, { sequence }] of batch.predictions.entries()) {
      const own = sums.get(sequence) ?? { sum: 0, count: 0 };
      sums.set(sequence, { sum: own.sum + nll[k]![0]![at]!, count: own.count + 1 });
    }
    return sums;
  });
  const limit = rounded ? TOLERANCE.rounded : TOLERANCE.exact;
  return alone.every((own) =>
    [...own].every(([sequence, { sum, count }]) => {
      const other = together.get(sequence)?.sum ?? Number.NaN;
      // What is no number one way must be none the other way.
      return Number.isFinite(sum)
        ? Math.abs(sum - other) <= limit * count
        : !Number.isFinite(other);
    }),
  );
}

/** Tokens of sequences that run when nothing is shared or padded. */
export const tokensOf = (
  sequences: readonly TaskSequence[],
  indices: readonly number[],
  { batch }: Way,
): number => indices.reduce((sum, index) => sum + runLength(sequences[index]!, batch), 0);
