// The iterative search: start, follow, pause. A search that is cancelled keeps its steps; the plan
// changes only when one of its plans is used.

import { pplWords } from '../../analysis/perplexity.ts';
import type { Progress } from '../../contract/progress.ts';
import type { SearchEvent, SearchRequest, SearchResult } from '../../contract/search.ts';
import type { Context } from '../context.ts';
import { settingsKey } from '../keys.ts';
import { countUnits } from '../plan/unitWords.ts';
import { runJob } from '../runJob.ts';
import { searchObstacle, searchRequest } from './selectors.ts';
import type { SearchForm, SearchPath } from './state.ts';

export interface SearchActions {
  setSearch(fields: { [F in keyof SearchForm]?: SearchForm[F] }): void;
  /** What the form asks for, unless another request is given, as that of an interrupted search. */
  search(request?: SearchRequest): Promise<void>;
  /** Pauses the running search, or continues it. */
  pauseSearch(on: boolean): void;
}

type Event = Exclude<SearchEvent, { type: 'progress' }>;

function withEvent(path: SearchPath, event: Event): SearchPath {
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

/** A path before its search has said anything. */
function newPath(request: SearchRequest, windows: SearchPath['windows']): SearchPath {
  return {
    request,
    settingsKey: settingsKey(request.settings),
    windows,
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
}

const ENDS: Record<Exclude<SearchPath['ended'], null>, string> = {
  count: 'The search is done.',
  bound: 'The search has reached the bound.',
  locks: 'The search has no removable blocks left.',
  cancelled: 'The search was cancelled.',
  failed: 'The search has failed.',
};

export function makeSearchActions(context: Context): SearchActions {
  const { api, get, patch } = context;

  function follow(events: readonly Event[], progress: { progress?: Progress }): void {
    const { path: before } = get().search;
    if (!before) return;
    const path = events.reduce(withEvent, before);
    patch('search', { path, ...progress });
    const last = path.steps.at(-1);
    if (last && path.steps.length > before.steps.length)
      context.announce(
        `Step ${path.steps.length}: block ${last.block} removed, perplexity ` +
          `${pplWords(last.measure.ppl)}.`,
      );
  }

  /** @returns how the search ended, in words */
  function close(fields: Partial<SearchPath> & { ended: Exclude<SearchPath['ended'], null> }) {
    const { path } = get().search;
    patch('search', { path: path && { ...path, ...fields, candidates: [] } });
    const removed = (path?.steps ?? []).map(({ block }) => block);
    return `${ENDS[fields.ended]} Removed: ${countUnits(removed)}.`;
  }

  async function search(given?: SearchRequest): Promise<void> {
    const request = given ?? (searchObstacle(get()) === null ? searchRequest(get()) : null);
    if (!request) return;
    const windows = given ? null : (get().score.curve?.result.windows ?? null);
    await runJob<Event, SearchResult>(context, 'search', {
      started: 'The search has started.',
      start: () =>
        patch('search', {
          running: true,
          paused: false,
          progress: null,
          path: newPath(request, windows),
        }),
      call: ({ onEvent }) => api.search(request, onEvent),
      follow,
      take: ({ stoppedBy, settings: _, ...result }) => close({ ...result, ended: stoppedBy }),
      stop: (wasCancelled) => close({ ended: wasCancelled ? 'cancelled' : 'failed' }),
      end() {
        if (get().search.paused) void api.pause(false);
        patch('search', { running: false, paused: false, progress: null });
      },
    });
  }

  return {
    setSearch: (fields) => patch('search', { form: { ...get().search.form, ...fields } }),
    search,
    pauseSearch(on) {
      if (!get().search.running) return;
      patch('search', { paused: on });
      context.announce(on ? 'The search is paused.' : 'The search continues.');
      api.pause(on).catch((error: unknown) => context.fail('search', error));
    },
  };
}
