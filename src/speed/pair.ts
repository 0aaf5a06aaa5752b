// The two variants of a job: the original and a plan.

import type { PlannedExport, Which } from '../contract/speed.ts';
import type { OpenVariant } from '../contract/variant.ts';
import { Crowded, Sides, type SidesOptions } from './sides.ts';

export class Pair extends Sides<Which> {
  /** @param plan the pruned side is there only when it changes something */
  constructor(plan: PlannedExport, open: OpenVariant, options: SidesOptions<Which>) {
    const changes = plan.removed.length + (plan.steps ?? []).length > 0;
    const original: [Which, PlannedExport] = ['original', { removed: [] }];
    super(new Map(changes ? [original, ['pruned', plan]] : [original]), open, options);
  }

  /**
   * `atOnce` where both fit beside each other; `inTurns`, from closed sides, where they are known
   * not to (`together` false) or memory runs out. Every side is closed at the end, however it ends.
   */
  async run(
    together: boolean,
    atOnce: () => Promise<void>,
    inTurns: () => Promise<void>,
  ): Promise<void> {
    try {
      if (together || this.sides.length === 1) {
        try {
          await atOnce();
          return;
        } catch (error) {
          if (!(error instanceof Crowded)) throw error;
          await this.close();
        }
      }
      await inTurns();
    } finally {
      await this.close();
    }
  }
}
