// Tasks as the page shows them: what Run would ask for, why it may not, what came of it, which rows
// are read.

import type {
  LoadedTask,
  TaskOutcome,
  TaskResult,
  TasksEstimate,
  TasksRequest,
  TasksResult,
  TaskVariant,
  TaskVariantKind,
} from '../../contract/comparison/tasks.ts';
import type { TaskItem, TaskRow } from '../../tasks/types.ts';
import { OBSTACLES } from '../../words/comparison/tasks.ts';
import { RESULT } from '../../words/result.ts';
import { activeQuantisation } from '../effect/steps.ts';
import { engineObstacle } from '../jobs.ts';
import { derive } from '../memo.ts';
import { planQuantisations } from '../quantise/selectors.ts';
import type { StudioState } from '../state.ts';
import type { ScoredTasks } from './forms.ts';
import { keyOfVariant, tasksKey, tasksResultKey } from './names.ts';
import { rowKey } from './state.ts';

const NO_TASKS: readonly LoadedTask[] = [];

export const loadedTasks = ({ tasks: { loaded } }: StudioState): readonly LoadedTask[] =>
  loaded?.tasks ?? NO_TASKS;

/** The loaded tasks that are to be run. */
const chosenTasks = derive(
  (state: StudioState) => [loadedTasks(state), state.tasks.form.leftOut],
  (loaded, leftOut): readonly LoadedTask[] => loaded.filter(({ task }) => !leftOut.includes(task)),
);

/** What of the plan can answer: the original, the plan, its healing, its quantisation. */
export const taskVariants = derive(
  (state: StudioState) => [
    state.plan.present,
    activeQuantisation(state)?.key,
    planQuantisations(state)[0]?.id,
  ],
  ({ removed, healing }, active?: string, newest?: string): readonly TaskVariant[] => {
    const quantised = active ?? newest;
    const plan = [...removed];
    const healed = healing === undefined ? {} : { healing };
    const variants: TaskVariant[] = [{ kind: 'original', removed: [] }];
    if (removed.length > 0) variants.push({ kind: 'plan', removed: plan });
    if (healing !== undefined) variants.push({ kind: 'healed', removed: plan, healing });
    if (quantised !== undefined)
      variants.push({ kind: 'quantised', removed: plan, ...healed, quantised });
    return variants;
  },
);

const chosenVariants = derive(
  (state: StudioState) => [taskVariants(state), state.tasks.form.leftOutKinds],
  (variants, leftOut: readonly TaskVariantKind[]): readonly TaskVariant[] =>
    variants.filter(({ kind }) => !leftOut.includes(kind)),
);

/** What Run would ask for now; null where nothing is loaded or chosen. */
export const tasksRequest = derive(
  (state: StudioState) => [
    chosenTasks(state),
    chosenVariants(state),
    state.tasks.form,
    state.score.settings.device,
    state.score.settings.budgetBytes,
  ],
  (tasks, variants, { limit, seed }, device, budgetBytes): TasksRequest | null =>
    tasks.length === 0 || variants.length === 0
      ? null
      : {
          tasks: tasks.map(({ task }) => task),
          variants: [...variants],
          limit,
          seed,
          device,
          budgetBytes,
        },
);

/** The key of that request. */
export const tasksRequestKey = derive(
  (state: StudioState) => [tasksRequest(state), loadedTasks(state)],
  (request, loaded): string | null => request && tasksKey(request, loaded),
);

/** Whether the result that is shown is all of that request. */
export const isAnswered = (state: StudioState): boolean => {
  const { shown } = state.tasks;
  return shown?.whole === true && tasksResultKey(shown.result) === tasksRequestKey(state);
};

/** Why nothing can be run now, or null. */
export function tasksObstacle(state: StudioState): string | null {
  const { current } = state.model;
  if (!current) return OBSTACLES.noModel;
  if (!current.summary.canScore) return RESULT.noPerplexity;
  if (!current.hasTokenizer) return OBSTACLES.noTokenizer;
  const busy = engineObstacle(state);
  if (busy !== null) return busy;
  if (state.tasks.loading) return OBSTACLES.loading;
  if (loadedTasks(state).length === 0) return OBSTACLES.nothingLoaded;
  if (chosenTasks(state).length === 0) return OBSTACLES.noTask;
  if (tasksRequest(state) === null) return OBSTACLES.noVariant;
  const { limit, seed } = state.tasks.form;
  if (limit !== null && !(Number.isInteger(limit) && limit >= 1)) return OBSTACLES.limit;
  return Number.isSafeInteger(seed) && seed >= 0 ? null : OBSTACLES.seed;
}

/** What Run would run; null while it is not known. */
export const tasksEstimate = derive(
  (state: StudioState) => [state.tasks.estimate, tasksRequestKey(state)],
  (estimate, key): TasksEstimate | null =>
    estimate && estimate.key === key ? estimate.value : null,
);

export interface ShownTasks extends Omit<ScoredTasks, 'whole' | 'at'> {
  state: 'running' | 'stopped' | 'whole';
}

/** The scores that are shown: those of the run so far, else the last result. */
export const tasksShown = derive(
  (state: StudioState) => [state.tasks.running, state.tasks.shown],
  (running, shown): ShownTasks | null => {
    if (running)
      return running.partial && { result: running.partial, state: 'running', notes: running.notes };
    if (!shown) return null;
    const { result, whole, notes } = shown;
    return { result, state: whole ? 'whole' : 'stopped', notes };
  },
);

/** True when the shown scores are of a variant that the plan does not have. */
export const isStaleTasks = derive(
  (state: StudioState) => [tasksShown(state), taskVariants(state)],
  (shown: ShownTasks | null, variants: readonly TaskVariant[]): boolean => {
    if (!shown) return false;
    const present = new Set(variants.map(keyOfVariant));
    return shown.result.variants.some((one) => !present.has(keyOfVariant(one)));
  },
);

export const outcomeOf = ({ outcomes }: TaskResult, variant: number): TaskOutcome | null =>
  outcomes.find((one) => one.variant === variant && one.rows > 0) ?? null;

/** The choice of a row, by the metric of its task. */
export const chosenOf = ({ metric }: Pick<TaskResult, 'metric'>, item: TaskItem): number =>
  metric === 'accNorm' && item.chosenNorm !== null ? item.chosenNorm : item.chosen;

/** A row with the answers of the variants, null where one has not answered it. */
export interface AnsweredRow {
  doc: number;
  target: number;
  answers: readonly (TaskItem | null)[];
  /** Null: it is not fetched yet. */
  row: TaskRow | null;
}

/** Rows on one page. */
const ROWS_PER_PAGE = 5;

export interface ReadRows {
  task: TaskResult;
  variants: readonly TaskVariant[];
  /** Rows that are shown, of `count` in all. */
  rows: readonly AnsweredRow[];
  count: number;
  /** Rows on which variants answer differently, of all that several have answered. */
  different: number;
  page: number;
  pages: number;
}

function answeredRows(task: TaskResult, variants: number): Omit<AnsweredRow, 'row'>[] {
  const byDoc = new Map<number, { target: number; answers: (TaskItem | null)[] }>();
  for (const { variant, items } of task.outcomes)
    for (const item of items) {
      const none = Array<TaskItem | null>(variants).fill(null);
      const row = byDoc.get(item.doc) ?? { target: item.target, answers: none };
      row.answers[variant] = item;
      byDoc.set(item.doc, row);
    }
  return [...byDoc].map(([doc, row]) => ({ doc, ...row })).sort((a, b) => a.doc - b.doc);
}

const differs = (task: TaskResult, { answers }: Pick<AnsweredRow, 'answers'>): boolean =>
  new Set(answers.flatMap((item) => (item ? [chosenOf(task, item)] : []))).size > 1;

interface TaskAnswers {
  task: TaskResult;
  all: Omit<AnsweredRow, 'row'>[];
  different: Omit<AnsweredRow, 'row'>[];
}

/** The answers to every task, row by row. */
const allAnswers = derive(
  (state: StudioState) => [tasksShown(state)?.result ?? null],
  (result: TasksResult | null): TaskAnswers[] =>
    result?.tasks.map((task) => {
      const all = answeredRows(task, result.variants.length);
      return { task, all, different: all.filter((row) => differs(task, row)) };
    }) ?? [],
);

/** How many rows of each task variants answer differently, in the order of the result. */
export const differentRows = derive(
  (state: StudioState) => [allAnswers(state)],
  (tasks): readonly { task: string; count: number }[] =>
    tasks.map(({ task: { task }, different }) => ({ task, count: different.length })),
);

/** The answers to the task that is read: unless one is chosen, the first with different ones. */
const answersRead = derive(
  (state: StudioState) => [allAnswers(state), state.tasks.reading.task],
  (tasks: readonly TaskAnswers[], name: string | null): TaskAnswers | null =>
    tasks.find(({ task }) => task.task === name) ??
    tasks.find(({ different }) => different.length > 0) ??
    tasks[0] ??
    null,
);

/** The rows that are read now; null where no answer is kept. */
export const rowsRead = derive(
  (state: StudioState) => [
    answersRead(state),
    tasksShown(state)?.result.variants,
    state.tasks.reading,
    state.tasks.rows,
  ],
  (answers, variants = [], { which, page }, fetched): ReadRows | null => {
    if (!answers || answers.all.length === 0) return null;
    const { task, all, different } = answers;
    const listed = which === 'different' ? different : all;
    const pages = Math.max(1, Math.ceil(listed.length / ROWS_PER_PAGE));
    const at = Math.min(page, pages - 1);
    const rows = listed
      .slice(at * ROWS_PER_PAGE, (at + 1) * ROWS_PER_PAGE)
      .map((one) => ({ ...one, row: fetched.get(rowKey(task, one.doc)) ?? null }));
    const counts = { count: listed.length, different: different.length };
    return { task, variants, rows, ...counts, page: at, pages };
  },
);

/** Whether the engine holds the very rows of this task, so that they can be read. */
export const holdsRows = (
  state: StudioState,
  { task, sha256 }: Pick<TaskResult, 'task' | 'sha256'>,
): boolean => loadedTasks(state).some((one) => one.task === task && one.sha256 === sha256);
