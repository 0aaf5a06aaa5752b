// Typed texts: kept as they are, counted in tokens while they are typed, and taken into use.

import type { Context } from '../context.ts';
import type { EvaluateActions } from '../evaluate/actions.ts';
import type { HealActions } from '../heal/actions.ts';
import type { QuantiseActions } from '../quantise/actions.ts';
import type { ScoreActions } from '../score/actions.ts';
import { nameOfPasted } from '../score/text.ts';
import type { StudioState } from '../state.ts';
import { isTokenIds } from './selectors.ts';
import { type Draft, TEXT_FIELDS, type TextField } from './state.ts';

export interface DraftActions {
  /** Opens the field; what stands in it becomes the text in use. */
  openDraft(field: TextField): void;
  /** The field is closed for another choice; what was typed stays. */
  closeDraft(field: TextField): void;
  setDraft(field: TextField, text: string): void;
  /** Uses what was typed, unless that is in use already or blank. */
  takeDraft(field: TextField, quiet?: boolean): void;
}

/** Wait after a key before tokens are counted, in ms. */
const COUNT_DELAY_MS = 250;

/** The text in use where each field belongs. */
const IN_USE: Readonly<Record<TextField, (state: StudioState) => object | null>> = {
  scoring: ({ score }) => score.settings.text,
  evaluation: ({ evaluate }) => evaluate.form.text,
  healing: ({ heal }) => heal.form.data.text,
  foreign: ({ heal }) => heal.form.data.foreign,
  quantising: ({ quantise }) => quantise.form.data.calibration,
  quantisingHeldOut: ({ quantise }) => quantise.form.data.heldOut,
};

const inUse = (state: StudioState, field: TextField) => IN_USE[field](state);

export function makeDraftActions(
  context: Context,
  others: Pick<ScoreActions, 'setText'> &
    Pick<EvaluateActions, 'setEvaluationText'> &
    Pick<HealActions, 'setHealText' | 'setForeignText'> &
    Pick<QuantiseActions, 'setQuantiseText' | 'setQuantiseHeldOut'>,
): DraftActions {
  const { api, get, patch, store } = context;
  const timers = new Map<TextField, ReturnType<typeof setTimeout>>();
  /** The field whose text is being taken. */
  let taking: TextField | null = null;

  const edit = (field: TextField, fields: Partial<Draft>) =>
    patch('drafts', { [field]: { ...get().drafts[field], ...fields } });

  /** A count that fails is not shown: whoever uses the text hears why. */
  async function count(field: TextField): Promise<void> {
    const { text } = get().drafts[field];
    const { current } = get().model;
    if (!current?.hasTokenizer || text.trim() === '' || isTokenIds(get(), field)) return;
    const result = await api.countTokens(text).catch(() => null);
    if (result && get().drafts[field].text === text && get().model.current === current)
      edit(field, { count: result });
  }

  function countSoon(field: TextField): void {
    clearTimeout(timers.get(field));
    timers.set(
      field,
      setTimeout(() => void count(field), COUNT_DELAY_MS),
    );
  }

  const uses: Record<TextField, (name: string, text: string, quiet: boolean) => void> = {
    scoring: (...given) => others.setText(...given),
    evaluation: (...given) => others.setEvaluationText(...given),
    healing: (...given) => others.setHealText(...given),
    foreign: (...given) => others.setForeignText(...given),
    quantising: (...given) => others.setQuantiseText(...given),
    quantisingHeldOut: (...given) => others.setQuantiseHeldOut(...given),
  };

  const actions: DraftActions = {
    openDraft(field) {
      edit(field, { open: true });
      if (get().drafts[field].count === null) countSoon(field);
      actions.takeDraft(field, true);
    },
    closeDraft: (field) => edit(field, { open: false }),
    setDraft(field, text) {
      edit(field, { text, count: null });
      countSoon(field);
    },
    takeDraft(field, quiet = false) {
      const { text, used } = get().drafts[field];
      if (text.trim() === '' || text === used) return;
      const before = inUse(get(), field);
      taking = field;
      try {
        const name = nameOfPasted(text);
        // Token ids in brackets are a text like any other for an evaluation.
        const asText = name.replace(/\.json$/, ' text');
        uses[field](field === 'scoring' ? name : asText, text, quiet);
      } finally {
        taking = null;
      }
      if (inUse(get(), field) !== before) edit(field, { used: text });
    },
  };

  const unsubscribe = store.subscribe((state, before) => {
    for (const field of TEXT_FIELDS) {
      // A file, the bundled text or a text from elsewhere takes the place of the typed one.
      if (field !== taking && inUse(state, field) !== inUse(before, field))
        edit(field, { open: false, used: null });
      if (state.model.current !== before.model.current && state.drafts[field].open)
        countSoon(field);
    }
  });
  context.onDispose(() => {
    unsubscribe();
    for (const timer of timers.values()) clearTimeout(timer);
  });
  return actions;
}
