// The runs of tasks in the studio worker: rows are drawn, the session is opened, variants answer.
// One at a time; it can be paused, and continued after a closed tab.

import type {
  TasksEstimate,
  TasksEvent,
  TasksRequest,
  TasksResult,
} from '../../contract/comparison/tasks.ts';
import type { LikelihoodVariant } from '../../runtime/tasks/likelihoods.ts';
import { maxLengthOf, scoreTasks } from '../../runtime/tasks/scoreTasks.ts';
import { type JobContext, progressTo } from '../onWindows.ts';
import { JobGate } from '../pauseGate.ts';
import type { StudioModel } from '../studioModel.ts';
import { estimateTasks } from './estimate.ts';
import { about, TasksLoaded } from './loadedTasks.ts';

export class TaskRunner {
  readonly gate = new JobGate();
  readonly loaded = new TasksLoaded();
  private readonly context: JobContext;
  private counting: AbortController | null = null;

  constructor(context: JobContext) {
    this.context = context;
  }

  /** @throws EspalierError as `StudioApi.estimateTasks` */
  async estimate(model: StudioModel, request: TasksRequest): Promise<TasksEstimate> {
    this.counting?.abort();
    this.counting = new AbortController();
    const { signal } = this.counting;
    const tasks = request.tasks.map((task) => this.loaded.get(task));
    const tokenizer = await model.tokenizer();
    const maxLength = maxLengthOf(model.opened);
    return estimateTasks(request, { tasks, tokenizer, maxLength, signal });
  }

  /** @throws EspalierError as `StudioApi.scoreTasks` */
  async score(
    model: StudioModel,
    request: TasksRequest,
    variants: readonly LikelihoodVariant[],
    signal: AbortSignal,
    onEvent: (event: TasksEvent) => void,
  ): Promise<TasksResult> {
    const { sessions, checkpoints } = this.context;
    const gate = this.gate.begin(signal);
    const onNote = (text: string) => onEvent({ type: 'note', text });
    const withCheckpoints = checkpoints.begin(() => model.identity());
    const tasks = request.tasks.map((task) => this.loaded.get(task));
    const tokenizer = await model.tokenizer();
    const { session, engine, notes } = await sessions.open(model.opened, request.device, {
      signal,
      onProgress: progressTo(onEvent),
    });
    for (const note of notes) onNote(note);
    await session.setBudget(request.budgetBytes ?? sessions.budgetBytes);
    const device = { kind: engine.kind, name: engine.name };
    const data = tasks.map(about);
    return withCheckpoints({ job: 'tasks', request, data, device }, onNote, (store) =>
      scoreTasks({
        opened: model.opened,
        session,
        tokenizer,
        tasks,
        asked: request.variants,
        variants,
        limit: request.limit,
        seed: request.seed,
        device,
        signal,
        gate,
        store,
        onEvent,
      }),
    );
  }
}
