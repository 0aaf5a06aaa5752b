// Which healings are kept for the open model, and which one the plan has. A healing that is gone is
// never left in force: the plan then has the weights of the source, and it is said.

import type { HealingShelf } from '../../contract/heal.ts';
import * as words from '../../words/healing.ts';
import type { Context } from '../context.ts';
import type { PlanActions } from '../plan/actions.ts';
import type { StudioState } from '../state.ts';
import { nameOfHealing } from './selectors.ts';
import { healingOf } from './state.ts';

export interface HealShelfActions {
  /** The plan with this healing, as one step of undo; null: with the weights of the source. */
  useHealing(id: string | null): void;
  forgetHealing(id: string): Promise<void>;
  forgetAllHealings(): Promise<void>;
}

const NOTHING: HealingShelf = { healings: [], bytes: 0, mostBytes: 0 };

export function makeHealShelfActions(
  context: Context,
  others: Pick<PlanActions, 'setHealing' | 'setRemoved'>,
): HealShelfActions {
  const { api, get, patch, store } = context;
  const requests = context.newest();

  /** Healings that cannot be listed are not used; what is healed from then on is. */
  async function list(): Promise<void> {
    const isNewest = requests.begin();
    const { current } = get().model;
    if (!current?.summary.canScore) return;
    const isWanted = () => isNewest() && get().model.current === current;
    const shelf = await api.healings().catch((error: unknown) => {
      if (isWanted()) context.fail('heal', error);
      return NOTHING;
    });
    // What was healed meanwhile is newer.
    if (isWanted() && get().heal.shelf === null) patch('heal', { shelf });
  }

  async function forget(id: string | null): Promise<void> {
    try {
      const isNewest = requests.begin();
      const shelf = await api.forgetHealing(id);
      if (!isNewest()) return;
      patch('heal', { shelf });
      const { erased, allErased } = words.HEALING_SAID;
      context.announce(id === null ? allErased : erased);
    } catch (error) {
      context.fail('heal', error);
    }
  }

  const isGone = ({ heal, plan }: StudioState): boolean =>
    plan.present.healing !== undefined &&
    heal.shelf !== null &&
    healingOf(heal, plan.present.healing) === null;

  const unsubscribe = store.subscribe((state, before) => {
    if (state.model.current !== before.model.current) void list();
    else if (isGone(state)) {
      others.setHealing(null, true);
      context.announce(words.HEALING_SAID.dropped);
    }
  });
  context.onDispose(unsubscribe);

  return {
    useHealing(id) {
      const healing = healingOf(get().heal, id);
      if (id === null) {
        // Otherwise the switch would refit the plan at once.
        if (healingOf(get().heal, get().plan.present.healing)?.passing)
          patch('heal', { refits: false });
        others.setHealing(null);
        context.announce(words.HEALING_SAID.back);
      } else if (healing) {
        if (healing.removed.join() !== get().plan.present.removed.join())
          others.setRemoved(healing.removed, id);
        else others.setHealing(id);
        patch('heal', { shown: id });
        context.announce(words.nowUsed(nameOfHealing(healing)));
      }
    },
    forgetHealing: (id) => forget(id),
    forgetAllHealings: () => forget(null),
  };
}
