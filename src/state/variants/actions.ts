// Naming, keeping, hiding and pinning variants, and using one as the plan.

import { isQuantisedDtype } from '../../model/export/steps.ts';
import type { Context } from '../context.ts';
import type { ExportActions } from '../export/actions.ts';
import type { PlanActions } from '../plan/actions.ts';
import type { QuantiseShelfActions } from '../quantise/shelfActions.ts';
import { quantisationOf } from '../quantise/state.ts';
import { healingOfKey, quantisedOfKey, removedOf } from './names.ts';
import { nameOfVariant, planVariant } from './variants.ts';

export interface VariantActions {
  /** An empty name brings the default back. */
  nameVariant(key: string, name: string): void;
  /** Keeps the current plan as a row under a name. */
  keepVariant(name: string): void;
  hideVariant(key: string): void;
  showAllVariants(): void;
  /** Pins or unpins; a third one takes the place of the first. */
  pinVariant(key: string): void;
  /** Its plan becomes the plan, as one step of undo. */
  applyVariant(key: string): void;
}

/** Longest name of a variant. */
const NAME_CHARS = 60;

export function makeVariantActions(
  context: Context,
  others: Pick<PlanActions, 'setRemoved'> &
    Pick<QuantiseShelfActions, 'useQuantisation'> &
    Pick<ExportActions, 'setDtype'>,
): VariantActions {
  const { get, patch } = context;

  function name(key: string, text: string): void {
    const clean = text.replace(/\s+/g, ' ').trim().slice(0, NAME_CHARS);
    const names = new Map(get().variants.names);
    if (clean === '' || clean === nameOfVariant(get(), key)) names.delete(key);
    else names.set(key, clean);
    patch('variants', { names });
  }

  return {
    nameVariant: name,
    keepVariant(text) {
      const key = planVariant(get());
      const { kept, hidden } = get().variants;
      patch('variants', {
        kept: new Set([...kept, key]),
        hidden: new Set([...hidden].filter((one) => one !== key)),
      });
      name(key, text);
    },
    hideVariant(key) {
      const { hidden, pinned } = get().variants;
      patch('variants', {
        hidden: new Set([...hidden, key]),
        pinned: pinned.filter((one) => one !== key),
      });
    },
    showAllVariants: () => patch('variants', { hidden: new Set() }),
    pinVariant(key) {
      const { pinned } = get().variants;
      patch('variants', {
        pinned: pinned.includes(key)
          ? pinned.filter((one) => one !== key)
          : [...pinned, key].slice(-2),
      });
    },
    applyVariant(key) {
      const id = quantisedOfKey(key);
      // Renamed: a name that starts with `use` reads as a React hook.
      const { useQuantisation: take } = others;
      if (id !== undefined && quantisationOf(get().quantise, id)) take(id);
      else {
        others.setRemoved(removedOf(key), healingOfKey(key));
        // Its numbers are those of its weights as they are.
        if (isQuantisedDtype(get().export.dtype)) void others.setDtype(null);
      }
      context.announce(
        `The plan is now ${get().variants.names.get(key) ?? nameOfVariant(get(), key)}.`,
      );
    },
  };
}
