// The calls of the studio that judge variants by zero-shot tasks.

import type {
  LoadedTasks,
  TasksApi,
  TasksEstimate,
  TasksEvent,
  TasksRequest,
  TasksResult,
  TaskVariant,
} from '../../contract/comparison/tasks.ts';
import { dtypeSteps } from '../../model/export/steps.ts';
import type { LikelihoodVariant } from '../../runtime/tasks/likelihoods.ts';
import type { TaskRow } from '../../tasks/types.ts';
import type { Healings } from '../heal/healings.ts';
import type { JobContext } from '../onWindows.ts';
import { idParts, type Quantisations } from '../quantise/quantisations.ts';
import { QuantiseCalls } from '../quantise/quantiseCalls.ts';
import type { BundledText } from '../studioModel.ts';
import { TaskRunner } from './taskJob.ts';

export abstract class TaskCalls extends QuantiseCalls implements TasksApi {
  protected readonly tasks: TaskRunner;

  constructor(
    context: JobContext,
    shelves: { healings: Healings; quantisations: Quantisations },
    bundledText: (which: BundledText) => Promise<string>,
  ) {
    super(context, shelves, bundledText);
    this.tasks = new TaskRunner(context);
  }

  async loadTasks(files: { name: string; data: Blob }[]): Promise<LoadedTasks> {
    return this.tasks.loaded.add(files);
  }

  async loadBuiltInTasks(): Promise<LoadedTasks> {
    return this.tasks.loaded.addBuiltIn();
  }

  async forgetTasks(task: string | null): Promise<LoadedTasks> {
    return this.tasks.loaded.forget(task);
  }

  async taskRows(task: string, docs: readonly number[]): Promise<TaskRow[]> {
    return this.tasks.loaded.rows(task, docs);
  }

  async estimateTasks(request: TasksRequest): Promise<TasksEstimate> {
    return this.tasks.estimate(this.model(), request);
  }

  async scoreTasks(
    request: TasksRequest,
    onEvent: (event: TasksEvent) => void,
  ): Promise<TasksResult> {
    this.endPlan();
    this.tasks.gate.prepare();
    return this.sessions.run(async (signal) => {
      const variants = await Promise.all(request.variants.map((one) => this.likelihoodsOf(one)));
      return this.tasks.score(this.model(), request, variants, signal, onEvent);
    });
  }

  /** A variant with its healing and its quantisation. @throws EspalierError where one is gone */
  private async likelihoodsOf({
    removed,
    healing: id,
    quantised,
  }: TaskVariant): Promise<LikelihoodVariant> {
    const healing = await this.healingOf(id);
    if (quantised === undefined) return { removed, steps: [], ...(healing && { healing }) };
    const { dtype } = idParts(quantised);
    const steps = dtypeSteps(dtype, await this.quantised.get(quantised));
    if (healing) steps.unshift({ step: 'healing', healing, quantised: 'again' });
    return { removed, steps, source: await this.model().openedFor([dtype]) };
  }
}
