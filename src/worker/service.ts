// The studio worker's calls: one open model, one scoring session, one job at a time.

import { MEASURED_SOURCES, type MeasuredSource } from '../analysis/criteriaTable.ts';
import type { SourceResult } from '../contract/criteria.ts';
import type { BrowserDeviceKind, DeviceChoice, DeviceReport } from '../contract/device.ts';
import type { EvaluateEvent, EvaluateResult, PageEvaluateRequest } from '../contract/evaluate.ts';
import type { ExportRequest, ExportResult } from '../contract/export.ts';
import type { Interrupted } from '../contract/interrupted.ts';
import type { OpenRequest, OpenResult } from '../contract/open.ts';
import type { PlanResult } from '../contract/plan.ts';
import type { Progress } from '../contract/progress.ts';
import type { RunTimes, RunTimesRequest } from '../contract/runTimes.ts';
import type {
  MemoryEstimate,
  ScoreEvent,
  ScoreResult,
  ScoreSettings,
  SublayersEvent,
  SublayersResult,
} from '../contract/score.ts';
import type { SearchEvent, SearchRequest, SearchResult } from '../contract/search.ts';
import type { StudioApi } from '../contract/studio.ts';
import type { TokenCount } from '../contract/tokens.ts';
import { cancelled, EspalierError } from '../errors.ts';
import type { Identity } from '../model/export/identity.ts';
import { dtypeOf, type StepChoice } from '../model/export/steps.ts';
import { writtenSizes } from '../model/open/entries.ts';
import { needsFloats } from '../model/open/made.ts';
import type { WrittenSizes } from '../model/open/size.ts';
import { measureSource } from '../runtime/criteria/sources.ts';
import type { OrtLoader } from '../runtime/device/ort.ts';
import { evaluationText } from '../runtime/evaluate/text.ts';
import { timeRuns } from '../runtime/pass/timeRuns.ts';
import { countTokens } from '../runtime/score/calibration.ts';
import { sortUnits, type Unit } from '../units.ts';
import { Checkpoints } from './checkpoints.ts';
import { exportPruned } from './exportJob.ts';
import { Healings } from './heal/healings.ts';
import {
  type BeginEvent,
  type Begun,
  beginOnWindows,
  measuredOnWindows,
  progressTo,
} from './onWindows.ts';
import { JobGate } from './pauseGate.ts';
import { Quantisations } from './quantise/quantisations.ts';
import { readModel } from './readModel.ts';
import { finishScore } from './scoreResult.ts';
import { SessionHolder } from './sessionHolder.ts';
import { type BundledText, StudioModel } from './studioModel.ts';
import { WidthCalls } from './width/widthCalls.ts';

export class StudioService extends WidthCalls implements StudioApi {
  private readonly loader: OrtLoader;
  private readonly bundledText: (which: BundledText) => Promise<string>;
  private current: StudioModel | null = null;
  private opens = 0;
  private windows: { rows: number[][]; device: 'auto' | BrowserDeviceKind } | null = null;
  private readonly searching = new JobGate();
  private plans = 0;
  private planJob: AbortController | null = null;
  private choosing: AbortController | null = null;
  private counting: AbortController | null = null;

  constructor(
    loader: OrtLoader,
    bundledText: (which: BundledText) => Promise<string>,
    checkpoints = new Checkpoints(),
    healings = new Healings(),
    quantisations = new Quantisations(),
  ) {
    const context = { sessions: new SessionHolder(loader), checkpoints };
    super(context, { healings, quantisations }, bundledText);
    this.loader = loader;
    this.bundledText = bundledText;
  }

  async open(request: OpenRequest, onEvent: (progress: Progress) => void): Promise<OpenResult> {
    const turn = ++this.opens;
    const { opened, result, finish } = await readModel(request, onEvent);
    if (!opened) return result;
    if (turn === this.opens) await this.cancel();
    await this.sessions.exclusive(async () => {
      // A later open has been requested: its model is the one that counts.
      if (turn !== this.opens) throw cancelled();
      await this.sessions.reset();
      const model = new StudioModel(opened, request.source, this.bundledText);
      this.current = model;
      this.shelf.reset(() => model.identity());
      this.quantised.reset(() => model.identity());
      this.windows = null;
    });
    finish();
    return result;
  }

  device(): Promise<DeviceReport> {
    return this.sessions.device();
  }

  deviceChoice(): Promise<DeviceChoice> {
    return this.sessions.chosen();
  }

  async chooseDevice(onEvent: (progress: Progress) => void): Promise<DeviceChoice> {
    this.choosing = new AbortController();
    const options = { signal: this.choosing.signal, onProgress: onEvent };
    return this.sessions.exclusive(() => this.sessions.choose(this.model().opened, options));
  }

  async memory(settings: ScoreSettings): Promise<MemoryEstimate> {
    return this.sessions.exclusive(() => this.sessions.memory(this.model().opened, settings));
  }

  async gradientMemory(settings: ScoreSettings): Promise<MemoryEstimate> {
    return this.sessions.gradientMemory(() => this.model().opened, settings);
  }

  async timeRuns({ device, budgetBytes, sizes }: RunTimesRequest): Promise<RunTimes> {
    return this.sessions.spare(async (signal) => {
      const { opened } = this.model();
      const { session, engine } = await this.sessions.open(opened, device, { signal });
      const { folder, summary } = opened;
      const times = await timeRuns({
        programs: session.programs,
        folder,
        engine,
        params: summary.blocks.map((block) => block.params),
        sizes,
        budget: budgetBytes,
        signal,
      });
      return { device: { kind: engine.kind, name: engine.name }, ...times };
    });
  }

  async score(settings: ScoreSettings, onEvent: (event: ScoreEvent) => void): Promise<ScoreResult> {
    this.planJob?.abort();
    return this.sessions.run(async (signal) => {
      const { opened } = this.model();
      const started = performance.now();
      const begun = await this.begin(settings, signal, onEvent);
      const { calibration, session, device, resumable } = begun;
      const { windows } = calibration;
      const curve = await resumable('score', null, (store, resumed) => {
        onEvent({
          type: 'started',
          device,
          windows: windows.length,
          ...(resumed && { resumed: resumed.done }),
        });
        return session.score(windows, signal, onEvent, store);
      });
      if (this.current?.opened !== opened) throw cancelled();
      const { loader } = this;
      const done = { opened, begun, curve, loader, started, signal, onEvent };
      const result = await finishScore(done);
      this.windows = { rows: windows, device: settings.device };
      return result;
    });
  }

  async useWindows(
    windows: number[][],
    device: 'auto' | BrowserDeviceKind,
    budgetBytes = this.sessions.budgetBytes,
  ): Promise<void> {
    this.model();
    this.sessions.budgetBytes = budgetBytes;
    this.windows = { rows: windows, device };
  }

  async identity(): Promise<Identity> {
    return this.model().identity();
  }

  async plan(
    removed: Unit[],
    onEvent: (progress: Progress) => void,
    healing?: string,
    quantised?: string,
  ): Promise<PlanResult> {
    const turn = ++this.plans;
    this.planJob?.abort();
    this.sessions.dropSpare();
    const abort = new AbortController();
    this.planJob = abort;
    return this.sessions.exclusive(async () => {
      if (turn !== this.plans) throw cancelled();
      const given = { removed: sortUnits(removed), healing, quantised };
      return this.measurePlan(given, abort.signal, onEvent);
    });
  }

  async scoreSublayers(
    settings: ScoreSettings,
    onEvent: (event: SublayersEvent) => void,
  ): Promise<SublayersResult> {
    this.planJob?.abort();
    return this.sessions.run((signal) =>
      measuredOnWindows(
        this,
        this.model(),
        settings,
        signal,
        onEvent,
        ({ session, resumable }, windows) =>
          resumable('parts', null, (store) =>
            session.scoreSublayers(windows, signal, onEvent, store),
          ),
      ),
    );
  }

  async measureSource<S extends MeasuredSource>(
    source: S,
    settings: ScoreSettings,
    onEvent: (progress: Progress) => void,
  ): Promise<SourceResult<S>> {
    if (MEASURED_SOURCES[source].onWindows) this.planJob?.abort();
    return this.sessions.run(async (signal) =>
      measureSource(source, {
        opened: this.model().opened,
        onWindows: async () => {
          const begun = await this.begin(settings, signal, (event) => {
            if (event.type === 'progress') onEvent(event.progress);
          });
          return { ...begun, ...begun.calibration };
        },
        signal,
        onProgress: onEvent,
      }),
    );
  }

  async search(
    { settings, ...request }: SearchRequest,
    onEvent: (event: SearchEvent) => void,
  ): Promise<SearchResult> {
    this.planJob?.abort();
    this.searching.prepare();
    return this.sessions.run((signal) => {
      const gate = this.searching.begin(signal);
      return measuredOnWindows(
        this,
        this.model(),
        settings,
        signal,
        onEvent,
        ({ session, resumable }, windows) =>
          resumable('search', request, (store) =>
            session.search({ ...request, windows }, signal, gate, onEvent, store),
          ),
      );
    });
  }

  async pause(on: boolean): Promise<void> {
    const gates = [this.searching, this.healer.gate, this.quantiser.gate, this.tasks.gate];
    for (const gate of gates) gate.pause(on);
  }

  async evaluate(
    request: PageEvaluateRequest,
    onEvent: (event: EvaluateEvent) => void,
  ): Promise<EvaluateResult> {
    this.planJob?.abort();
    return this.sessions.run(async (signal) => {
      const model = this.model();
      const source = await model.evaluationText(request);
      const healing = await this.healingOf(request.healing);
      const { session, notes } = await this.sessions.open(model.opened, request.device, {
        signal,
        onProgress: progressTo(onEvent),
      });
      for (const note of notes) onEvent({ type: 'note', text: note });
      const segments = await evaluationText(
        source,
        request,
        model.opened.summary,
        () => model.tokenizer(),
        this.windows?.rows ?? null,
        signal,
      );
      await session.setBudget(request.budgetBytes ?? this.sessions.budgetBytes);
      return session.evaluate(segments, request.removed, signal, onEvent, healing);
    });
  }

  /** Needs no session: it may run beside a job. */
  async countTokens(text: string): Promise<TokenCount> {
    this.counting?.abort();
    const abort = new AbortController();
    this.counting = abort;
    return countTokens(text, await this.model().tokenizer(), abort.signal);
  }

  async interrupted(): Promise<Interrupted[]> {
    return this.checkpoints.interrupted(() => this.identity());
  }

  async forget(key: string): Promise<void> {
    await this.checkpoints.forget(key);
  }

  async writtenSizes(steps: readonly StepChoice[]): Promise<WrittenSizes> {
    return writtenSizes(await this.model().openedFor([dtypeOf(steps)]), steps);
  }

  async export(
    request: ExportRequest,
    onEvent: (progress: Progress) => void,
  ): Promise<ExportResult> {
    this.planJob?.abort();
    return this.sessions.run(async (signal) => {
      const model = this.model();
      const { opened, source } = model;
      const window = this.windows?.rows[0] ?? (await model.verifyWindow(signal));
      const device = this.windows?.device ?? 'auto';
      const dtypes = [request.steps ?? [], ...(request.also ?? [])].map(dtypeOf);
      return exportPruned({
        opened: await model.openedFor(dtypes),
        isFloats: needsFloats(opened.summary, dtypes),
        source,
        request,
        window,
        session: () => this.sessions.open(opened, device, { signal, onProgress: onEvent }),
        gpu: async () => {
          const { webgpu, selfTest } = await this.device();
          return webgpu ? selfTest : null;
        },
        release: () => this.sessions.close(),
        budgetBytes: this.sessions.budgetBytes,
        signal,
        onEvent,
      });
    });
  }

  async release(): Promise<void> {
    await this.sessions.exclusive(() => this.sessions.close());
  }

  async cancel(): Promise<void> {
    this.sessions.cancel();
    this.planJob?.abort();
    this.choosing?.abort();
  }

  private begin(
    settings: ScoreSettings,
    signal: AbortSignal,
    onEvent: (event: BeginEvent) => void,
  ): Promise<Begun> {
    return beginOnWindows(this, this.model(), settings, signal, onEvent);
  }

  protected async onCurve(signal: AbortSignal, onProgress: (progress: Progress) => void) {
    const { rows, device } = this.curveWindows();
    const { opened } = this.model();
    const { session } = await this.sessions.open(opened, device, { signal, onProgress });
    // A name that starts with `use` reads as a React hook.
    const take = session.useWindows.bind(session);
    await take(rows);
    return { session, windows: rows };
  }

  private curveWindows() {
    if (this.windows) return this.windows;
    throw new EspalierError(
      'bad-input',
      'There are no windows to measure this plan on.',
      'Press Score first.',
    );
  }

  protected endPlan(): void {
    this.planJob?.abort();
  }

  protected model(): StudioModel {
    if (!this.current)
      throw new EspalierError(
        'bad-input',
        'No model is open.',
        'Drop a model folder or open the sample.',
      );
    return this.current;
  }
}
