// Where a healing is written down: what its methods have changed so far, and the training that
// runs.

import type { HealingStep, WeightChange } from '../../model/healing/healing.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint.ts';

/** What finished methods have come to. */
export interface HealSoFar {
  changes: WeightChange[];
  steps: HealingStep[];
}

/** What is written: the finished methods and the body of the training after them. */
interface Body extends HealSoFar {
  training: unknown;
}

export class HealStore {
  private readonly store: CheckpointStore | undefined;

  constructor(store: CheckpointStore | undefined) {
    this.store = store;
  }

  /** What an interrupted run has finished; nothing without one. @param methods of the healing */
  async load(methods: number): Promise<HealSoFar> {
    const body = bodyOf((await this.store?.load())?.body);
    if (!body || body.steps.length >= methods) return { changes: [], steps: [] };
    return { changes: body.changes, steps: body.steps };
  }

  /** The store of the training that follows what is finished; clearing it is up to the healing. */
  of(before: HealSoFar): CheckpointStore | undefined {
    const { store } = this;
    return (
      store && {
        async load() {
          const saved = await store.load();
          const body = bodyOf(saved?.body);
          if (!saved || body?.steps.length !== before.steps.length) return null;
          return { ...saved, body: body.training };
        },
        save: (checkpoint) =>
          store.save({ ...checkpoint, body: { ...before, training: checkpoint.body } }),
        clear: async () => {},
      }
    );
  }
}

function bodyOf(value: unknown): Body | null {
  const body = value as Partial<Body> | null | undefined;
  return body && Array.isArray(body.changes) && Array.isArray(body.steps) ? (body as Body) : null;
}
