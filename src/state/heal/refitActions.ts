// The switch beside the plan: each settled plan is refitted by itself, unless that takes long. It
// gives way to every job; a refit that makes the plan worse is not used.

import type { HealRequest } from '../../contract/heal.ts';
import { isCancelled, toReport } from '../../errors.ts';
import * as words from '../../words/healing.ts';
import type { Context } from '../context.ts';
import { BY_ITSELF_S } from '../estimate/selectors.ts';
import { engineObstacle } from '../jobs.ts';
import { healKey, prunedKey } from '../keys.ts';
import type { PlanActions } from '../plan/actions.ts';
import { isMetering } from '../speed/metering.ts';
import type { StudioState } from '../state.ts';
import { knownRefit, refitPlan, secondsAsBefore } from './refitPlan.ts';
import { modelObstacle, refitOf, refitRequest } from './selectors.ts';
import { healingOf, type PlanRefit } from './state.ts';

export interface RefitActions {
  /** Whether each settled plan is refitted by itself. */
  setRefits(on: boolean): void;
  /** Refits the plan now, as for what takes too long to start by itself. */
  refitNow(): void;
}

/** What takes less, by a refit of this model that was made before, is not estimated first. */
const SHORT_S = 10;

/** How long a plan stays still before it is refitted. */
const SETTLE_MS = 1000;

/** What of the state decides whether a refit that was cut off is tried again. */
const turns = (state: StudioState) => [
  state.model.current,
  state.plan.present,
  engineObstacle(state),
  isMetering(state),
  state.goal.running,
  state.generate.running,
  state.effect.asked,
  state.effect.known,
  // Times of runs are measured by whoever comes last.
  state.estimate,
  state.heal.refits,
  state.heal.form,
  state.heal.shelf,
];

export function makeRefitActions(
  context: Context,
  others: Pick<PlanActions, 'setHealing'>,
): RefitActions {
  const { api, get, patch, store } = context;
  const { settleMs = SETTLE_MS } = context;
  const requests = context.newest();
  /** Without a perplexity to wait for, a plan is refitted once it has stayed still. */
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** The refit that the plan should get now; null where none starts by itself. */
  function wanted(state: StudioState): HealRequest | null {
    const { heal, plan, effect, goal, generate } = state;
    const { removed, healing } = plan.present;
    if (!heal.refits || removed.length === 0 || healing !== undefined) return null;
    if (modelObstacle(state) !== null || engineObstacle(state) !== null) return null;
    if (goal.running || generate.running || isMetering(state)) return null;
    // It follows the perplexity of the plan, where there is a curve to measure that on.
    const key = prunedKey(state);
    if ((key !== null && !effect.known.has(key)) || heal.shelf === null) return null;
    return refitRequest(state);
  }

  function consider(): void {
    clearTimeout(timer);
    const request = wanted(get());
    if (!request) return;
    const key = healKey(request);
    const { refit } = get().heal;
    if (refit?.key === key && refit.state !== 'waits') return;
    const known = knownRefit(get(), request);
    if (known === null)
      patch('heal', { refit: { ...of(key), state: 'rose', words: words.REFIT.rose } });
    else if (known !== undefined) use(key, known);
    else if (prunedKey(get()) !== null) void start(request, key, false);
    else
      timer = setTimeout(() => {
        const still = wanted(get());
        if (still && healKey(still) === key) void start(request, key, false);
      }, settleMs);
  }

  const of = (key: string): PlanRefit => ({
    key,
    state: 'runs',
    seconds: null,
    words: '',
    progress: null,
  });

  function use(key: string, id: string): void {
    patch('heal', { refit: { ...of(key), state: 'done' } });
    others.setHealing(id, true);
  }

  /** Seconds that it will take; null where that cannot be told. */
  async function secondsOf(request: HealRequest): Promise<number | null> {
    const most = secondsAsBefore(get(), request);
    if (most !== null && most < SHORT_S) return most;
    return (await api.estimateHealing(request)).seconds;
  }

  async function start(request: HealRequest, key: string, always: boolean): Promise<void> {
    const isNewest = requests.begin();
    const say = (fields: Partial<PlanRefit>) =>
      isNewest() && patch('heal', { refit: { ...of(key), ...fields } });
    say({});
    try {
      const seconds = always ? null : await secondsOf(request);
      if (!isNewest()) return;
      if (!always && (seconds === null || seconds > BY_ITSELF_S)) {
        const text = seconds === null ? words.REFIT.unknown : words.REFIT.asks(seconds);
        say({ state: 'asks', seconds, words: text });
        return;
      }
      const id = await refitPlan(context, request, (progress) => {
        if (get().heal.refit?.state === 'runs') say({ seconds, progress });
      });
      if (!isNewest()) return;
      if (id === null) {
        say({ state: 'rose', words: words.REFIT.rose });
        context.announce(words.REFIT.rose);
      } else if (isOf(request)) {
        use(key, id);
        context.announce(words.REFIT.done);
      }
    } catch (error) {
      if (isCancelled(error)) say({ state: 'waits' });
      else {
        const { message, hint } = toReport(error);
        say({ state: 'failed', words: `${message} ${hint}`.trim() });
      }
    }
  }

  const isOf = ({ removed }: HealRequest) => removed.join() === get().plan.present.removed.join();

  /** A refit of the switch is in force that other settings were asked of a moment ago. */
  function isOutdated(state: StudioState, before: StudioState): boolean {
    const { heal, plan, model } = state;
    if (!heal.refits || heal.form === before.heal.form) return false;
    const { removed, healing } = plan.present;
    if (model.current !== before.model.current || !healingOf(heal, healing)?.passing) return false;
    const [now, then] = [refitOf(state, removed), refitOf(before, removed)];
    if (!now || (then && healKey(now) === healKey(then))) return false;
    return knownRefit(state, now) !== healing;
  }

  const unsubscribe = store.subscribe((state, before) => {
    if (state.model.current !== before.model.current) requests.drop();
    // With the weights of the source, the plan is refitted anew.
    if (isOutdated(state, before)) others.setHealing(null, true);
    const [now, then] = [turns(state), turns(before)];
    if (now.every((part, at) => part === then[at])) return;
    const { refit } = state.heal;
    const request = refit && refitRequest(state);
    // Of another plan, or of a switch that was turned off.
    if (refit && (!state.heal.refits || !request || healKey(request) !== refit.key)) {
      requests.drop();
      patch('heal', { refit: null });
    }
    consider();
  });
  context.onDispose(() => {
    clearTimeout(timer);
    requests.drop();
    unsubscribe();
  });

  return {
    setRefits(on) {
      const active = healingOf(get().heal, get().plan.present.healing);
      patch('heal', { refits: on, refit: null });
      if (!on && active?.passing) others.setHealing(null, true);
    },
    refitNow() {
      const request = refitRequest(get());
      if (request && modelObstacle(get()) === null && engineObstacle(get()) === null)
        void start(request, healKey(request), true);
    },
  };
}
