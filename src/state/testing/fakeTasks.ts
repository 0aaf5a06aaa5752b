// The tasks of the stand-in studio: eight rows of two tasks, answers by a rule; for tests, never in
// the app.

import type {
  LoadedTask,
  LoadedTasks,
  TaskResult,
  TasksApi,
  TasksRequest,
  TasksResult,
} from '../../contract/comparison/tasks.ts';
import type { StudioApi } from '../../contract/studio.ts';
import { EspalierError } from '../../errors.ts';
import { difference, meanDifferences, means } from '../../tasks/compare.ts';
import { itemOf, scoresOf } from '../../tasks/scores.ts';
import { taskOf } from '../../tasks/table.ts';
import type { TaskRow } from '../../tasks/types.ts';

interface Parts {
  begin(name: keyof StudioApi, args: readonly unknown[]): number;
  step(started: number): Promise<void>;
}

const ROWS: readonly TaskRow[] = Array.from({ length: 8 }, (_, doc) => ({
  doc,
  context: `Question: how many is ${doc}?\nAnswer:`,
  continuations: [' few', ' many'],
  choices: ['few', 'many'],
  target: doc % 2,
}));

const loadedOf = (task: string, files: string[], builtIn: boolean): LoadedTask => ({
  task,
  source: { files, builtIn },
  rows: ROWS.length,
  sha256: `${task} ${builtIn ? 'built-in' : 'own'}`,
});

/** The original is right in all rows but the last; each variant after it in one fewer. */
function answersOf(task: LoadedTask, variant: number, rows: number) {
  const { hasAccNorm } = taskOf(task.task);
  const items = ROWS.slice(0, rows).map((row) => {
    const isRight = row.doc < ROWS.length - 1 - variant;
    const scores = row.choices.map((_, choice) => ({
      tokens: [6, 1] as const,
      logLikelihood: (choice === row.target) === isRight ? -1 : -2,
    }));
    return itemOf(row, { hasAccNorm }, scores);
  });
  return { variant, ...scoresOf(items, ROWS.length, hasAccNorm) };
}

function resultOf(
  { variants, tasks, limit, seed }: TasksRequest,
  loaded: readonly LoadedTask[],
  rows: number,
): TasksResult {
  const results = loaded
    .filter(({ task }) => tasks.includes(task))
    .map((data): TaskResult => {
      const { metric } = taskOf(data.task);
      const answers = variants.map((_, at) => answersOf(data, at, rows));
      const outcomes = answers.map((one, at) => ({
        ...one,
        difference: at === 0 ? null : difference(answers[0]!.items, one.items, metric),
      }));
      return { ...data, metric, outcomes };
    });
  return {
    variants,
    tasks: results,
    means: means(results, variants.length),
    meanDifferences: meanDifferences(results, variants.length),
    settings: { limit, seed, maxLength: 512, addsBos: false },
    tokens: { run: 100, unshared: 150 },
    device: { kind: 'wasm', name: 'fake wasm' },
    warnings: [],
    seconds: 1,
  };
}

export function fakeTasks({ begin, step }: Parts): TasksApi {
  let held: LoadedTask[] = [];
  const list = (ignored: LoadedTasks['ignored'] = []) => ({ tasks: [...held], ignored });
  const put = (tasks: readonly LoadedTask[]) => {
    held = [...held.filter(({ task }) => !tasks.some((one) => one.task === task)), ...tasks];
  };
  return {
    async loadTasks(files) {
      begin('loadTasks', [files.map(({ name }) => name)]);
      const bad = files.find(({ name }) => name.startsWith('bad'));
      if (bad) throw new EspalierError('bad-input', `${bad.name} cannot be read.`);
      const rows = files.filter(({ name }) => name.endsWith('.jsonl'));
      if (rows.length > 0)
        put([
          loadedOf(
            'boolq',
            rows.map(({ name }) => name),
            false,
          ),
        ]);
      const others = files.filter((file) => !rows.includes(file));
      return list(others.map(({ name }) => ({ file: name, why: 'It holds no rows of a task.' })));
    },
    async loadBuiltInTasks() {
      begin('loadBuiltInTasks', []);
      const names = ['boolq', 'hellaswag'].filter((id) => !held.some(({ task }) => task === id));
      put(names.map((id) => loadedOf(id, ['built-in'], true)));
      return list();
    },
    async forgetTasks(task) {
      begin('forgetTasks', [task]);
      held = task === null ? [] : held.filter((one) => one.task !== task);
      return list();
    },
    async taskRows(task, docs) {
      begin('taskRows', [task, docs]);
      return ROWS.filter(({ doc }) => docs.includes(doc));
    },
    async estimateTasks(request) {
      begin('estimateTasks', [request]);
      const rows = request.tasks.length * ROWS.length;
      const tokens = { run: 7 * rows, unshared: 14 * rows, predicted: 2 * rows };
      return { rows, sequences: 2 * rows, tokens };
    },
    async scoreTasks(request, onEvent) {
      const started = begin('scoreTasks', [request]);
      for (let rows = 2; rows <= ROWS.length; rows += 2) {
        await step(started);
        onEvent({ type: 'partial', result: resultOf(request, held, rows) });
        const progress = {
          job: 'tasks',
          phase: 'score',
          done: rows,
          total: ROWS.length,
          unit: 'rows',
          secondsLeft: null,
        } as const;
        onEvent({ type: 'progress', progress });
      }
      return resultOf(request, held, ROWS.length);
    },
  };
}
