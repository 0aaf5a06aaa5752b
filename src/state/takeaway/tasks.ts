// Scores of zero-shot tasks as a table, and the answers that they are made of. Pure.

import type { TaskResult, TasksResult } from '../../contract/comparison/tasks.ts';
import type { Cell } from '../../csv.ts';
import { answersTable } from '../../tasks/answers.ts';
import { inMetric, type ScoreDifference } from '../../tasks/compare.ts';
import { formatUnits } from '../../units.ts';
import { tasksRunWords } from '../../words/comparison/tasks.ts';
import { columnHeads as heads } from '../../words/takeaway/files.ts';
import { deviceName } from '../device/selectors.ts';
import type { StudioState } from '../state.ts';
import type { ScoredTasks } from '../tasks/forms.ts';
import { keyOfVariant, taskLabel } from '../tasks/names.ts';
import { nameOfVariant } from '../variants/variants.ts';
import type { Maker } from './maker.ts';
import type { Column, Table } from './table.ts';

const COLUMNS: readonly Column[] = [
  { name: 'task', head: heads.task, kind: 'text' },
  { name: 'variant', head: heads.variant, kind: 'text' },
  { name: 'removed', kind: 'text' },
  { name: 'rows', head: heads.rows, kind: 'count' },
  { name: 'rows_of_task', kind: 'count' },
  { name: 'metric', head: heads.metric, kind: 'text' },
  { name: 'score', head: heads.accuracy, kind: 'share' },
  { name: 'stderr', head: heads.stderr, kind: 'share' },
  { name: 'difference', head: heads.difference, kind: 'points' },
  { name: 'difference_low', head: heads.low, kind: 'points' },
  { name: 'difference_high', head: heads.high, kind: 'points' },
  { name: 'acc', kind: 'share' },
  { name: 'acc_stderr', kind: 'share' },
  { name: 'acc_norm', kind: 'share' },
  { name: 'acc_norm_stderr', kind: 'share' },
  { name: 'files', kind: 'text' },
  { name: 'built_in', kind: 'flag' },
  { name: 'rows_sha256', kind: 'text' },
];

const resultOf = ({ tasks }: StudioState): TasksResult | null => tasks.shown?.result ?? null;

/** Of the variants of a result, as the table of variants names them. */
const namesOf = (state: StudioState, { variants }: TasksResult): string[] =>
  variants.map((variant) => {
    const key = keyOfVariant(variant);
    return state.variants.names.get(key) ?? nameOfVariant(state, key);
  });

const differenceCells = (difference: ScoreDifference | null): Cell[] => [
  difference?.value ?? null,
  difference?.ci95[0] ?? null,
  difference?.ci95[1] ?? null,
];

/** A line for each task and variant, and one for the mean of each variant. */
function scoresTable(state: StudioState): Table {
  const result = resultOf(state);
  if (!result) return { columns: COLUMNS, rows: [] };
  const names = namesOf(state, result);
  const removedOf = (variant: number): string =>
    formatUnits(result.variants[variant]?.removed ?? []);
  const ofTask = ({ task, metric, source, rows, sha256, outcomes }: TaskResult): Cell[][] =>
    outcomes
      .filter((outcome) => outcome.rows > 0)
      .map((outcome) => {
        const { score, stderr } = inMetric(outcome, metric);
        return [
          taskLabel(task),
          names[outcome.variant] ?? '',
          removedOf(outcome.variant),
          outcome.rows,
          rows,
          metric === 'acc' ? 'acc' : 'acc_norm',
          score,
          stderr,
          ...differenceCells(outcome.difference),
          outcome.acc,
          outcome.accStderr,
          outcome.accNorm,
          outcome.accNormStderr,
          source.files.join(' '),
          source.builtIn,
          sha256,
        ];
      });
  const means = result.means.map((mean, at): Cell[] => [
    heads.tasksMean,
    names[at] ?? '',
    removedOf(at),
    ...[null, null, ''],
    mean,
    null,
    ...differenceCells(result.meanDifferences[at] ?? null),
    ...[null, null, null, null, '', result.tasks.some(({ source }) => source.builtIn), ''],
  ]);
  return { columns: COLUMNS, rows: [...result.tasks.flatMap(ofTask), ...means] };
}

function measured({ tasks: { shown } }: StudioState): ReturnType<Maker['measured']> {
  if (!shown) return { settings: {}, device: null, words: '' };
  const { variants, settings, tokens, warnings, seconds, device } = shown.result;
  return {
    settings: { variants, ...settings, tokens, warnings, notes: shown.notes, seconds },
    device,
    words: `${runWords(shown)}, ${deviceName(device)}`,
  };
}

const runWords = ({ result: { settings, tokens } }: ScoredTasks): string =>
  tasksRunWords({ ...settings, tokens }).replace(/\.$/, '');

export const tasks: Maker = { table: scoresTable, measured };

function everyAnswer(state: StudioState): Table {
  const result = resultOf(state) ?? { variants: [], tasks: [] };
  const names = 'means' in result ? namesOf(state, result) : [];
  const { columns, rows } = answersTable(result, names);
  return { columns: columns.map(({ name }) => ({ name, kind: 'text' as const })), rows };
}

export const answers: Maker = { table: everyAnswer, measured };
