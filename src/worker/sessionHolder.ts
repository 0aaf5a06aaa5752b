// The one scoring session of the studio and the queue of what uses it: one job at a time, on the
// device that was asked for, within the memory budget.

import type {
  BrowserDeviceKind,
  DeviceChoice,
  DeviceKind,
  DeviceReport,
} from '../contract/device.ts';
import type { MemoryEstimate, ScoreSettings } from '../contract/score.ts';
import { cancelled, throwIfCancelled, toReport } from '../errors.ts';
import { recallDeviceChoice, rememberDeviceChoice } from '../files/rememberedValues.ts';
import { defaultBudget } from '../memoryBudget.ts';
import type { OpenedModel } from '../model/open/open.ts';
import { makeScorePrograms } from '../model/programs/programs.ts';
import { fitted } from '../model/programs/widen.ts';
import type { ChoiceOptions } from '../runtime/choice/choose.ts';
import type { OrtLoader } from '../runtime/device/ort.ts';
import { WASM_LIMITS } from '../runtime/device/wasmEngine.ts';
import { taylorMemory } from '../runtime/gradients/taylor.ts';
import { openRouted, type RoutedSession } from '../runtime/score/route.ts';
import { estimateMemory } from '../runtime/weights/memory.ts';
import { probeDevice } from './probe.ts';

const MEMORY = { recall: recallDeviceChoice, remember: rememberDeviceChoice };

/** How a job that may have to choose the device first is cancelled, and follows that. */
export type Choosing = Pick<ChoiceOptions, 'signal' | 'onProgress'>;

interface Waiting {
  resolve(choice: DeviceChoice): void;
  reject(error: Error): void;
}

export class SessionHolder {
  /** Budget of the last score: plans after it keep to that, also in a session opened anew. */
  budgetBytes: number | undefined;
  private readonly loader: OrtLoader;
  private routed: RoutedSession | null = null;
  /** What it is of: the open model, or that with float32 matrices. */
  private of: OpenedModel | null = null;
  /** The device that each request led to for the open model. */
  private readonly resolved = new Map<'auto' | BrowserDeviceKind, DeviceKind>();
  /** What `auto` means for the open model, once it is known. */
  private choice: DeviceChoice | null = null;
  private waiting: Waiting[] = [];
  private report: Promise<DeviceReport> | null = null;
  private job: AbortController | null = null;
  /** The job that runs only while nobody needs the engine. */
  private spareJob: AbortController | null = null;
  /** Uses of the session never overlap: the page may ask for memory while a plan is measured. */
  private queue: Promise<unknown> = Promise.resolve();

  constructor(loader: OrtLoader) {
    this.loader = loader;
  }

  /** Looks for a GPU once; a failed look is repeated with the next call. */
  device(): Promise<DeviceReport> {
    this.report ??= probeDevice(this.loader);
    this.report.catch(() => {
      this.report = null;
    });
    return this.report;
  }

  /** One long job at a time; a second one cancels the first and waits for it. */
  run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
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

  /**
   * As `run`, for work that never takes the engine from a job: any other job, and `dropSpare`, ends
   * it. @throws EspalierError `cancelled` while a job runs
   */
  spare<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.job && this.job !== this.spareJob) return Promise.reject(cancelled());
    const running = this.run(work);
    this.spareJob = this.job;
    return running;
  }

  /** Ends such work, for what needs the engine and is no job. */
  dropSpare(): void {
    this.spareJob?.abort();
  }

  /** Runs `work` when all that was queued before it has ended. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const guarded = (): Promise<T> =>
      work().catch(async (error: unknown) => {
        // An engine that failed in an unforeseen way keeps failing: the next call gets a new one.
        if (toReport(error).code === 'bug') await this.close().catch(() => {});
        throw error;
      });
    const turn = this.queue.then(guarded, guarded);
    this.queue = turn.catch(() => {});
    return turn;
  }

  /** Cancels the running job. */
  cancel(): void {
    this.job?.abort();
  }

  /** What `auto` means for the open model, as soon as something has led to it. */
  chosen(): Promise<DeviceChoice> {
    const { choice } = this;
    if (choice) return Promise.resolve(choice);
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  /** The same, found out now unless it is known. Errors as `open`. */
  async choose(opened: OpenedModel, options: Choosing): Promise<DeviceChoice> {
    throwIfCancelled(options.signal);
    if (!this.choice) await this.open(opened, 'auto', options);
    return this.chosen();
  }

  /** The session of `opened` on the requested device, opened when it is not there yet. */
  async open(
    opened: OpenedModel,
    requested: 'auto' | BrowserDeviceKind,
    options: Choosing = {},
  ): Promise<RoutedSession> {
    if (this.live(opened)?.engine.kind === (await this.resolve(requested))) return this.routed!;
    await this.close();
    this.routed = await openRouted(
      opened,
      this.loader,
      requested,
      async () => (await this.device()).selfTest,
      { ...options, memory: MEMORY },
    );
    const { choice } = this.routed;
    if (choice) {
      this.choice = choice;
      for (const { resolve } of this.waiting.splice(0)) resolve(choice);
    }
    this.of = opened;
    this.resolved.set(requested, this.routed.engine.kind);
    await this.routed.session.setBudget(this.budgetBytes);
    return this.routed;
  }

  /** The session where it is of this model. */
  private live(opened: OpenedModel): RoutedSession | null {
    return this.of === opened ? this.routed : null;
  }

  /** Frees the weights and states on the device. */
  async close(): Promise<void> {
    const old = this.routed;
    this.routed = null;
    if (!old) return;
    await old.session.dispose();
    await old.engine.dispose();
  }

  /** Closes the session and forgets what was found out about the model that it belonged to. */
  async reset(): Promise<void> {
    await this.close();
    this.resolved.clear();
    this.choice = null;
    for (const { reject } of this.waiting.splice(0)) reject(cancelled());
  }

  /** What scoring with these settings will need; weights are not loaded for it. */
  async memory(opened: OpenedModel, settings: ScoreSettings): Promise<MemoryEstimate> {
    const lengths = windowLengths(settings);
    const [windows, length] = [lengths.length, lengths[0] ?? settings.length];
    const { device, features, budget } = await this.limits(settings);
    // The live session keeps its weights and states: other settings are estimated without one.
    const live = this.live(opened);
    if (live?.engine.kind === device.kind) return live.session.memory(windows, length, budget);
    const programs = fitted(
      makeScorePrograms(opened, { device: device.kind }),
      features.includes('shader-f16'),
    );
    return estimateMemory(programs, windows, length, device, budget);
  }

  /**
   * What the gradients of the model on the windows of these settings will need.
   * @throws EspalierError as `taylorMemory`
   */
  gradientMemory(model: () => OpenedModel, settings: ScoreSettings): Promise<MemoryEstimate> {
    return this.exclusive(async () => {
      const opened = model();
      const { device, budget } = await this.limits(settings);
      const live = this.live(opened);
      const programs =
        live?.engine.kind === device.kind
          ? live.session.programs
          : makeScorePrograms(opened, { device: device.kind });
      const windows = windowLengths(settings).map((length) => Array<number>(length).fill(0));
      const { structure } = opened;
      // As both engines of a browser do.
      const engine = { ...device, feedsNibbles: true };
      return taylorMemory({ structure, programs, engine, windows, budget });
    });
  }

  private async limits({ device, budgetBytes }: ScoreSettings) {
    const kind = await this.resolve(device);
    const { maxBufferBytes, features } = kind === 'webgpu' ? await this.device() : WASM_LIMITS;
    const budget = budgetBytes ?? defaultBudget(kind, maxBufferBytes);
    return { device: { kind, maxBufferBytes }, features, budget };
  }

  /** The device of a request: known once it was opened for this model, else the preferred one. */
  private async resolve(requested: 'auto' | BrowserDeviceKind): Promise<DeviceKind> {
    const known = this.resolved.get(requested);
    if (known) return known;
    return requested === 'auto' ? (await this.device()).preferred : requested;
  }
}

/** Tokens of each window. */
const windowLengths = ({ text, samples, length }: ScoreSettings): number[] =>
  text.kind === 'ids'
    ? text.windows.map((window) => window.length)
    : Array<number>(samples).fill(length);
