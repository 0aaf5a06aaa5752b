// Iterative search and the one-shot paths that it is held against: start, pause, cancel, take a
// plan. A search that is stopped keeps its steps; the plan changes only when one is taken.

import type { PlanResult } from '../../contract/plan.ts';
import type { SearchEvent, SearchRequest } from '../../contract/search.ts';
import { isCancelled } from '../../errors.ts';
import { sortUnits, type Unit } from '../../units.ts';
import { batched } from '../batch.ts';
import type { Context } from '../context.ts';
import { engineJob } from '../jobs.ts';
import { planKey, settingsKey } from '../keys.ts';
import { countUnits } from '../plan/unitWords.ts';
import type { SearchForm, SearchPath } from '../state.ts';
import { isOnCurve, searchRequest, unmeasured, whyNoSearch } from './selectors.ts';

export interface SearchActions {
  setSearch(fields: { [F in keyof SearchForm]?: SearchForm[F] }): void;
  /** What the form asks for, unless another request is given, as that of an interrupted search. */
  search(request?: SearchRequest): Promise<void>;
  /** Holds the running search, or lets it go on. */
  pauseSearch(on: boolean): void;
  /** Measures every plan of the one-shot paths that is not measured yet. */
  measurePaths(): Promise<void>;
  /** Takes a plan of a path, in one undo step; what was measured of it is known at once. */
  takePath(removed: readonly Unit[]): void;
}

function withEvent(
  path: SearchPath,
  event: Exclude<SearchEvent, { type: 'progress' }>,
): SearchPath {
  switch (event.type) {
    case 'note':
      return { ...path, notes: [...path.notes, event.text] };
    case 'started':
      return {
        ...path,
        device: event.device,
        baseline: event.baseline,
        resumedSteps: event.resumedSteps,
      };
    case 'candidate':
      return { ...path, candidates: [...path.candidates, { block: event.block, nll: event.nll }] };
    case 'step':
      return { ...path, steps: [...path.steps, event.step], candidates: [] };
  }
}

const ENDS: Record<Exclude<SearchPath['ended'], null>, string> = {
  count: 'The search is done.',
  bound: 'The search has reached the bound.',
  locks: 'The search has nothing left that may go.',
  cancelled: 'The search was stopped.',
  failed: 'The search has failed.',
};

export function makeSearchActions(
  context: Context,
  setRemoved: (removed: readonly Unit[]) => void,
  onEnd: () => void,
): SearchActions {
  const { api, get, patch } = context;

  function follower(model: unknown) {
    return batched<SearchEvent>((batch) => {
      let { path, progress } = get().search;
      if (!path || path.ended || get().model.current !== model) return;
      const before = path.steps.length;
      for (const event of batch) {
        if (event.type === 'progress') progress = event.progress;
        else path = withEvent(path, event);
      }
      patch('search', { path, progress });
      const last = path.steps.at(-1);
      if (last && path.steps.length > before)
        context.announce(
          `Step ${path.steps.length}: block ${last.block} removed, perplexity ` +
            `${words(last.measure.ppl)}.`,
        );
    });
  }

  function end(fields: Partial<SearchPath> & { ended: Exclude<SearchPath['ended'], null> }): void {
    const { path, paused } = get().search;
    patch('search', {
      path: path && { ...path, ...fields, candidates: [] },
      running: false,
      paused: false,
      progress: null,
    });
    if (paused) void api.pause(false);
    context.announce(
      `${ENDS[fields.ended]} Removed: ` +
        `${countUnits((path?.steps ?? []).map(({ block }) => block))}.`,
    );
  }

  /** What the search found out about a plan, when it is of the curve's windows. */
  function measuredBySearch(removed: readonly Unit[]): PlanResult | null {
    const { path } = get().search;
    if (!path || !isOnCurve(get())) return null;
    const gone = [...path.request.start];
    for (const { block, measure, seconds } of path.steps) {
      gone.push(block);
      const plan = sortUnits(gone);
      if (plan.join() === removed.join()) return { ...measure, removed: plan, seconds };
    }
    return null;
  }

  return {
    setSearch: (fields) => patch('search', { form: { ...get().search.form, ...fields } }),
    async search(given) {
      const { model, score } = get();
      const { current } = model;
      const request = given ?? (whyNoSearch(get()) ? null : searchRequest(get()));
      if (!current || !request || engineJob(get())) return;
      context.clear('search');
      const path: SearchPath = {
        request,
        settingsKey: settingsKey(request.settings),
        windows: given ? null : (score.curve?.result.windows ?? null),
        device: null,
        baseline: null,
        steps: [],
        resumedSteps: 0,
        candidates: [],
        notes: [],
        ended: null,
        seconds: null,
        costRatio: null,
      };
      patch('search', { running: true, paused: false, progress: null, path });
      context.announce('The search has started.');
      const events = follower(current);
      try {
        const { stoppedBy, ...result } = await api.search(request, events.onEvent);
        events.flush();
        if (get().model.current !== current) return;
        const { baseline, steps, windows, device, seconds, costRatio } = result;
        end({ baseline, steps, windows, device, seconds, costRatio, ended: stoppedBy });
      } catch (error) {
        events.flush();
        if (get().model.current !== current) return;
        end({ ended: isCancelled(error) ? 'cancelled' : 'failed' });
        context.fail('search', error);
      } finally {
        events.stop();
      }
      onEnd();
    },
    pauseSearch(on) {
      if (!get().search.running) return;
      patch('search', { paused: on });
      context.announce(on ? 'The search is paused.' : 'The search goes on.');
      api.pause(on).catch((error: unknown) => context.fail('search', error));
    },
    async measurePaths() {
      const { model, score } = get();
      const plans = unmeasured(get());
      if (!score.curve || plans.length === 0 || engineJob(get())) return;
      const { id } = score.curve;
      context.clear('search');
      patch('search', { measuring: { done: 0, total: plans.length } });
      const isCurrent = () =>
        get().model.current === model.current && get().search.measuring !== null;
      try {
        for (const [done, removed] of plans.entries()) {
          const result = await api.plan([...removed], () => {});
          if (!isCurrent() || get().score.curve?.id !== id) return;
          const measured = new Map(get().search.measured).set(planKey(id, removed), result);
          patch('search', { measured, measuring: { done: done + 1, total: plans.length } });
        }
        context.announce(`Measured ${plans.length} plans of the one-shot paths.`);
      } catch (error) {
        if (!isCurrent()) return;
        context.announce('Measuring of the one-shot paths has stopped.');
        context.fail('search', error);
      } finally {
        if (isCurrent()) {
          patch('search', { measuring: null });
          onEnd();
        }
      }
    },
    takePath(removed) {
      const id = get().score.curve?.id;
      if (id !== undefined) {
        const key = planKey(id, removed);
        const result =
          get().effect.known.get(key) ??
          get().search.measured.get(key) ??
          measuredBySearch(removed);
        if (result) patch('effect', { known: new Map(get().effect.known).set(key, result) });
      }
      setRemoved(removed);
    },
  };
}

const words = (ppl: number | null) => ppl?.toPrecision(4) ?? 'beyond all bounds';
