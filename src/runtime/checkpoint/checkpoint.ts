// What a long scoring job stores so that it can be resumed. Where it is stored is up to the owner
// of the store.

/**
 * A job as far as it came. Plain data that a structured clone keeps; `body` belongs to the job that
 * wrote it and is valid only for the same model, windows, device and settings: whoever keeps
 * checkpoints makes the key.
 */
export interface Checkpoint {
  /** Block evaluations done, of all. */
  done: number;
  total: number;
  body: unknown;
}

/**
 * Where one job's checkpoint is kept. None of these may fail the job: what cannot be kept is not
 * kept.
 */
export interface CheckpointStore {
  load(): Promise<Checkpoint | null>;
  /** Replaces the one that was kept. */
  save(checkpoint: Checkpoint): Promise<void>;
  /** The job is done. */
  clear(): Promise<void>;
}
