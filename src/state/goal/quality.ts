// What a run asks of the engine: a curve or an order, perplexities of candidates, an iterative
// search where it pays, and the most blocks that a bound of perplexity allows.

import { pplWords } from '../../analysis/perplexity.ts';
import { EspalierError } from '../../errors.ts';
import * as words from '../../words/goal.ts';
import type { Context } from '../context.ts';
import type { CriteriaActions } from '../criteria/actions.ts';
import { currentOrder } from '../criteria/orders.ts';
import { numBlocksOf } from '../open/selectors.ts';
import type { ScoreActions } from '../score/actions.ts';
import { canScore, noNumbers } from '../score/selectors.ts';
import { windowsOf } from '../score/text.ts';
import type { SearchActions } from '../search/actions.ts';
import type { PathActions } from '../search/pathActions.ts';
import type { EngineJob } from '../state.ts';
import { bestOf, type Candidate, candidatesOf, iterativePlan } from './candidates.ts';
import { iterativeCase, iterativeRequest } from './iterative.ts';
import { refittedCandidate } from './refitted.ts';
import type { Steps } from './steps.ts';

/** The actions that a run goes through. */
export type EngineActions = Pick<ScoreActions, 'score' | 'cancel'> &
  Pick<CriteriaActions, 'compareCriteria'> &
  Pick<PathActions, 'measurePlans' | 'takePath'> &
  Pick<SearchActions, 'search'>;

export interface Quality {
  /** A curve or, where the model gives no perplexity, an order without one. */
  prepare(): Promise<void>;
  /** The best known plan of k removals; measures what is missing. Null where none has so many. */
  bestAt(k: number, maySearch: boolean): Promise<Candidate | null>;
  /** True when the plan keeps the bound, or there is none. */
  keeps(candidate: Candidate): boolean;
  /** The most removals below k whose best plan keeps the bound; null where not even one does. */
  mostWithin(k: number): Promise<Candidate | null>;
}

/**
 * Runs a job of the engine. @throws its error; `cancelled` when it ended without `isDone`
 */
export type RunEngine = (
  job: EngineJob,
  run: () => Promise<void>,
  isDone: () => boolean,
) => Promise<void>;

export function makeQuality(
  context: Context,
  others: EngineActions,
  runEngine: RunEngine,
  steps: Steps,
  isWanted: () => boolean,
): Quality {
  const { get } = context;
  async function score(): Promise<void> {
    const { settings } = get().score;
    steps.begin('score', words.STEPS.score(numBlocksOf(get()), windowsOf(settings)));
    await runEngine('score', others.score, () => get().score.curve !== null);
    const { baseline, order, warnings = [] } = get().score.curve!.result;
    const none = noNumbers(get());
    steps.end(none ?? words.STEPS.scored(pplWords(baseline.ppl), order[0]));
    if (none !== null) throw new EspalierError('bad-input', none, warnings[0]);
  }

  async function orders(): Promise<void> {
    steps.begin('orders', words.STEPS.orders);
    await runEngine('criteria', others.compareCriteria, () => currentOrder(get()) !== null);
    steps.end(words.STEPS.ordered(currentOrder(get())!.label));
  }

  /** Sizes of plans that were compared, for the steps. */
  const compared = new Set<number>();
  /** A search of this run that found nothing better: another would hardly pay. */
  let isFutile = false;

  /** @returns true when there are new plans */
  async function search(k: number, best: Candidate): Promise<boolean> {
    const paying = best.rise === null || isFutile ? null : iterativeCase(get(), k, best.rise);
    if (!paying) return false;
    const what = words.STEPS.search(k, paying.why);
    if (!paying.isCheap) {
      isFutile = true;
      steps.note('search', what, words.STEPS.notSearched(paying.seconds));
      return false;
    }
    steps.begin('search', what);
    const before = get().search.path;
    await runEngine(
      'search',
      () => others.search(iterativeRequest(get(), k)),
      () => get().search.path !== before && get().search.path?.ended !== 'cancelled',
    );
    const far = get().search.path?.steps.length ?? 0;
    const plan = iterativePlan(get(), k)?.join();
    const found = candidatesOf(get(), k).find(({ removed }) => removed.join() === plan);
    isFutile = !found || found.rise === null || found.rise >= (best.rise ?? 0);
    steps.end(words.STEPS.searched(found?.rise ?? null, k, far));
    return true;
  }

  const quality: Quality = {
    async prepare() {
      if (get().score.curve) return;
      if (canScore(get())) await score();
      else if (!currentOrder(get())) await orders();
    },
    async bestAt(k, maySearch) {
      const before = candidatesOf(get(), k);
      const missing = before.filter(({ rise }) => rise === null).map(({ removed }) => removed);
      if (before.length === 0) return null;
      if (!get().score.curve) return before[0]!;
      const isSaid = compared.has(k) && missing.length === 0;
      compared.add(k);
      if (!isSaid) steps.begin('choose', words.STEPS.choose(k, before.length));
      if (missing.length > 0)
        await runEngine(
          'paths',
          () => others.measurePlans(missing),
          () => candidatesOf(get(), k).every(({ rise }) => rise !== null),
        );
      const measured = candidatesOf(get(), k);
      const best = bestOf(measured)!;
      const own = measured.find(({ by }) => by.includes('one-shot perplexity')) ?? null;
      if (!isSaid) steps.end(words.compared(best, own));
      const hasMore = maySearch && (await search(k, best));
      const found = (hasMore && bestOf(candidatesOf(get(), k))) || best;
      return refittedCandidate(context, steps, found, isWanted);
    },
    keeps({ rise }) {
      const { maxRise } = get().goal;
      return maxRise === null || (rise !== null && rise <= maxRise);
    },
    async mostWithin(k) {
      let found: Candidate | null = null;
      let [low, high] = [0, k];
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        const best = await quality.bestAt(middle, false);
        if (best && quality.keeps(best)) [low, found] = [middle, best];
        else high = middle;
      }
      return found;
    },
  };
  return quality;
}
