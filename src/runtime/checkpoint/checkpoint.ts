// What a long scoring job stores so that it can be resumed. Where it is stored is up to the owner
// of the store.

/**
 * How far a job came. Plain data that survives a structured clone; `body` belongs to the job that
 * wrote it and is valid only for the same model, windows, device and settings, from which the owner
 * of the store makes its key.
 */
export interface Checkpoint {
  /** Block evaluations done, of all. */
  done: number;
  total: number;
  body: unknown;
}

/**
 * Where the checkpoint of one job is stored. None of these may fail the job: what cannot be stored
 * is not stored.
 */
export interface CheckpointStore {
  load(): Promise<Checkpoint | null>;
  /** Replaces the stored one. */
  save(checkpoint: Checkpoint): Promise<void>;
  /** The job is done. */
  clear(): Promise<void>;
}
