// Zero-shot tasks: files to rows, what to run, start, follow, pause, resume. A run that is
// cancelled keeps the scores it had.

import type {
  LoadedTask,
  LoadedTasks,
  TasksEvent,
  TasksRequest,
  TasksResult,
} from '../../contract/comparison/tasks.ts';
import type { Interrupted } from '../../contract/interrupted.ts';
import { EspalierError, isCancelled } from '../../errors.ts';
import type { PickedFolder } from '../../files/pickedFolder.ts';
import { sortUnits } from '../../units.ts';
import * as words from '../../words/comparison/tasks.ts';
import type { Refusal } from '../../words/open.ts';
import type { Context } from '../context.ts';
import { healingOf } from '../heal/state.ts';
import { engineJob } from '../jobs.ts';
import type { PlanActions } from '../plan/actions.ts';
import { quantisationOf } from '../quantise/state.ts';
import { runJob } from '../runJob.ts';
import type { ErrorPlace } from '../state.ts';
import type { ViewActions } from '../view/actions.ts';
import type { ScoredTasks } from './forms.ts';
import { answeredRows, taskLabel, tasksResultKey } from './names.ts';
import { holdsRows, rowsRead, tasksObstacle, tasksRequest, tasksRequestKey } from './selectors.ts';
import {
  MOST_TASK_RESULTS,
  type Reading,
  rowKey,
  type TasksForm,
  type TasksSlice,
} from './state.ts';

export interface TaskActions {
  setTasks(fields: { [F in keyof TasksForm]?: TasksForm[F] }): void;
  /** Reads the rows of files; what holds none is listed with the reason. */
  loadTasks(files: PickedFolder): Promise<void>;
  /** Lets the user pick files, or a folder. */
  pickTasks(what: 'files' | 'folder'): Promise<void>;
  loadBuiltInTasks(): Promise<void>;
  /** Lets go of the rows of a task, or of all. */
  forgetTasks(task: string | null): Promise<void>;
  /** Counts what the form would run. */
  estimateTasks(): Promise<void>;
  /** What the form asks for, unless another request is given, as that of an interrupted one. */
  scoreTasks(request?: TasksRequest): Promise<void>;
  pauseTasks(on: boolean): void;
  /** Continues an interrupted run; its plan, rows and variants become those of the page. */
  resumeTasks(job: Extract<Interrupted, { job: 'tasks' }>): Promise<void>;
  /** Shows an earlier result. */
  showTasks(one: ScoredTasks): void;
  readRows(fields: Partial<Reading>): void;
  /** Fetches the rows of the page that is read. */
  fetchRows(): Promise<void>;
}

/** A new result takes the place of an older one of the same thing, unless that came farther. */
function withResult(results: readonly ScoredTasks[], next: ScoredTasks): readonly ScoredTasks[] {
  const key = tasksResultKey(next.result);
  const same = results.find(({ result }) => tasksResultKey(result) === key);
  if (same && answeredRows(same.result) > answeredRows(next.result)) return results;
  return [next, ...results.filter((one) => one !== same)].slice(0, MOST_TASK_RESULTS);
}

type Event = Exclude<TasksEvent, { type: 'progress' }>;
type Running = NonNullable<TasksSlice['running']>;

function withEvent(running: Running, event: Event): Running {
  if (event.type === 'partial') return { ...running, partial: event.result };
  return { ...running, notes: [...running.notes, event.text] };
}

/** Files with the names by which they are recognised: with those of their folders. */
export function namedFiles({ name, folders, files }: PickedFolder): { name: string; data: Blob }[] {
  // A single file gives its own name to the whole.
  const isFolder = folders === undefined && files[0]?.path !== name;
  return files.map(({ path, file }) => ({ name: isFolder ? `${name}/${path}` : path, data: file }));
}

/** What the run needs and the engine does not hold. */
const missingOf = (data: readonly LoadedTask[], loaded: readonly LoadedTask[]) =>
  data.filter(
    ({ task, sha256 }) => !loaded.some((one) => one.task === task && one.sha256 === sha256),
  );

export function makeTaskActions(
  context: Context,
  others: Pick<PlanActions, 'setRemoved'> & Pick<ViewActions, 'openWorkspace'>,
): TaskActions {
  const { api, get, patch } = context;
  const estimates = context.newest();
  const fetches = context.newest();

  function keep(result: TasksResult, whole: boolean): void {
    const { results, running } = get().tasks;
    const shown: ScoredTasks = { result, whole, notes: running?.notes ?? [], at: context.date() };
    patch('tasks', { shown, results: withResult(results, shown) });
  }

  function fail({ message, hint }: Refusal, place: ErrorPlace = 'tasks'): void {
    context.fail(place, new EspalierError('bad-input', message, hint));
  }

  /** Rows that are already there stay when the new ones cannot be read. */
  async function load(
    read: () => Promise<LoadedTasks>,
    place: ErrorPlace = 'tasks',
  ): Promise<LoadedTasks | null> {
    context.clear('tasks');
    patch('tasks', { loading: true });
    try {
      const loaded = await read();
      patch('tasks', { loaded });
      return loaded;
    } catch (error) {
      context.fail(place, error);
      return null;
    } finally {
      patch('tasks', { loading: false });
    }
  }

  /** @returns the tasks that are new, or have other rows; null where that failed */
  async function add(
    read: () => Promise<LoadedTasks>,
    place?: ErrorPlace,
  ): Promise<LoadedTask[] | null> {
    const before = get().tasks.loaded?.tasks ?? [];
    const loaded = await load(read, place);
    if (!loaded) return null;
    const added = missingOf(loaded.tasks, before);
    const named = added.map(({ task, rows }) => ({ label: taskLabel(task), rows }));
    context.announce(words.loadedWords(named, loaded.ignored.length));
    return added;
  }

  async function scoreTasks(given?: TasksRequest): Promise<void> {
    const request = given ?? (tasksObstacle(get()) === null ? tasksRequest(get()) : null);
    if (!request) return;
    const running: Running = { request, partial: null, notes: [] };
    await runJob<Event, TasksResult>(context, 'tasks', {
      started: words.SAID.started,
      start: () => patch('tasks', { running, paused: false, progress: null }),
      call: ({ onEvent }) => api.scoreTasks(request, onEvent),
      follow(events, progress) {
        const now = get().tasks.running;
        if (now) patch('tasks', { running: events.reduce(withEvent, now), ...progress });
      },
      take(result) {
        keep(result, true);
        return words.doneWords(result.tasks.length, result.means);
      },
      stop() {
        const partial = get().tasks.running?.partial;
        if (partial) keep(partial, false);
        return words.stoppedWords(partial ? answeredRows(partial) : 0);
      },
      end() {
        if (get().tasks.paused) void api.pause(false);
        patch('tasks', { running: null, paused: false, progress: null });
      },
    });
  }

  const actions: TaskActions = {
    setTasks(fields) {
      context.clear('tasks');
      patch('tasks', { form: { ...get().tasks.form, ...fields } });
    },
    async loadTasks(folder) {
      const isOpen = get().model.current !== null;
      if (isOpen) others.openWorkspace('tasks');
      const added = await add(() => api.loadTasks(namedFiles(folder)), isOpen ? 'tasks' : 'open');
      if (isOpen || !added) return;
      // There is no workspace yet that could show what came of it.
      if (added.length > 0) context.toast(words.tasksWait(folder.name));
      else fail(words.noRows(folder.name, get().tasks.loaded?.ignored ?? []), 'open');
    },
    async pickTasks(what) {
      const { disk } = context;
      try {
        const found = await (what === 'folder' ? disk.pickFolder() : disk.pickFiles('tasks'));
        if (found) await actions.loadTasks(found);
      } catch (error) {
        context.fail('tasks', error);
      }
    },
    async loadBuiltInTasks() {
      await add(() => api.loadBuiltInTasks());
    },
    async forgetTasks(task) {
      if (await load(() => api.forgetTasks(task))) context.announce(words.SAID.forgotten);
    },
    async estimateTasks() {
      const [request, key] = [tasksRequest(get()), tasksRequestKey(get())];
      if (!request || key === null || get().tasks.estimate?.key === key) return;
      const isNewest = estimates.begin();
      try {
        const value = await api.estimateTasks(request);
        if (isNewest()) patch('tasks', { estimate: { key, value } });
      } catch (error) {
        // Whoever runs it hears why it cannot be counted.
        if (isNewest() && !isCancelled(error)) patch('tasks', { estimate: { key, value: null } });
      }
    },
    scoreTasks,
    pauseTasks(on) {
      if (!get().tasks.running) return;
      patch('tasks', { paused: on });
      context.announce(on ? words.SAID.paused : words.SAID.continues);
      api.pause(on).catch((error: unknown) => context.fail('tasks', error));
    },
    async resumeTasks({ request, data }) {
      if (!get().model.current || engineJob(get())) return;
      const last = request.variants.at(-1);
      if (last) others.setRemoved(sortUnits(last.removed), last.healing);
      const lost = request.variants.find(
        ({ healing, quantised }) =>
          (healing !== undefined && healingOf(get().heal, healing) === null) ||
          (quantised !== undefined && quantisationOf(get().quantise, quantised) === null),
      );
      if (lost) return fail(words.variantMissing(lost.kind));
      const builtIn = missingOf(data, get().tasks.loaded?.tasks ?? []).some(
        ({ source }) => source.builtIn,
      );
      if (builtIn) await load(() => api.loadBuiltInTasks());
      const loaded = get().tasks.loaded?.tasks ?? [];
      const missing = missingOf(data, loaded);
      if (missing.length > 0)
        return fail(words.rowsMissing(missing.flatMap(({ source }) => source.files.slice(0, 1))));
      const { limit, seed, tasks } = request;
      const names = loaded.map(({ task }) => task);
      const leftOut = names.filter((task) => !tasks.includes(task));
      actions.setTasks({ limit, seed, leftOut });
      await scoreTasks({ budgetBytes: undefined, ...request });
    },
    showTasks(one) {
      if (!get().tasks.running) patch('tasks', { shown: one });
    },
    readRows(fields) {
      const reading = { ...get().tasks.reading, page: 0, ...fields };
      patch('tasks', { reading });
      void actions.fetchRows();
    },
    async fetchRows() {
      const read = rowsRead(get());
      if (!read || !holdsRows(get(), read.task)) return;
      const { task } = read;
      const docs = read.rows.flatMap(({ doc, row }) => (row ? [] : [doc]));
      if (docs.length === 0) return;
      const isNewest = fetches.begin();
      try {
        const found = await api.taskRows(task.task, docs);
        const rows = new Map(get().tasks.rows);
        for (const row of found) rows.set(rowKey(task, row.doc), row);
        if (isNewest()) patch('tasks', { rows });
      } catch (error) {
        if (isNewest()) context.fail('tasks', error);
      }
    },
  };
  return actions;
}
