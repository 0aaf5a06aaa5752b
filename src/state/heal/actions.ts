// Healing: what to do, start, follow, pause, stop; which healing is in force; what is kept. The
// plan changes only when a healing is done that does not make it worse, or one is used.

import { pplWords } from '../../analysis/perplexity.ts';
import type {
  HealData,
  HealEvent,
  HealMethod,
  HealOutcome,
  HealRequest,
  KeptHealing,
} from '../../contract/heal.ts';
import type { Interrupted } from '../../contract/interrupted.ts';
import { EspalierError, isCancelled, toReport } from '../../errors.ts';
import * as words from '../../words/healing.ts';
import type { Context } from '../context.ts';
import { fileText } from '../fileText.ts';
import { engineJob } from '../jobs.ts';
import { healKey } from '../keys.ts';
import type { PlanActions } from '../plan/actions.ts';
import { runJob } from '../runJob.ts';
import type { StudioState } from '../state.ts';
import { chosenMethods, rateFor, ridgeFor } from './form.ts';
import { judged, shelfWith } from './outcome.ts';
import { healObstacle, healRequest, nameOfHealing } from './selectors.ts';
import { type HealForm, type HealPreset, PRESETS, type RunningHeal } from './state.ts';
import { healText } from './texts.ts';

type Fields<T> = { [F in keyof T]?: T[F] };

export interface HealActions {
  /** LoRA and full training take each other's place. */
  setHealMethods(methods: readonly HealMethod[]): void;
  setRefit(fields: Fields<HealForm['refit']>): void;
  setTraining(fields: Fields<HealForm['train']>): void;
  setHealData(fields: Fields<HealData>): void;
  useHealPreset(id: HealPreset['id']): void;
  /**
   * A dropped, picked or pasted text; JSON and JSONL of instructions are recognised. Shows an error
   * instead of throwing one; announces nothing when `quiet`.
   */
  setHealText(name: string, text: string, quiet?: boolean): void;
  /** Another text to measure on. */
  setForeignText(name: string, text: string, quiet?: boolean): void;
  takeHealFile(file: File, as?: 'text' | 'foreign'): Promise<void>;
  /** Measures what the form would take. */
  estimateHeal(): Promise<void>;
  /** What the form asks for, unless another request is given, as that of an interrupted one. */
  heal(request?: HealRequest): Promise<void>;
  /** Continues an interrupted healing; its plan and settings become those of the page. */
  resumeHealing(job: Extract<Interrupted, { job: 'heal' }>): Promise<void>;
  /** Trains the original as the plan of this healing was: a row beside it. */
  runControl(id: string): Promise<void>;
  pauseHealing(on: boolean): void;
  /** Ends the training early; the best state so far is the result. */
  stopHealing(): void;
  /** Shows this healing as the result. */
  showHealing(id: string): void;
}

/** 0 without a model. */
const paramsOf = ({ model }: StudioState): number => model.current?.summary.params ?? 0;

type Event = Exclude<HealEvent, { type: 'progress' }>;

function withEvent(running: RunningHeal, event: Event): RunningHeal {
  switch (event.type) {
    case 'note':
      return { ...running, notes: [...running.notes, event.text] };
    case 'step': {
      const { step, steps, loss, norm, rate } = event;
      return { ...running, steps, losses: [...running.losses, { step, loss, norm, rate }] };
    }
    case 'held-out': {
      const { step, loss } = event;
      return { ...running, heldOut: [...running.heldOut, { step, loss }] };
    }
  }
}

const begun = (request: HealRequest | null, controlOf: string | null): RunningHeal => ({
  request,
  controlOf,
  losses: [],
  heldOut: [],
  steps: request?.methods.reduce((sum, one) => sum + ('steps' in one ? one.steps : 0), 0) ?? 0,
  notes: [],
  stopping: false,
});

/** A training that has taken a step can be resumed. */
function cancelledWords(running: RunningHeal | null): string {
  const { cancelled, cancelledControl, cancelledTraining } = words.HEALING_SAID;
  if (running && running.controlOf !== null) return cancelledControl;
  return running && running.losses.length > 0 ? cancelledTraining : cancelled;
}

export function makeHealActions(
  context: Context,
  others: Pick<PlanActions, 'setRemoved' | 'setHealing'>,
): HealActions {
  const { api, get, patch, store } = context;
  const estimates = context.newest();

  const setForm = (fields: Fields<HealForm>) => {
    context.clear('heal');
    patch('heal', { form: { ...get().heal.form, ...fields } });
  };

  /** The one runner of healings and controls. @param take says what came of it */
  function run<R>(
    started: string,
    running: RunningHeal,
    call: (onEvent: (event: HealEvent) => void) => Promise<R>,
    take: (result: R) => string,
  ): Promise<void> {
    return runJob<Event, R>(context, 'heal', {
      started,
      start: () => patch('heal', { running, paused: false, progress: null, estimating: null }),
      call: ({ onEvent }) => call(onEvent),
      follow(events, progress) {
        const now = get().heal.running;
        if (now) patch('heal', { running: events.reduce(withEvent, now), ...progress });
      },
      take,
      stop: () => cancelledWords(get().heal.running),
      end() {
        if (get().heal.paused) void api.pause(false);
        patch('heal', { running: null, paused: false, progress: null });
      },
    });
  }

  function take(outcome: HealOutcome): string {
    const { healing } = outcome;
    patch('heal', { shelf: shelfWith(get().heal.shelf, outcome), shown: healing.id });
    const { rose, measured } = judged(healing);
    const isOfPlan = get().plan.present.removed.join() === healing.removed.join();
    const changesNothing = healing.bytes === 0;
    if (isOfPlan && rose === null && !changesNothing) others.setHealing(healing.id);
    const ppl = (nll: number) => pplWords(Math.exp(nll));
    return [
      changesNothing && words.HEALING_SAID.nothing,
      !changesNothing && rose === null
        ? words.healed(
            measured && {
              name: measured.name,
              pruned: ppl(measured.pruned),
              healed: ppl(measured.healed),
            },
          )
        : rose !== null && words.rose(rose.name),
      !healing.stored && !changesNothing && words.HEALING_SAID.notStored,
      outcome.gone.length > 0 && words.madeRoom(outcome.gone.map(nameOfHealing)),
    ]
      .filter((text) => text !== false)
      .join(' ');
  }

  async function heal(given?: HealRequest): Promise<void> {
    const request = given ?? (healObstacle(get()) === null ? healRequest(get()) : null);
    if (!request) return;
    await run(
      words.HEALING_SAID.started,
      begun(request, null),
      (onEvent) => api.heal(request, onEvent),
      take,
    );
  }

  function withText(set: () => void): void {
    try {
      set();
    } catch (error) {
      context.fail('heal', error);
    }
  }

  // Rates that nobody typed follow the model.
  const unsubscribe = store.subscribe((state, before) => {
    if (state.model.current === before.model.current || !state.model.current) return;
    const { methods, train } = state.heal.form;
    const [was, is] = [paramsOf(before), paramsOf(state)];
    const rate = rateFor({ methods, params: was }, { methods, params: is }, train.rate);
    if (rate !== train.rate)
      patch('heal', { form: { ...state.heal.form, train: { ...train, rate } } });
  });
  context.onDispose(unsubscribe);

  const actions: HealActions = {
    setHealMethods(wanted) {
      const { methods: before, train } = get().heal.form;
      const methods = chosenMethods(before, wanted);
      const params = paramsOf(get());
      const rate = rateFor({ methods: before, params }, { methods, params }, train.rate);
      setForm({ methods, train: { ...train, rate } });
    },
    setRefit(fields) {
      const refit = { ...get().heal.form.refit, ...fields };
      const changes = fields.all !== undefined && fields.ridge === undefined;
      setForm({ refit: changes ? { ...refit, ridge: ridgeFor(refit.all, refit.ridge) } : refit });
    },
    setTraining: (fields) => setForm({ train: { ...get().heal.form.train, ...fields } }),
    setHealData: (fields) => setForm({ data: { ...get().heal.form.data, ...fields } }),
    useHealPreset(id) {
      const preset = PRESETS.find((one) => one.id === id);
      if (!preset) return;
      const { methods, train } = preset;
      const rate = rateFor(
        { methods, params: 0 },
        { methods, params: paramsOf(get()) },
        train.rate,
      );
      setForm({ methods, train: { ...train, rate } });
    },
    setHealText: (name, text, quiet = false) =>
      withText(() => {
        actions.setHealData({ text: healText(name, text) });
        if (!quiet) context.announce(words.willUse(name));
      }),
    setForeignText: (name, text, quiet = false) =>
      withText(() => {
        const { text: whole } = healText(name, text);
        actions.setHealData({ foreign: { kind: 'text', name, text: whole } });
        if (!quiet) context.announce(words.willMeasureOn(name));
      }),
    async takeHealFile(file, as = 'text') {
      try {
        const text = await fileText(file);
        if (as === 'text') actions.setHealText(file.name, text);
        else actions.setForeignText(file.name, text);
      } catch (error) {
        context.fail('heal', error);
      }
    },
    async estimateHeal() {
      const request = healRequest(get());
      if (!request || healObstacle(get()) !== null) return;
      const isNewest = estimates.begin();
      const key = healKey(request);
      patch('heal', { estimating: key });
      try {
        const value = await api.estimateHealing(request);
        if (isNewest()) patch('heal', { estimate: { key, value, error: null } });
      } catch (error) {
        // What else needed the engine has ended it: it is asked for again by hand.
        if (isNewest() && !isCancelled(error))
          patch('heal', { estimate: { key, value: null, error: toReport(error) } });
      } finally {
        if (isNewest()) patch('heal', { estimating: null });
      }
    },
    heal,
    async resumeHealing({ request, missing }) {
      if (!get().model.current || engineJob(get())) return;
      others.setRemoved(request.removed);
      const form = { ...get().heal.form };
      form.methods = request.methods.map(({ method }) => method);
      for (const { method, ...settings } of request.methods)
        if (method === 'refit') form.refit = settings as HealForm['refit'];
        else form.train = settings as HealForm['train'];
      if (missing.length > 0) {
        setForm(form);
        const { message, hint } = words.textsMissing(missing);
        context.fail('heal', new EspalierError('bad-input', message, hint));
        return;
      }
      setForm({ ...form, data: request.data });
      await heal({ budgetBytes: undefined, ...request });
    },
    async runControl(id) {
      await run<KeptHealing>(
        words.HEALING_SAID.controlStarted,
        begun(null, id),
        (onEvent) => api.controlHealing(id, onEvent),
        (healing) => {
          const { shelf } = get().heal;
          if (shelf) {
            const healings = shelf.healings.map((one) => (one.id === id ? healing : one));
            patch('heal', { shelf: { ...shelf, healings }, shown: id });
          }
          return words.HEALING_SAID.controlDone;
        },
      );
    },
    pauseHealing(on) {
      if (!get().heal.running) return;
      patch('heal', { paused: on });
      context.announce(on ? words.HEALING_SAID.paused : words.HEALING_SAID.continues);
      api.pause(on).catch((error: unknown) => context.fail('heal', error));
    },
    stopHealing() {
      const { running } = get().heal;
      // A control must be trained for as long as its healing was.
      if (!running || running.stopping || running.controlOf !== null) return;
      patch('heal', { running: { ...running, stopping: true } });
      context.announce(words.HEALING_SAID.stopping);
      if (get().heal.paused) actions.pauseHealing(false);
      api.stopHealing().catch((error: unknown) => context.fail('heal', error));
    },
    showHealing: (id) => patch('heal', { shown: id }),
  };
  return actions;
}
