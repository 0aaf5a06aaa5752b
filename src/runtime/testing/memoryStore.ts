// Checkpoints in memory, cloned as a store of the browser clones them.

import type { Checkpoint, CheckpointStore } from '../checkpoint/checkpoint.ts';

export class MemoryStore implements CheckpointStore {
  stored: Checkpoint | null = null;
  async load(): Promise<Checkpoint | null> {
    return structuredClone(this.stored);
  }
  async save(checkpoint: Checkpoint): Promise<void> {
    this.stored = structuredClone(checkpoint);
  }
  async clear(): Promise<void> {
    this.stored = null;
  }
}
