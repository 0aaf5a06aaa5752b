// Quantising: what to do, start, follow, pause, resume. What comes of it is kept by the worker.

import { pplWords } from '../../analysis/perplexity.ts';
import type { Interrupted } from '../../contract/interrupted.ts';
import type {
  KeptQuantisation,
  QuantiseData,
  QuantiseEvent,
  QuantiseOutcome,
  QuantiseRequest,
} from '../../contract/quantise.ts';
import { EspalierError, isCancelled, toReport } from '../../errors.ts';
import { storedObstacle } from '../../model/quantise/dtypes.ts';
import {
  type MatrixForm,
  QUANTISED_DTYPES,
  type QuantisedDtype,
  type QuantiseSettings,
} from '../../model/quantise/quantisation.ts';
import * as words from '../../words/quantising.ts';
import type { Context } from '../context.ts';
import type { ExportActions } from '../export/actions.ts';
import { fileText } from '../fileText.ts';
import { healingOf } from '../heal/state.ts';
import { engineJob } from '../jobs.ts';
import { planKey, quantiseKey } from '../keys.ts';
import type { PlanActions } from '../plan/actions.ts';
import { runJob } from '../runJob.ts';
import { isOfPlan, quantiseObstacle, quantiseRequest, wordsOf } from './selectors.ts';
import type { MixedForm, QuantiseForm, RunningQuantise } from './state.ts';

type Fields<T> = { [F in keyof T]?: T[F] };

export interface QuantiseActions {
  setQuantiseDtype(dtype: QuantisedDtype): void;
  setQuantise(fields: Fields<QuantiseSettings>): void;
  setMixed(fields: Fields<MixedForm>): void;
  /** The form of one matrix by hand; null: as the settings have it. */
  setMatrixForm(tensor: string, form: MatrixForm | null): void;
  /** Every matrix as the settings have it. */
  clearMatrixForms(): void;
  setQuantiseData(fields: Fields<QuantiseData>): void;
  /**
   * A dropped, picked or pasted text that GPTQ and sensitivities are taken from. Shows an error
   * instead of throwing one; announces nothing when `quiet`.
   */
  setQuantiseText(name: string, text: string, quiet?: boolean): void;
  /** Another text to measure on. */
  setQuantiseHeldOut(name: string, text: string, quiet?: boolean): void;
  takeQuantiseFile(file: File, as?: 'calibration' | 'heldOut'): Promise<void>;
  /** What the form would take and come to, matrix by matrix. */
  estimateQuantise(): Promise<void>;
  /** What the form asks for, unless another request is given, as that of an interrupted one. */
  quantise(request?: QuantiseRequest): Promise<void>;
  /** Continues an interrupted one; its plan and settings become those of the page. */
  resumeQuantise(job: Extract<Interrupted, { job: 'quantise' }>): Promise<void>;
  pauseQuantise(on: boolean): void;
}

type Event = Exclude<QuantiseEvent, { type: 'progress' }>;

function withEvent(running: RunningQuantise, event: Event): RunningQuantise {
  if (event.type === 'note') return { ...running, notes: [...running.notes, event.text] };
  const { key, sensitivity } = event;
  return {
    ...running,
    sensitivities: new Map(running.sensitivities).set(key, sensitivity),
  };
}

/** The form that asks for this. */
function formOf(request: QuantiseRequest, before: QuantiseForm): QuantiseForm {
  const { dtype, settings, forms, mixed, data } = request;
  return {
    dtype,
    settings,
    forms,
    data,
    mixed: mixed ? { ...before.mixed, ...mixed } : { ...before.mixed, kind: 'off' },
  };
}

export function makeQuantiseActions(
  context: Context,
  others: Pick<PlanActions, 'setRemoved'> & Pick<ExportActions, 'setDtype'>,
): QuantiseActions {
  const { api, get, patch, store } = context;
  const estimates = context.newest();

  const setForm = (fields: Fields<QuantiseForm>) => {
    context.clear('quantise');
    patch('quantise', { form: { ...get().quantise.form, ...fields } });
  };

  function said(quantised: KeptQuantisation): string {
    const { measured } = quantised.quantisation.record;
    const one = measured.find(({ set }) => set === 'held-out') ?? measured[0];
    const ppl = (nll: number) => pplWords(Math.exp(nll));
    return one
      ? words.quantisedTo(one.name, {
          original: ppl(one.original.nll),
          quantised: ppl(one.quantised.nll),
        })
      : words.QUANTISED_UNMEASURED;
  }

  /** What was measured on the windows of the curve need not be measured again. */
  function noteEffect({ windows }: QuantiseRequest, { quantised }: QuantiseOutcome): void {
    const { curve } = get().score;
    const { id, quantisation, seconds } = quantised;
    const row = quantisation.record.measured.find(({ set }) => set === 'windows');
    if (!curve || curve.result.windows !== windows?.windows || !row) return;
    const { removed, healing } = quantisation;
    const { nll } = row.quantised;
    const result = {
      nll,
      ppl: Math.exp(nll),
      // By window it was not reported.
      nllPerWindow: [],
      removed: [...removed],
      ...(healing !== null && { healing }),
      quantised: id,
      seconds,
    };
    const key = planKey(curve.id, removed, healing ?? undefined, id);
    patch('effect', { known: new Map(get().effect.known).set(key, result) });
  }

  function take(request: QuantiseRequest, outcome: QuantiseOutcome): string {
    const { quantised, gone, bytes, mostBytes } = outcome;
    const away = new Set([quantised.id, ...gone.map(({ id }) => id)]);
    const rest = get().quantise.shelf?.quantisations.filter(({ id }) => !away.has(id)) ?? [];
    const shelf = { quantisations: [quantised, ...rest], bytes, mostBytes };
    patch('quantise', { shelf, shown: quantised.id, used: quantised.id });
    noteEffect(request, outcome);
    // The page shows the plan as it is written now.
    if (isOfPlan(quantised, get().plan.present)) void others.setDtype(quantised.dtype);
    return [
      said(quantised),
      !quantised.stored && words.QUANTISING_SAID.notStored,
      gone.length > 0 && words.madeRoom(gone.map(wordsOf)),
    ]
      .filter((text) => text !== false)
      .join(' ');
  }

  async function quantise(given?: QuantiseRequest): Promise<void> {
    const request = given ?? (quantiseObstacle(get()) === null ? quantiseRequest(get()) : null);
    if (!request) return;
    const running: RunningQuantise = { request, sensitivities: new Map(), notes: [] };
    let hasDone = false;
    await runJob<Event, QuantiseOutcome>(context, 'quantise', {
      started: words.QUANTISING_SAID.started,
      start: () => patch('quantise', { running, paused: false, progress: null, estimating: null }),
      call: ({ onEvent }) => api.quantise(request, onEvent),
      follow(events, progress) {
        const now = get().quantise.running;
        hasDone ||= (progress.progress?.done ?? 0) > 0;
        if (now) patch('quantise', { running: events.reduce(withEvent, now), ...progress });
      },
      take: (outcome) => take(request, outcome),
      stop: () => words.QUANTISING_SAID[hasDone ? 'canResume' : 'cancelled'],
      end() {
        if (get().quantise.paused) void api.pause(false);
        patch('quantise', { running: null, paused: false, progress: null });
      },
    });
  }

  function withText(name: string, text: string, use: () => void): void {
    const { message, hint } = words.emptyText(name);
    if (text.trim() !== '') use();
    else context.fail('quantise', new EspalierError('bad-input', message, hint));
  }

  // A graph of float16 is written in few bits with float16 activations.
  const unsubscribe = store.subscribe((state, before) => {
    const { current } = state.model;
    if (!current || current === before.model.current) return;
    const { dtype } = state.quantise.form;
    const { dtype: stored } = current.summary;
    const fits = (one: QuantisedDtype) => storedObstacle(stored, one) === null;
    const other = fits(dtype) ? undefined : QUANTISED_DTYPES.find(fits);
    if (other) patch('quantise', { form: { ...state.quantise.form, dtype: other } });
  });
  context.onDispose(unsubscribe);

  const actions: QuantiseActions = {
    setQuantiseDtype: (dtype) => setForm({ dtype }),
    setQuantise: (fields) => setForm({ settings: { ...get().quantise.form.settings, ...fields } }),
    setMixed: (fields) => setForm({ mixed: { ...get().quantise.form.mixed, ...fields } }),
    setMatrixForm(tensor, form) {
      const { [tensor]: _, ...forms } = get().quantise.form.forms;
      setForm({ forms: form === null ? forms : { ...forms, [tensor]: form } });
    },
    clearMatrixForms: () => setForm({ forms: {} }),
    setQuantiseData: (fields) => setForm({ data: { ...get().quantise.form.data, ...fields } }),
    setQuantiseText: (name, text, quiet = false) =>
      withText(name, text, () => {
        actions.setQuantiseData({ calibration: { kind: 'text', name, text } });
        if (!quiet) context.announce(words.willUse(name));
      }),
    setQuantiseHeldOut: (name, text, quiet = false) =>
      withText(name, text, () => {
        actions.setQuantiseData({ heldOut: { kind: 'text', name, text } });
        if (!quiet) context.announce(words.willMeasureOn(name));
      }),
    async takeQuantiseFile(file, as = 'calibration') {
      try {
        const text = await fileText(file);
        if (as === 'calibration') actions.setQuantiseText(file.name, text);
        else actions.setQuantiseHeldOut(file.name, text);
      } catch (error) {
        context.fail('quantise', error);
      }
    },
    async estimateQuantise() {
      const request = quantiseRequest(get());
      if (!request || engineJob(get())) return;
      const isNewest = estimates.begin();
      const key = quantiseKey(request);
      patch('quantise', { estimating: key });
      try {
        const value = await api.estimateQuantise(request);
        if (isNewest()) patch('quantise', { estimate: { key, value, error: null } });
      } catch (error) {
        // What else needed the engine has ended it: it is asked for again.
        if (isNewest() && !isCancelled(error))
          patch('quantise', { estimate: { key, value: null, error: toReport(error) } });
      } finally {
        if (isNewest()) patch('quantise', { estimating: null });
      }
    },
    quantise,
    async resumeQuantise({ request, missing }) {
      if (!get().model.current || engineJob(get())) return;
      const { form } = get().quantise;
      const { removed, healing } = request;
      if (healing !== undefined && healingOf(get().heal, healing) === null) {
        const { message, hint } = words.healingMissing;
        context.fail('quantise', new EspalierError('bad-input', message, hint));
        return;
      }
      others.setRemoved(removed, healing);
      if (missing.length > 0) {
        setForm({ ...formOf(request, form), data: { ...request.data, ...textsOf(form) } });
        const { message, hint } = words.textsMissing(missing);
        context.fail('quantise', new EspalierError('bad-input', message, hint));
        return;
      }
      setForm(formOf(request, form));
      await quantise({ budgetBytes: undefined, ...request });
    },
    pauseQuantise(on) {
      if (!get().quantise.running) return;
      patch('quantise', { paused: on });
      context.announce(on ? words.QUANTISING_SAID.paused : words.QUANTISING_SAID.continues);
      api.pause(on).catch((error: unknown) => context.fail('quantise', error));
    },
  };
  return actions;
}

const textsOf = ({ data: { calibration, heldOut } }: QuantiseForm) => ({ calibration, heldOut });
