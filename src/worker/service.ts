// The studio's engine behind the declared api: one open model, one scoring session, one job at a
// time. Must not know about the page.

import type { HiddenCriteria, Magnitudes } from '../contract/criteria.ts';
import type { DeviceKind, DeviceReport } from '../contract/device.ts';
import type { EvaluateEvent, EvaluateRequest, EvaluateResult } from '../contract/evaluate.ts';
import type { ExportRequest, ExportResult } from '../contract/export.ts';
import type { Interrupted } from '../contract/interrupted.ts';
import type { FolderSource, OpenRequest, OpenResult } from '../contract/open.ts';
import type { PlanResult } from '../contract/plan.ts';
import type { Progress } from '../contract/progress.ts';
import type {
  MemoryEstimate,
  PartsEvent,
  PartsResult,
  ScoreEvent,
  ScoreResult,
  ScoreSettings,
} from '../contract/score.ts';
import type { SearchEvent, SearchRequest, SearchResult } from '../contract/search.ts';
import type { StudioApi } from '../contract/studio.ts';
import { EspalierError, throwIfCancelled, toReport } from '../errors.ts';
import { watched } from '../files/watched.ts';
import { MAX_PROVENANCE_BYTES } from '../json.ts';
import { measureMagnitudes } from '../model/criteria/magnitude.ts';
import { type Identity, identify } from '../model/export/identity.ts';
import { PROVENANCE_FILE } from '../model/export/provenance.ts';
import { listGraphs, type OpenedModel, openModel } from '../model/open/open.ts';
import { makeScorePrograms } from '../model/programs/programs.ts';
import { fitted } from '../model/programs/widen.ts';
import { type Folder, readText } from '../onnx/source.ts';
import type { Checkpoint, CheckpointStore } from '../runtime/checkpoint/checkpoint.ts';
import { chatOf } from '../runtime/decode/variantText.ts';
import type { OrtLoader } from '../runtime/device/ort.ts';
import { openWasm } from '../runtime/device/wasmEngine.ts';
import { evaluationText } from '../runtime/evaluate/text.ts';
import {
  type Calibration,
  type CalibrationText,
  calibrate,
  folderTokenizer,
} from '../runtime/score/calibration.ts';
import { checkHalf } from '../runtime/score/halfCheck.ts';
import { openRouted, type RoutedSession } from '../runtime/score/route.ts';
import { VERIFY_TOKENS } from '../runtime/verify/verify.ts';
import { defaultBudget } from '../runtime/weights/budget.ts';
import { estimateMemory } from '../runtime/weights/memory.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { sortUnits, type Unit } from '../units.ts';
import { Checkpoints } from './checkpoints.ts';
import { exportPruned } from './exportJob.ts';
import { folderOf } from './folderOf.ts';
import { PauseGate } from './pauseGate.ts';
import { probeDevice } from './probe.ts';

/** Texts that come with the page. */
export type BundledText = 'calibration' | 'evaluation';

interface Current {
  opened: OpenedModel;
  source: FolderSource;
  /** Read once: the files of an open model do not change, or else cannot be read any more. */
  identity: Promise<Identity> | null;
}

/** The wasm device as far as memory goes: the limit is that of one typed array. */
const WASM = { maxBufferBytes: 2 ** 31 - 1, features: ['shader-f16'] };

export class StudioService implements StudioApi {
  private readonly loader: OrtLoader;
  private readonly bundledText: (which: BundledText) => Promise<string>;
  private readonly checkpoints: Checkpoints;
  private current: Current | null = null;
  private routed: RoutedSession | null = null;
  /** The device that a wish came to for the open model. */
  private readonly resolved = new Map<'auto' | DeviceKind, DeviceKind>();
  private opens = 0;
  private tokenizer: Promise<Tokenizer> | null = null;
  private report: Promise<DeviceReport> | null = null;
  private windows: { rows: number[][]; device: 'auto' | DeviceKind } | null = null;
  /**
   * What the last score might take: plans after it keep to that, also where the session had to be
   * opened again.
   */
  private budgetBytes: number | undefined;
  private job: AbortController | null = null;
  /** Of the search that runs; it may be asked to wait before it has begun. */
  private gate: PauseGate | null = null;
  private paused = false;
  private plans = 0;
  private planJob: AbortController | null = null;
  /**
   * Session work never overlaps: the page may ask for the memory of other settings while a plan is
   * measured.
   */
  private queue: Promise<unknown> = Promise.resolve();

  constructor(
    loader: OrtLoader,
    bundledText: (which: BundledText) => Promise<string>,
    checkpoints = new Checkpoints(),
  ) {
    this.loader = loader;
    this.bundledText = bundledText;
    this.checkpoints = checkpoints;
  }

  async open(request: OpenRequest, onEvent: (progress: Progress) => void): Promise<OpenResult> {
    const { source } = request;
    const turn = ++this.opens;
    const folder = await folderOf(source);
    const graphs = listGraphs(folder);
    if (graphs.length > 1 && request.graph === undefined)
      return { kind: 'choose', name: folder.name, graphs };
    const graph = folder.open(request.graph ?? graphs[0]?.path ?? '');
    const total = graph?.size ?? 0;
    const tell = (done: number) =>
      onEvent({ job: 'open', phase: 'read', done, total, unit: 'bytes', secondsLeft: null });
    tell(0);
    const opened = { ...(await openModel(watched(folder, graph, tell), request.graph)), folder };
    // One of that length was not written here, and does not keep the model from opening.
    const told = (folder.open(PROVENANCE_FILE)?.size ?? 0) <= MAX_PROVENANCE_BYTES;
    const provenance = told ? await readText(folder, PROVENANCE_FILE, MAX_PROVENANCE_BYTES) : null;
    const chat = await chatOf(folder);
    if (turn === this.opens) await this.cancel();
    await this.exclusive(async () => {
      // A later open has been asked for: its model is the one that counts.
      if (turn !== this.opens) throw new EspalierError('cancelled', 'Cancelled.');
      await this.closeSession();
      this.resolved.clear();
      this.current = { opened, source, identity: null };
      this.tokenizer = null;
      this.windows = null;
    });
    tell(total);
    return {
      kind: 'opened',
      model: opened.summary,
      provenance,
      hasTokenizer: folder.open('tokenizer.json') !== null,
      chat,
    };
  }

  device(): Promise<DeviceReport> {
    this.report ??= probeDevice(this.loader);
    this.report.catch(() => {
      this.report = null;
    });
    return this.report;
  }

  async memory(settings: ScoreSettings): Promise<MemoryEstimate> {
    return this.exclusive(async () => {
      const { opened } = this.model();
      const given = settings.text.kind === 'ids' ? settings.text.windows : null;
      const [windows, length] = [
        given?.length ?? settings.samples,
        given?.[0]?.length ?? settings.length,
      ];
      const kind = await this.kindOf(settings.device);
      // The live session keeps its weights and states: other settings are estimated without one.
      const { maxBufferBytes, features } = kind === 'webgpu' ? await this.device() : WASM;
      const budget = settings.budgetBytes ?? defaultBudget(kind, maxBufferBytes);
      if (this.routed?.engine.kind === kind)
        return this.routed.session.memory(windows, length, budget);
      const programs = fitted(
        makeScorePrograms(opened, { device: kind }),
        features.includes('shader-f16'),
      );
      return estimateMemory(programs, windows, length, { kind, maxBufferBytes }, budget);
    });
  }

  async score(settings: ScoreSettings, onEvent: (event: ScoreEvent) => void): Promise<ScoreResult> {
    this.planJob?.abort();
    return this.run(async (signal) => {
      const { opened } = this.model();
      const started = performance.now();
      const note = (text: string) => onEvent({ type: 'note', text });
      const { calibration, session, device, selfTest, kept } = await this.begin(
        settings,
        signal,
        note,
      );
      const { windows } = calibration;
      const curve = await kept('score', null, (store, resumed) => {
        onEvent({
          type: 'started',
          device,
          windows: windows.length,
          ...(resumed && { resumed: resumed.done }),
        });
        return session.score(windows, signal, onEvent, store);
      });
      if (this.current?.opened !== opened) throw new EspalierError('cancelled', 'Cancelled.');
      const [window = []] = windows;
      const warning =
        device.kind === 'webgpu'
          ? await checkHalf({ opened, session, window, cpu: () => openWasm(this.loader), signal })
          : null;
      if (warning) note(warning);
      this.windows = { rows: windows, device: settings.device };
      return {
        baseline: curve.baseline,
        blocks: curve.blocks,
        order: curve.order,
        ...(curve.hidden && { hidden: curve.hidden }),
        windows,
        settings: calibration.settings,
        device,
        selfTest,
        rewrites: [...session.programs.rewrites],
        ...(warning ? { warnings: [warning] } : {}),
        seconds: (performance.now() - started) / 1000,
        costRatio: curve.costRatio,
      };
    });
  }

  async useWindows(
    windows: number[][],
    device: 'auto' | DeviceKind,
    budgetBytes = this.budgetBytes,
  ): Promise<void> {
    this.model();
    this.budgetBytes = budgetBytes;
    this.windows = { rows: windows, device };
  }

  async identity(): Promise<Identity> {
    const current = this.model();
    const { opened } = current;
    current.identity ??= identify(opened.folder, opened.graphPath, opened.structure.model);
    current.identity.catch(() => {
      current.identity = null;
    });
    return current.identity;
  }

  async plan(removed: Unit[], onEvent: (progress: Progress) => void): Promise<PlanResult> {
    const turn = ++this.plans;
    this.planJob?.abort();
    const abort = new AbortController();
    this.planJob = abort;
    return this.exclusive(async () => {
      if (turn !== this.plans) throw new EspalierError('cancelled', 'Cancelled.');
      const { windows } = this;
      if (!windows)
        throw new EspalierError(
          'bad-input',
          'There are no windows to measure this plan on.',
          'Press Score first.',
        );
      const { session } = await this.session(windows.device);
      await session.useWindows(windows.rows);
      const measure = await session.plan(removed, abort.signal, onEvent);
      return { ...measure, removed: sortUnits(removed) };
    });
  }

  async scoreParts(
    settings: ScoreSettings,
    onEvent: (event: PartsEvent) => void,
  ): Promise<PartsResult> {
    this.planJob?.abort();
    return this.run(async (signal) => {
      const started = performance.now();
      const note = (text: string) => onEvent({ type: 'note', text });
      const { calibration, session, device, kept } = await this.begin(settings, signal, note);
      const { windows } = calibration;
      const found = await kept('parts', null, (store) =>
        session.scoreParts(windows, signal, onEvent, store),
      );
      return {
        ...found,
        windows,
        settings: calibration.settings,
        device,
        seconds: (performance.now() - started) / 1000,
      };
    });
  }

  async magnitudes(onEvent: (progress: Progress) => void): Promise<Magnitudes> {
    return this.run(async (signal) => {
      const started = performance.now();
      const onBytes = (done: number, total: number): void => {
        const secondsLeft =
          done > 0 ? ((performance.now() - started) / 1000 / done) * (total - done) : null;
        onEvent({ job: 'magnitudes', phase: 'read', done, total, unit: 'bytes', secondsLeft });
      };
      const found = await measureMagnitudes(this.model().opened, { signal, onBytes });
      return { ...found, seconds: (performance.now() - started) / 1000 };
    });
  }

  async hiddenCriteria(
    settings: ScoreSettings,
    onEvent: (progress: Progress) => void,
  ): Promise<HiddenCriteria> {
    this.planJob?.abort();
    return this.run(async (signal) => {
      const { calibration, session } = await this.begin(settings, signal, () => {});
      return session.hiddenCriteria(calibration.windows, signal, onEvent);
    });
  }

  async search(
    { settings, ...request }: SearchRequest,
    onEvent: (event: SearchEvent) => void,
  ): Promise<SearchResult> {
    this.planJob?.abort();
    this.paused = false;
    return this.run(async (signal) => {
      const started = performance.now();
      const gate = new PauseGate(signal);
      gate.pause(this.paused);
      this.gate = gate;
      const { calibration, session, device, kept } = await this.begin(settings, signal, (text) =>
        onEvent({ type: 'note', text }),
      );
      const { windows } = calibration;
      const found = await kept('search', request, (store) =>
        session.search({ ...request, windows }, signal, gate, onEvent, store),
      );
      return {
        ...found,
        windows,
        settings: calibration.settings,
        device,
        seconds: (performance.now() - started) / 1000,
      };
    });
  }

  async pause(on: boolean): Promise<void> {
    this.paused = on;
    this.gate?.pause(on);
  }

  async evaluate(
    request: EvaluateRequest,
    onEvent: (event: EvaluateEvent) => void,
  ): Promise<EvaluateResult> {
    this.planJob?.abort();
    return this.run(async (signal) => {
      const { opened } = this.model();
      const { text } = request;
      const source =
        text.kind === 'text'
          ? text
          : { name: 'evaluation.txt', text: await this.bundledText('evaluation') };
      const { session, notes } = await this.session(request.device);
      for (const note of notes) onEvent({ type: 'note', text: note });
      const calibration = this.windows?.rows ?? null;
      const segments = await evaluationText(
        source,
        request,
        opened.summary,
        () => this.tokenizerOf(opened.folder),
        calibration,
        signal,
      );
      await session.setBudget(request.budgetBytes ?? this.budgetBytes);
      return session.evaluate(segments, request.removed, signal, onEvent);
    });
  }

  async interrupted(): Promise<Interrupted[]> {
    return this.checkpoints.interrupted(() => this.identity());
  }

  async forget(key: string): Promise<void> {
    await this.checkpoints.forget(key);
  }

  async export(
    request: ExportRequest,
    onEvent: (progress: Progress) => void,
  ): Promise<ExportResult> {
    this.planJob?.abort();
    return this.run(async (signal) => {
      const { opened, source } = this.model();
      const window = this.windows?.rows[0] ?? (await this.verifyWindow(signal));
      const device = this.windows?.device ?? 'auto';
      return exportPruned({
        opened,
        source,
        request,
        window,
        session: () => this.session(device),
        gpu: async () => {
          const { webgpu, selfTest } = await this.device();
          return webgpu ? selfTest : null;
        },
        release: () => this.closeSession(),
        budgetBytes: this.budgetBytes,
        signal,
        onEvent,
      });
    });
  }

  async release(): Promise<void> {
    await this.exclusive(() => this.closeSession());
  }

  async cancel(): Promise<void> {
    this.job?.abort();
    this.planJob?.abort();
  }

  /**
   * What every job on windows begins with: the windows, the session on its device and budget, and
   * where the job is written down.
   */
  private async begin(
    settings: ScoreSettings,
    signal: AbortSignal,
    onNote: (text: string) => void,
  ) {
    const withCheckpoints = this.checkpoints.begin(() => this.identity());
    const calibration = await this.calibration(settings, signal);
    throwIfCancelled(signal);
    const { session, engine, selfTest, notes } = await this.session(settings.device);
    for (const text of [
      ...notes,
      ...calibration.notes,
      ...session.programs.rewrites.map((r) => `For scoring: ${r}.`),
    ])
      onNote(text);
    this.budgetBytes = settings.budgetBytes;
    await session.setBudget(settings.budgetBytes);
    const device = { kind: engine.kind, name: engine.name };
    const { windows } = calibration;
    const kept = <T>(
      job: Interrupted['job'],
      search: Interrupted['search'],
      work: (store: CheckpointStore, resumed: Checkpoint | null) => Promise<T>,
    ): Promise<T> => withCheckpoints({ job, settings, search, device, windows }, onNote, work);
    return { calibration, session, device, selfTest, kept };
  }

  /** One long job at a time; a second one cancels the first and waits for it. */
  private run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.job?.abort();
    const abort = new AbortController();
    this.job = abort;
    return this.exclusive(async () => {
      throwIfCancelled(abort.signal);
      try {
        return await work(abort.signal);
      } finally {
        if (this.job === abort) this.job = null;
      }
    });
  }

  private exclusive<T>(work: () => Promise<T>): Promise<T> {
    const guarded = (): Promise<T> =>
      work().catch(async (error: unknown) => {
        // An engine that failed in a way nobody foresaw keeps failing: the next call gets a fresh
        // one.
        if (toReport(error).code === 'bug') await this.closeSession().catch(() => {});
        throw error;
      });
    const turn = this.queue.then(guarded, guarded);
    this.queue = turn.catch(() => {});
    return turn;
  }

  private model(): Current {
    if (!this.current)
      throw new EspalierError(
        'bad-input',
        'No model is open.',
        'Drop a model folder or open the sample.',
      );
    return this.current;
  }

  private async session(wanted: 'auto' | DeviceKind): Promise<RoutedSession> {
    const { opened } = this.model();
    if (this.routed && this.routed.engine.kind === (await this.kindOf(wanted))) return this.routed;
    await this.closeSession();
    this.routed = await openRouted(
      opened,
      this.loader,
      wanted,
      async () => (await this.device()).selfTest,
    );
    this.resolved.set(wanted, this.routed.engine.kind);
    await this.routed.session.setBudget(this.budgetBytes);
    return this.routed;
  }

  /**
   * What a wish comes to: known once it was opened for this model, else what this machine prefers.
   */
  private async kindOf(wanted: 'auto' | DeviceKind): Promise<DeviceKind> {
    return (
      this.resolved.get(wanted) ?? (wanted === 'auto' ? (await this.device()).preferred : wanted)
    );
  }

  private async closeSession(): Promise<void> {
    const old = this.routed;
    this.routed = null;
    if (!old) return;
    await old.session.dispose();
    await old.engine.dispose();
  }

  private async calibration(settings: ScoreSettings, signal: AbortSignal): Promise<Calibration> {
    const { opened } = this.model();
    return calibrate(
      await this.textOf(settings),
      settings,
      () => this.tokenizerOf(opened.folder),
      opened.summary,
      signal,
    );
  }

  private async textOf({ text }: ScoreSettings): Promise<CalibrationText> {
    if (text.kind === 'ids') return { name: text.name, windows: text.windows };
    return text.kind === 'text'
      ? text
      : { name: 'bundled', text: await this.bundledText('calibration') };
  }

  private tokenizerOf(folder: Folder): Promise<Tokenizer> {
    this.tokenizer ??= folderTokenizer(folder);
    this.tokenizer.catch(() => {
      this.tokenizer = null;
    });
    return this.tokenizer;
  }

  /**
   * A window of the bundled text, or of spread token ids when the model has no usable tokenizer.
   */
  private async verifyWindow(signal: AbortSignal): Promise<number[]> {
    const settings: ScoreSettings = {
      text: { kind: 'bundled' },
      samples: 1,
      length: VERIFY_TOKENS,
      sampler: 'even',
      seed: 0,
      bos: null,
      device: 'auto',
    };
    try {
      return (await this.calibration(settings, signal)).windows[0] ?? [];
    } catch (error) {
      if (toReport(error).code !== 'tokenizer') throw error;
      const { vocabSize } = this.model().opened.summary;
      return Array.from(
        { length: VERIFY_TOKENS },
        (_, t) => (t * 7919 + 3) % Math.max(1, vocabSize),
      );
    }
  }
}
