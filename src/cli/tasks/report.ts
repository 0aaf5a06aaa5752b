// What `tasks` reports: the JSON, and the table in words for standard error.

import type {
  TaskOutcome,
  TaskResult,
  TasksResult,
  TaskVariant,
  TaskVariantKind,
} from '../../contract/comparison/tasks.ts';
import { inMetric, type ScoreDifference } from '../../tasks/compare.ts';
import { areTheSeven, taskOf } from '../../tasks/table.ts';
import type { TaskItem, TaskSource } from '../../tasks/types.ts';
import { formatUnits, type Unit } from '../../units.ts';

/** A row as the JSON has it. */
type ItemReport = Omit<TaskItem, 'chosen' | 'chosenNorm'>;

interface ScoresReport extends Omit<TaskOutcome, 'variant' | 'difference' | 'items'> {
  /** What the mean takes. */
  metric: TaskResult['metric'];
  items: ItemReport[];
}

interface OriginalReport extends ScoresReport {
  source: TaskSource;
  sha256: string;
}

/** A variant beside the original: differences are its score minus that of the original. */
interface VariantReport {
  removed: Unit[];
  tasks: Record<string, ScoresReport & Pick<TaskOutcome, 'difference'>>;
  /** Plain mean over the tasks of each one's metric; null while one is not answered. */
  mean: number | null;
  meanDifference: ScoreDifference | null;
}

/** What `tasks` writes. */
export interface TasksReport
  extends Pick<TasksResult, 'settings' | 'tokens' | 'device' | 'warnings' | 'seconds'> {
  tasks: Record<string, OriginalReport>;
  mean: number | null;
  plan?: VariantReport;
  quantised?: VariantReport & { dtype: string };
  /** Files that hold no rows of a task, or none that are needed. */
  ignored: { file: string; why: string }[];
  /** False when it was stopped before all rows were answered. */
  complete: boolean;
  runtime: string;
}

export function tasksReport(
  result: TasksResult,
  about: Pick<TasksReport, 'ignored' | 'complete' | 'runtime'>,
): TasksReport {
  const { settings, tokens, device, warnings, seconds, tasks, variants } = result;
  const ofKind = (kind: TaskVariantKind): VariantReport | null => {
    const at = variants.findIndex((variant) => variant.kind === kind);
    return at < 0 ? null : variantReport(result, at);
  };
  const [plan, quantised] = [ofKind('plan'), ofKind('quantised')];
  const answered = tasks.flatMap((task) => {
    const outcome = outcomeOf(task, 0);
    return outcome ? [{ task, outcome }] : [];
  });
  return {
    tasks: Object.fromEntries(
      answered.map(({ task, outcome }) => [
        task.task,
        { ...scoresReport(task, outcome), source: task.source, sha256: task.sha256 },
      ]),
    ),
    mean: result.means[0] ?? null,
    ...(plan && { plan }),
    ...(quantised && { quantised: { dtype: dtypeOf(variants), ...quantised } }),
    ...{ settings, tokens, device, warnings, seconds },
    ...about,
  };
}

const dtypeOf = (variants: readonly TaskVariant[]): string =>
  variants.find(({ kind }) => kind === 'quantised')?.quantised ?? '';

function variantReport(result: TasksResult, at: number): VariantReport {
  const answered = result.tasks.flatMap((task) => {
    const outcome = outcomeOf(task, at);
    return outcome ? [{ task, outcome }] : [];
  });
  return {
    removed: result.variants[at]?.removed ?? [],
    tasks: Object.fromEntries(
      answered.map(({ task, outcome }) => [
        task.task,
        { ...scoresReport(task, outcome), difference: outcome.difference },
      ]),
    ),
    mean: result.means[at] ?? null,
    meanDifference: result.meanDifferences[at] ?? null,
  };
}

function scoresReport(
  { metric }: TaskResult,
  { variant, difference, items, ...scores }: TaskOutcome,
): ScoresReport {
  return { ...scores, metric, items: items.map(({ chosen, chosenNorm, ...item }) => item) };
}

const outcomeOf = ({ outcomes }: TaskResult, variant: number): TaskOutcome | undefined =>
  outcomes.find((one) => one.variant === variant && one.rows > 0);

/**
 * The table, a line for each task and one for the mean: "BoolQ  acc  33.3 ± 14.2  25.0 ± 13.1
 * (−8.3, −25.0 to 0.0)", in percent.
 * @param names of the variants
 */
export function tasksTable(
  { tasks, means, meanDifferences }: TasksResult,
  names: readonly string[],
): string[] {
  const head = ['task', 'rows', 'metric', ...names];
  const lines = tasks.map((task) => [
    taskOf(task.task).label + (task.source.builtIn ? ' (built in)' : ''),
    rowsOf(task),
    task.metric === 'acc' ? 'acc' : 'acc_norm',
    ...names.map((_, variant) => {
      const outcome = outcomeOf(task, variant);
      if (!outcome) return '–';
      const { score, stderr } = inMetric(outcome, task.metric);
      return `${percent(score)} ± ${percent(stderr)}${changeOf(outcome.difference)}`;
    }),
  ]);
  const mean = [
    meanName(tasks.map(({ task }) => task)),
    ...['', ''],
    ...names.map((_, variant) => {
      const value = means[variant] ?? null;
      return value === null
        ? '–'
        : `${percent(value)}${changeOf(meanDifferences[variant] ?? null)}`;
    }),
  ];
  const all = [head, ...lines, mean];
  const widths = head.map((_, i) => Math.max(...all.map((cells) => cells[i]?.length ?? 0)));
  return all.map((cells) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** "mean of the seven" where these are they, and no others. */
function meanName(tasks: readonly string[]): string {
  return areTheSeven(tasks) ? 'mean of the seven' : `mean of ${tasks.length}`;
}

/** The fewest rows that a variant has answered, "of" those of the file. */
function rowsOf({ outcomes, rows }: TaskResult): string {
  const fewest = Math.min(...outcomes.map((outcome) => outcome.rows));
  const answered = outcomes.length === 0 ? 0 : fewest;
  return answered === rows ? String(rows) : `${answered} of ${rows}`;
}

function percent(share: number): string {
  const text = (100 * share).toFixed(1);
  return text === '-0.0' ? '0.0' : text.replace('-', '−');
}

const changeOf = (difference: ScoreDifference | null): string => {
  if (!difference) return '';
  const [low, high] = difference.ci95.map(percent);
  const sign = difference.value > 0 ? '+' : '';
  return ` (${sign}${percent(difference.value)}, ${low} to ${high})`;
};

/** How a variant is called in the table: "original", "without 7,9", "without 7,9, q4". */
export const variantName = ({ kind, removed, quantised }: TaskVariant): string =>
  [
    removed.length > 0 ? `without ${formatUnits(removed)}` : '',
    quantised ?? '',
    kind === 'original' ? 'original' : '',
  ]
    .filter((word) => word !== '')
    .join(', ');

/** How it was run, in words. */
export function runLines({ settings, tokens }: TasksResult): string[] {
  const { limit, seed, maxLength, addsBos } = settings;
  const rows =
    limit === null ? 'all rows' : `at most ${limit} rows of each, drawn with seed ${seed}`;
  const saved = (1 - tokens.run / tokens.unshared) * 100;
  const shared =
    tokens.run < tokens.unshared
      ? `${tokens.run} tokens ran, ${saved.toFixed(1)} % fewer than without sharing what ` +
        'sequences begin with'
      : `${tokens.run} tokens ran, nothing was shared`;
  // A run that was stopped has not counted them.
  const cost = tokens.run === 0 ? '' : `; ${shared}`;
  return [
    `Zero-shot, ${rows}, at most ${maxLength} tokens, ${addsBos ? 'BOS in front' : 'no BOS'}; ` +
      `accuracy in % ± standard error (difference from the original, 95 % interval)${cost}.`,
  ];
}
