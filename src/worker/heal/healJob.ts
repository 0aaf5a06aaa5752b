// The healings that the studio worker makes: texts are read, the session is opened, the outcome is
// kept. One at a time; a training can be paused, ended early, and continued after a closed tab.

import type {
  HealEstimate,
  HealEvent,
  HealMethod,
  HealOutcome,
  HealRequest,
  HealResult,
  KeptHealing,
} from '../../contract/heal.ts';
import type { Progress } from '../../contract/progress.ts';
import { EspalierError } from '../../errors.ts';
import { estimateHealing } from '../../runtime/heal/estimate.ts';
import { controlHealing, heal } from '../../runtime/heal/heal.ts';
import type { HealJob, HealSources } from '../../runtime/heal/healJob.ts';
import { withControl } from '../../runtime/heal/outcome/outcome.ts';
import { type JobContext, progressTo } from '../onWindows.ts';
import { JobGate } from '../pauseGate.ts';
import type { BundledText, StudioModel } from '../studioModel.ts';
import type { Healings } from './healings.ts';

export interface HealContext extends JobContext {
  healings: Healings;
  bundledText(which: BundledText): Promise<string>;
}

/** The texts of a request, the bundled ones read. */
async function sourcesOf(
  { data }: HealRequest,
  bundledText: HealContext['bundledText'],
): Promise<HealSources> {
  const { text, heldOut, foreign } = data;
  return {
    text:
      text.kind === 'bundled'
        ? { kind: 'text', name: 'calibration.txt', text: await bundledText('calibration') }
        : text,
    heldOut,
    foreign:
      foreign?.kind === 'bundled'
        ? { name: 'evaluation.txt', text: await bundledText('evaluation') }
        : foreign,
  };
}

export class HealRunner {
  private readonly context: HealContext;
  readonly gate = new JobGate();
  /** Of the healing that runs; it may be ended before it has begun. */
  private stopping: AbortController | null = null;

  constructor(context: HealContext) {
    this.context = context;
  }

  stop(): void {
    this.stopping?.abort();
  }

  /** @throws EspalierError as `StudioApi.estimateHealing` */
  async estimate(
    model: StudioModel,
    request: HealRequest,
    signal: AbortSignal,
  ): Promise<HealEstimate> {
    const { sessions, bundledText } = this.context;
    const { session } = await sessions.open(model.opened, request.device, { signal });
    await session.setBudget(request.budgetBytes ?? sessions.budgetBytes);
    const { opened } = model;
    const { removed, methods } = request;
    const sources = await sourcesOf(request, bundledText);
    return estimateHealing({ opened, session, removed, methods, sources, signal, onEvent() {} });
  }

  /** @throws EspalierError as `StudioApi.heal` */
  async heal(
    model: StudioModel,
    request: HealRequest,
    signal: AbortSignal,
    onEvent: (event: HealEvent) => void,
  ): Promise<HealOutcome> {
    const result = await this.run(model, request, signal, onEvent, heal, true);
    return this.keep(result, request, false);
  }

  /** As `heal`, without checkpoints: it takes seconds, and anything may end it. */
  async refit(
    model: StudioModel,
    request: HealRequest,
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<HealOutcome> {
    const follow = (event: HealEvent) => {
      if (event.type === 'progress') onProgress(event.progress);
    };
    const result = await this.run(model, request, signal, follow, heal, false);
    return this.keep(result, request, true);
  }

  /** Without checkpoints. @throws EspalierError as `StudioApi.controlHealing` */
  async control(
    model: StudioModel,
    id: string,
    signal: AbortSignal,
    onEvent: (event: HealEvent) => void,
  ): Promise<KeptHealing> {
    const { healings } = this.context;
    const { kept, changes, request } = await healings.find(id);
    if (!request)
      throw new EspalierError(
        'bad-input',
        'The texts of this healing were too long to be kept: the original cannot be trained on ' +
          'them.',
        'Heal the plan again; the original can then be trained in the same visit.',
      );
    const original = { ...request, removed: [] };
    const work = (job: HealJob) => controlHealing(job, kept.stoppedAt);
    const measured = await this.run(model, original, signal, onEvent, work, false);
    const healing = { id, removed: kept.removed, changes, record: kept.record };
    const whole: HealResult = { ...kept, healing, measured: [...kept.record.measured] };
    return healings.change(id, { record: withControl(whole, measured).healing.record });
  }

  private keep(result: HealResult, request: HealRequest, passing: boolean): Promise<HealOutcome> {
    const { healing, recovered, stoppedAt, device, warnings, seconds } = result;
    const { id, removed, record, changes } = healing;
    const methods: HealMethod[] = request.methods.map(({ method }) => method);
    const about = {
      id,
      removed: [...removed],
      methods,
      savedAt: Date.now(),
      passing,
      record,
      recovered,
      stoppedAt,
      device,
      warnings,
      seconds,
    };
    return this.context.healings.put(about, changes, request);
  }

  /** The one runner: session, budget, checkpoints, gate. */
  private async run<T>(
    model: StudioModel,
    request: HealRequest,
    signal: AbortSignal,
    onEvent: (event: HealEvent) => void,
    work: (job: HealJob) => Promise<T>,
    resumable: boolean,
  ): Promise<T> {
    const { sessions, checkpoints, bundledText } = this.context;
    const gate = this.gate.begin(signal);
    const stop = this.stopping ?? new AbortController();
    const onNote = (text: string) => onEvent({ type: 'note', text });
    const withCheckpoints = checkpoints.begin(() => model.identity());
    const sources = await sourcesOf(request, bundledText);
    const { session, engine, notes } = await sessions.open(model.opened, request.device, {
      signal,
      onProgress: progressTo(onEvent),
    });
    for (const note of notes) onNote(note);
    await session.setBudget(request.budgetBytes ?? sessions.budgetBytes);
    const { removed, methods } = request;
    const { opened } = model;
    const job = { opened, session, removed, methods, sources, signal, gate, onEvent };
    if (!resumable) return work({ ...job, stop: stop.signal });
    const device = { kind: engine.kind, name: engine.name };
    return withCheckpoints({ job: 'heal', request, device }, onNote, (store) =>
      work({ ...job, stop: stop.signal, store }),
    );
  }

  /** Before a healing waits for its turn: what is paused or ended is this one. */
  prepare(): void {
    this.gate.prepare();
    this.stopping = new AbortController();
  }
}
