// Verdicts and scores of a task out of log-likelihoods, as the lm-evaluation-harness defines them.

import type { ChoiceScore, TaskItem, TaskRow, TaskScores } from './types.ts';

/**
 * What a model made of one row: the first choice of the largest log-likelihood is its answer
 * (`acc`), or of the largest log-likelihood per code point of the choice (`accNorm`). A row with a
 * log-likelihood that is not a number has no answer and counts as wrong: `rowsWithoutNumbers`.
 * @param task whether it has a normalised accuracy
 * @param scores one for each choice, in order
 * @throws RangeError for another number of scores than choices
 * @source lm-evaluation-harness 0.4, `ConfigurableTask.process_results` of `multiple_choice`
 */
export function itemOf(
  row: Pick<TaskRow, 'doc' | 'target' | 'choices'>,
  task: { hasAccNorm: boolean },
  scores: readonly ChoiceScore[],
): TaskItem {
  const { doc, target, choices } = row;
  if (scores.length !== choices.length)
    throw new RangeError(`${scores.length} log-likelihoods for ${choices.length} choices`);
  const sums = scores.map(({ logLikelihood }) => logLikelihood);
  const chosen = firstLargest(sums);
  const chosenNorm = task.hasAccNorm
    ? firstLargest(sums.map((sum, i) => sum / codePoints(choices[i]!)))
    : null;
  const verdict = (answer: number): 0 | 1 => (answer === target ? 1 : 0);
  return {
    doc,
    target,
    acc: verdict(chosen),
    accNorm: chosenNorm === null ? null : verdict(chosenNorm),
    chosen,
    chosenNorm,
    choices: scores,
  };
}

/**
 * The scores over rows; NaN where there is none.
 * @param total rows of the task in its file
 */
export function scoresOf(
  items: readonly TaskItem[],
  total: number,
  hasAccNorm: boolean,
): TaskScores {
  const plain = shareRight(items.map(({ acc }) => acc));
  const norm = hasAccNorm ? shareRight(items.map(({ accNorm }) => accNorm ?? 0)) : null;
  return {
    rows: items.length,
    total,
    acc: plain.share,
    accStderr: plain.stderr,
    accNorm: norm?.share ?? null,
    accNormStderr: norm?.stderr ?? null,
    items,
  };
}

/** How many rows have a log-likelihood that is not a number, or is +Infinity. */
export const rowsWithoutNumbers = (items: readonly TaskItem[]): number =>
  items.filter(({ chosen }) => chosen < 0).length;

/** Characters as Python's `len` counts them: a letter beyond 16 bits is one. */
function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Index of the first largest value; -1 where one of them is no log-likelihood. */
function firstLargest(values: readonly number[]): number {
  if (values.some((value) => Number.isNaN(value) || value === Number.POSITIVE_INFINITY)) return -1;
  let best = 0;
  for (const [i, value] of values.entries()) if (value > values[best]!) best = i;
  return best;
}

/** Mean of 0/1 values and its standard error, sqrt(p (1 - p) / (n - 1)); 0 for one value. */
function shareRight(values: readonly number[]): { share: number; stderr: number } {
  const n = values.length;
  const share = values.reduce((sum, value) => sum + value, 0) / n;
  return { share, stderr: n === 1 ? 0 : Math.sqrt((share * (1 - share)) / (n - 1)) };
}
