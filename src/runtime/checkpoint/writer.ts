// Decides when a job writes its checkpoint: rarely enough that writing costs next to nothing.

import { toReport } from '../../errors.ts';
import type { Checkpoint, CheckpointStore } from './checkpoint.ts';

/** Work that may be lost before the first checkpoint, ms. */
const FIRST_MS = 5000;
const LEAST_MS = 10_000;
/**
 * Time between two checkpoints, as a multiple of what the last one took: writing takes less than
 * 2 % of a job.
 */
const RATIO = 50;
/** Work that may be lost at the end of a step, which leaves little to write, ms. */
const STEP_MS = 1000;
/**
 * A cancelled job must end within 2 s: where writing takes longer than this, ms, the last
 * checkpoint has to do.
 */
const QUICK_MS = 1000;

/** Writes the checkpoint of one job. Nothing here fails the job. */
export class CheckpointWriter {
  private readonly store: CheckpointStore;
  private readonly now: () => number;
  private lastAt: number;
  private nextAt: number;
  private tookMs = 0;

  constructor(store: CheckpointStore, now: () => number = () => performance.now()) {
    this.store = store;
    this.now = now;
    this.lastAt = now();
    this.nextAt = this.lastAt + FIRST_MS;
  }

  async load(): Promise<Checkpoint | null> {
    return this.store.load().catch(() => null);
  }

  /** Writes if it is time to. */
  async offer(make: () => Promise<Checkpoint>): Promise<void> {
    if (this.now() >= this.nextAt) await this.save(make);
  }

  /** Writes what a finished step has left, which is small. */
  async offerStep(make: () => Promise<Checkpoint>): Promise<void> {
    if (this.now() - this.lastAt < STEP_MS) return;
    const { tookMs, nextAt } = this;
    await this.save(make);
    this.tookMs = tookMs;
    this.nextAt = Math.max(nextAt, this.lastAt + LEAST_MS);
  }

  /**
   * The job ends early: what it has is written, unless there is no time or no device to read it
   * from.
   */
  async last(error: unknown, make: () => Promise<Checkpoint>): Promise<void> {
    const { code } = toReport(error);
    if (code === 'device-lost' || (code === 'cancelled' && this.tookMs > QUICK_MS)) return;
    await this.save(make);
  }

  async clear(): Promise<void> {
    await this.store.clear().catch(() => {});
  }

  private async save(make: () => Promise<Checkpoint>): Promise<void> {
    const start = this.now();
    try {
      const checkpoint = await make();
      if (checkpoint.done > 0) await this.store.save(checkpoint);
    } catch {
      // If something is wrong with the device, the next run of the job reports it.
    }
    this.lastAt = this.now();
    this.tookMs = this.lastAt - start;
    this.nextAt = this.lastAt + Math.max(LEAST_MS, RATIO * this.tookMs);
  }
}
