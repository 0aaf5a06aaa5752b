// Where a quantisation is written down: its parts share one checkpoint, each with its own body.

import type { CheckpointStore } from '../checkpoint/checkpoint.ts';

/** Parts of a quantisation that take long. */
type Part = 'sensitivities' | 'gptq';

export class QuantiseStore {
  private readonly store: CheckpointStore | undefined;
  private bodies: Partial<Record<Part, unknown>> = {};

  constructor(store: CheckpointStore | undefined) {
    this.store = store;
  }

  /** The store of one part; clearing it is up to the quantisation. */
  of(part: Part): CheckpointStore | undefined {
    const { store } = this;
    return (
      store && {
        load: async () => {
          const saved = await store.load();
          const bodies = bodiesOf(saved?.body);
          if (!saved || bodies?.[part] === undefined) return null;
          this.bodies = { ...bodies, ...this.bodies };
          return { ...saved, body: bodies[part] };
        },
        save: (checkpoint) => {
          this.bodies = { ...this.bodies, [part]: checkpoint.body };
          return store.save({ ...checkpoint, body: this.bodies });
        },
        clear: async () => {},
      }
    );
  }

  /** Writes what a part has come to, of `count` steps; it stays with those that follow. */
  async keep(part: Part, body: unknown, count: number): Promise<void> {
    if (count === 0) return;
    await this.of(part)
      ?.save({ done: count, total: count, body })
      .catch(() => {});
  }

  /** The quantisation is done. */
  async clear(): Promise<void> {
    await this.store?.clear().catch(() => {});
  }
}

function bodiesOf(value: unknown): Partial<Record<Part, unknown>> | null {
  return typeof value === 'object' && value !== null ? value : null;
}
