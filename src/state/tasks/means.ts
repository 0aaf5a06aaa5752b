// One number for each variant: its mean over the tasks of the newest whole run, and of other runs
// over the same rows.

import type { TasksResult, TaskVariant } from '../../contract/comparison/tasks.ts';
import type { ScoreDifference } from '../../tasks/compare.ts';
import { areTheSeven } from '../../tasks/table.ts';
import type { Unit } from '../../units.ts';
import { tasksMeanWords } from '../../words/variants.ts';
import { derive } from '../memo.ts';
import type { StudioState } from '../state.ts';
import { variantKey } from '../variants/names.ts';
import type { ScoredTasks } from './forms.ts';
import { keyOfVariant, taskLabel } from './names.ts';

export interface TasksMean {
  mean: number;
  /** From the original, on the same rows; null for that itself, and where it did not run. */
  difference: ScoreDifference | null;
}

export interface TasksMeans {
  /** Equal for results over the same rows. */
  rows: string;
  /** By key of the variant. */
  means: ReadonlyMap<string, TasksMean>;
  /** "mean of the seven tasks, 200 rows of each drawn with seed 0". */
  words: string;
}

/**
 * Of runs that came to their end, newest first; null without any. The rows that come with
 * Espalier say nothing of a model, so that runs over them do not count.
 */
function meansOf(runs: readonly ScoredTasks[]): TasksMeans | null {
  const sound = runs.filter(
    ({ result, whole }) => whole && !result.tasks.some(({ source }) => source.builtIn),
  );
  const newest = sound[0]?.result;
  if (!newest) return null;
  const rows = rowsKey(newest);
  const means = new Map<string, TasksMean>();
  for (const { result } of sound.filter((run) => rowsKey(run.result) === rows))
    for (const [at, variant] of result.variants.entries()) {
      const mean = result.means[at] ?? null;
      const key = keyOfVariant(variant);
      if (mean !== null && Number.isFinite(mean) && !means.has(key))
        means.set(key, { mean, difference: differenceOf(result, at) });
    }
  return means.size === 0 ? null : { rows, means, words: wordsOf(newest) };
}

/** False for scores whose answers to single rows are not kept. */
export const hasAnswers = (run: ScoredTasks | null): boolean =>
  run?.result.tasks.some(({ outcomes }) => outcomes.some(({ items }) => items.length > 0)) ?? false;

/** Of the open model. */
export const tasksMeans = derive(
  (state: StudioState) => [state.tasks.results],
  (results): TasksMeans | null => meansOf(results),
);

/**
 * Of the source of an export and of the plan that was written, by its espalier.json; null where
 * they answered other rows than the open folder did.
 */
export function meansAtExport(
  { tasks, removed, healing, quantisation }: Origin,
  own: TasksMeans | null,
): { original: TasksMean | null; plan: TasksMean | null } {
  const found = meansOf(tasks);
  const means = found && (own?.rows ?? found.rows) === found.rows ? found.means : null;
  const key = variantKey(removed, healing?.id, quantisation?.id);
  return { original: means?.get('') ?? null, plan: means?.get(key) ?? null };
}

/** What a part of an espalier.json says of the plan that was written. */
interface Origin {
  tasks: readonly ScoredTasks[];
  removed: readonly Unit[];
  healing: { id: string } | null;
  quantisation: { id: string } | null;
}

/** Which rows the accuracies in the table of variants are of. */
export const rowsOfMeans = derive(
  (state: StudioState) => [tasksMeans(state), state.model.current?.madeFrom],
  (own, madeFrom): string | null => (own ?? meansOf(madeFrom?.tasks ?? []))?.words ?? null,
);

const isOriginal = (variant: TaskVariant | undefined): boolean => variant?.kind === 'original';

const differenceOf = ({ variants, meanDifferences }: TasksResult, at: number) =>
  isOriginal(variants[0]) ? (meanDifferences[at] ?? null) : null;

function rowsKey({ tasks, settings: { limit, seed } }: TasksResult): string {
  const data = tasks.map(({ task, sha256 }) => [task, sha256]).sort();
  return JSON.stringify([data, limit, limit === null ? null : seed]);
}

function wordsOf({ tasks, settings: { limit, seed } }: TasksResult): string {
  const names = tasks.map(({ task }) => task);
  const labels = areTheSeven(names) ? null : names.map(taskLabel);
  return tasksMeanWords(labels, limit, seed);
}
