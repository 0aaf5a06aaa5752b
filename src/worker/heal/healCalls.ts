// The calls of the studio that heal, and those that know the healings of the open model.

import type { AdapterRequest, AdapterResult, HealedForms } from '../../contract/export.ts';
import type {
  HealEstimate,
  HealEvent,
  HealingShelf,
  HealOutcome,
  HealRequest,
  KeptHealing,
} from '../../contract/heal.ts';
import type { Progress } from '../../contract/progress.ts';
import type { HealingApi } from '../../contract/studio.ts';
import type { Healing } from '../../model/healing/healing.ts';
import { measureForms } from '../../runtime/score/exported.ts';
import type { ScoreSession } from '../../runtime/score/session.ts';
import type { Checkpoints } from '../checkpoints.ts';
import type { JobContext } from '../onWindows.ts';
import type { SessionHolder } from '../sessionHolder.ts';
import type { BundledText, StudioModel } from '../studioModel.ts';
import { adapterObstacle, saveAdapter } from './adapterJob.ts';
import type { Healings } from './healings.ts';
import { HealRunner } from './healJob.ts';

export abstract class HealCalls implements HealingApi, JobContext {
  readonly sessions: SessionHolder;
  readonly checkpoints: Checkpoints;
  protected readonly shelf: Healings;
  protected readonly healer: HealRunner;

  constructor(
    { sessions, checkpoints }: JobContext,
    shelf: Healings,
    bundledText: (which: BundledText) => Promise<string>,
  ) {
    this.sessions = sessions;
    this.checkpoints = checkpoints;
    this.shelf = shelf;
    this.healer = new HealRunner({ sessions, checkpoints, healings: shelf, bundledText });
  }

  /** @throws EspalierError `bad-input` while none is open */
  protected abstract model(): StudioModel;
  /**
   * The session on the windows of the curve.
   * @throws EspalierError `bad-input` without any
   */
  protected abstract onCurve(
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<{ session: ScoreSession; windows: readonly number[][] }>;
  /** Ends the measurement of a plan, which gives way to jobs. */
  protected abstract endPlan(): void;

  async estimateHealing(request: HealRequest): Promise<HealEstimate> {
    return this.sessions.spare((signal) => this.healer.estimate(this.model(), request, signal));
  }

  async heal(request: HealRequest, onEvent: (event: HealEvent) => void): Promise<HealOutcome> {
    return this.job((signal) => this.healer.heal(this.model(), request, signal, onEvent));
  }

  async refit(request: HealRequest, onEvent: (progress: Progress) => void): Promise<HealOutcome> {
    return this.sessions.spare((signal) => {
      // Only now: while a training runs, this is refused, and the training can still be stopped.
      this.healer.prepare();
      return this.healer.refit(this.model(), request, signal, onEvent);
    });
  }

  async controlHealing(id: string, onEvent: (event: HealEvent) => void): Promise<KeptHealing> {
    return this.job((signal) => this.healer.control(this.model(), id, signal, onEvent));
  }

  async stopHealing(): Promise<void> {
    this.healer.stop();
  }

  async healings(): Promise<HealingShelf> {
    return this.shelf.shelf();
  }

  async healing(id: string): Promise<Healing> {
    return this.shelf.get(id);
  }

  async measureForms(id: string, onEvent: (progress: Progress) => void): Promise<HealedForms> {
    return this.job(async (signal) => {
      const healing = await this.shelf.get(id);
      const { session, windows } = await this.onCurve(signal, onEvent);
      return measureForms(session, this.model().opened, healing, windows, signal, onEvent);
    });
  }

  async adapterObstacle(id: string): Promise<string | null> {
    return adapterObstacle(this.model().opened, await this.shelf.get(id));
  }

  async saveAdapter({ healing, ...request }: AdapterRequest): Promise<AdapterResult> {
    return saveAdapter(this.model().opened, await this.shelf.get(healing), request);
  }

  async forgetHealing(id: string | null): Promise<HealingShelf> {
    return this.shelf.forget(id);
  }

  async forgetHealingsOf(model: string | null): Promise<HealingShelf> {
    return this.shelf.forgetOf(model);
  }

  protected async healingOf(id: string | undefined): Promise<Healing | undefined> {
    return id === undefined ? undefined : this.shelf.get(id);
  }

  private job<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.endPlan();
    this.healer.prepare();
    return this.sessions.run(work);
  }
}
