// Which quantisations are kept for the open model, and which one counts for its plan.

import type { QuantisationShelf } from '../../contract/quantise.ts';
import { EspalierError } from '../../errors.ts';
import { idInPrecision } from '../../model/quantise/id.ts';
import type { Quantisation, QuantisedDtype } from '../../model/quantise/quantisation.ts';
import * as words from '../../words/quantising.ts';
import type { Context } from '../context.ts';
import type { ExportActions } from '../export/actions.ts';
import { healingOf } from '../heal/state.ts';
import type { PlanActions } from '../plan/actions.ts';
import { defaultName } from '../variants/names.ts';
import { wordsOf } from './selectors.ts';
import { quantisationOf } from './state.ts';

export interface QuantiseShelfActions {
  /** Shows this quantisation as the result. */
  showQuantisation(id: string): void;
  /** Its plan, healing, precision and settings become those of the page. */
  useQuantisation(id: string): void;
  /**
   * Settings and precision of a file become those of the page, and its quantisation where that is
   * kept. @returns whether its bytes are: by a text they have to be made again otherwise
   */
  restoreQuantisation(note: RestoredQuantisation, dtype: QuantisedDtype): boolean;
  forgetQuantisation(id: string): Promise<void>;
  forgetAllQuantisations(): Promise<void>;
}

/** What a file says of a quantisation. */
type RestoredQuantisation = Pick<Quantisation, 'id' | 'settings' | 'forms'>;

const NOTHING: QuantisationShelf = { quantisations: [], bytes: 0, mostBytes: 0 };

export function makeQuantiseShelfActions(
  context: Context,
  others: Pick<PlanActions, 'setRemoved'> & Pick<ExportActions, 'setDtype'>,
): QuantiseShelfActions {
  const { api, get, patch, store } = context;
  const requests = context.newest();

  /** Quantisations that cannot be listed are not used; what is quantised from then on is. */
  async function list(): Promise<void> {
    const isNewest = requests.begin();
    const { current } = get().model;
    if (!current) return;
    const isWanted = () => isNewest() && get().model.current === current;
    const shelf = await api.quantisations().catch((error: unknown) => {
      if (isWanted()) context.fail('quantise', error);
      return NOTHING;
    });
    // What was quantised meanwhile is newer.
    if (isWanted() && get().quantise.shelf === null) patch('quantise', { shelf });
  }

  async function forget(id: string | null): Promise<void> {
    try {
      const isNewest = requests.begin();
      const shelf = await api.forgetQuantisation(id);
      if (!isNewest()) return;
      patch('quantise', { shelf });
      const { erased, allErased } = words.QUANTISING_SAID;
      context.announce(id === null ? allErased : erased);
    } catch (error) {
      context.fail('quantise', error);
    }
  }

  const unsubscribe = store.subscribe((state, before) => {
    if (state.model.current !== before.model.current) void list();
  });
  context.onDispose(unsubscribe);

  return {
    showQuantisation: (id) => patch('quantise', { shown: id }),
    useQuantisation(id) {
      const found = quantisationOf(get().quantise, id);
      if (!found) return;
      const { quantisation, asked, dtype } = found;
      const { removed, healing, settings } = quantisation;
      if (healing !== null && healingOf(get().heal, healing) === null) {
        const { message, hint } = words.healingGone;
        context.fail('quantise', new EspalierError('bad-input', message, hint));
        return;
      }
      context.clear('quantise');
      others.setRemoved(removed, healing ?? undefined);
      const { form } = get().quantise;
      const { samples, length } = asked.data;
      const { mixed } = asked;
      patch('quantise', {
        used: id,
        shown: id,
        form: {
          dtype,
          settings,
          forms: asked.forms,
          mixed: mixed ? { ...form.mixed, ...mixed } : { ...form.mixed, kind: 'off' },
          data: { ...form.data, samples, length },
        },
      });
      void others.setDtype(dtype);
      context.announce(words.nowUsed(`${defaultName(removed)}, ${wordsOf(found)}`));
    },
    restoreQuantisation(note, dtype) {
      const { form, shelf } = get().quantise;
      const id = idInPrecision(dtype, note);
      const isKept = shelf?.quantisations.some(({ quantisation }) => quantisation.id === note.id);
      patch('quantise', {
        ...(isKept && { used: id, shown: id }),
        // Forms that a text has chosen are those by hand from now on.
        form: {
          ...form,
          dtype,
          settings: note.settings,
          forms: note.forms,
          mixed: { ...form.mixed, kind: 'off' },
        },
      });
      return isKept === true || note.settings.method !== 'gptq';
    },
    forgetQuantisation: (id) => forget(id),
    forgetAllQuantisations: () => forget(null),
  };
}
