// Width against depth at equal weights: scores if needed, narrows by each method, measures depth
// plans beside them, then the speeds of all in turn. What had come when it ends early stays.

import type {
  WidthEvent,
  WidthOutcome,
  WidthRequest,
  WidthResult,
} from '../../contract/comparison/width.ts';
import type { PlanResult } from '../../contract/plan.ts';
import type { ComparedSide, CompareEvent, SpeedComparison } from '../../contract/speed.ts';
import { cancelled, EspalierError, fromReport, isCancelled } from '../../errors.ts';
import { WIDTH_SAID } from '../../words/comparison/width.ts';
import type { Context } from '../context.ts';
import { planKey } from '../keys.ts';
import { runJob } from '../runJob.ts';
import type { ScoreActions } from '../score/actions.ts';
import { PROTOCOLS } from '../speed/settings.ts';
import { depthLadder, depthOfNow } from './depth.ts';
import { compareRequest, multipleOf, widthObstacle } from './selectors.ts';
import {
  METHODS,
  type RunningWidth,
  type WidthComparison,
  type WidthForm,
  type WidthFound,
} from './state.ts';

export interface WidthActions {
  setWidth(fields: { [F in keyof WidthForm]?: WidthForm[F] }): void;
  /** The batch size whose speeds are drawn. */
  setWidthBatch(batch: number): void;
  /** All methods at the weights of the current plan, or of as many blocks as are usual. */
  compareWidth(): Promise<void>;
  /** Ends the measurement of speeds; what the engine does ends by its own cancel. */
  stopWidth(): void;
}

const FIRST: RunningWidth = {
  ...{ stage: 'score', outcomes: [], plans: [] },
  ...{ sides: [], arranged: 'all', speedDevice: null, notes: [] },
};

const withoutScores = ({ scores: _, ...found }: WidthOutcome): WidthFound => found;

/** Sides with one more point, or with what was loaded of one. */
function withEvent(
  sides: readonly ComparedSide[],
  event: Extract<CompareEvent, { type: 'loaded' | 'point' }>,
): ComparedSide[] {
  const { id } = event;
  const own = sides.find((side) => side.id === id);
  const side = own ?? { id, points: [], stopped: null, fileBytes: null };
  const next =
    event.type === 'point'
      ? { ...side, points: [...side.points, event.point] }
      : { ...side, fileBytes: event.info.fileBytes };
  return [...sides.filter((one) => one !== own), next];
}

export function makeWidthActions(
  context: Context,
  others: Pick<ScoreActions, 'score'>,
): WidthActions {
  const { api, meter, get, patch, store } = context;
  const requests = context.newest();

  const running = (fields: Partial<RunningWidth>): void => {
    const { running: now } = get().width;
    if (now) patch('width', { running: { ...now, ...fields } });
  };

  /** The curve whose windows everything is measured on. */
  async function untilScored(isWanted: () => boolean) {
    if (!get().score.curve) {
      running({ stage: 'score' });
      await others.score();
    }
    if (!isWanted()) throw cancelled();
    const { curve } = get().score;
    if (curve) return curve;
    const error = get().errors.score;
    throw error ? fromReport(error) : cancelled();
  }

  /** Perplexities by width and by depth: a job of the engine. */
  async function measureLosses(isWanted: () => boolean): Promise<WidthComparison | null> {
    const curve = await untilScored(isWanted);
    const depth = depthOfNow(get());
    if (!depth)
      throw new EspalierError(
        'bad-input',
        'There is no depth plan to hold width against: no block may be removed.',
        'Unlock a block, or remove one.',
      );
    const ladder = depthLadder(get(), depth.removed);
    const { settings } = get().score;
    const { flapVariance } = get().width.form;
    const multiple = multipleOf(get());
    const request: WidthRequest = {
      methods: [...METHODS],
      amount: { weights: depth.removedWeights },
      multiple,
      flapVariance,
      budgetBytes: settings.budgetBytes,
    };
    const of = { curve: curve.id, multiple, flapVariance, depth, speeds: null };
    let found: WidthComparison | null = null;
    const keep = (result: Pick<WidthResult, 'baseline' | 'device' | 'notes'> | null): void => {
      const { outcomes = [], plans = [], notes = [] } = get().width.running ?? {};
      found = {
        ...of,
        baseline: result?.baseline ?? curve.result.baseline,
        device: result?.device ?? null,
        plans,
        outcomes,
        notes: [...new Set([...(result?.notes ?? []), ...notes])],
        whole: false,
      };
      patch('width', { shown: found });
    };
    let isDone = false;
    await runJob<Exclude<WidthEvent, { type: 'progress' }>, WidthResult>(context, 'width', {
      started: '',
      start: () => running({ stage: 'width' }),
      async call({ onEvent, flush, isCurrent }) {
        const result = await api.width(request, onEvent);
        flush();
        if (!isCurrent() || !isWanted()) throw cancelled();
        running({ stage: 'depth', outcomes: result.outcomes.map(withoutScores) });
        for (const removed of ladder) {
          const plan = await api.plan([...removed], (progress) => patch('width', { progress }));
          if (!isCurrent() || !isWanted()) throw cancelled();
          takePlan(curve.id, plan);
        }
        return result;
      },
      follow(events, progress) {
        const { running: now } = get().width;
        if (!now) return;
        const outcomes = [...now.outcomes, ...events.map(({ outcome }) => withoutScores(outcome))];
        patch('width', { running: { ...now, outcomes }, ...progress });
      },
      take(result) {
        isDone = true;
        keep(result);
        return WIDTH_SAID.losses;
      },
      stop() {
        if (get().width.running?.outcomes.length) keep(null);
        return WIDTH_SAID.cancelled;
      },
      // The engine is free from here on; the measurement of speeds follows at once.
      end: () => running({ stage: 'speed' }),
    });
    return isDone ? found : null;
  }

  /** A plan that was measured is known to everything that compares plans. */
  function takePlan(curve: number, plan: PlanResult): void {
    running({ plans: [...(get().width.running?.plans ?? []), plan] });
    const measured = new Map(get().search.measured).set(planKey(curve, plan.removed), plan);
    patch('search', { measured });
  }

  async function measureSpeeds(found: WidthComparison, isWanted: () => boolean): Promise<void> {
    const request = compareRequest(get(), found);
    if (!request) return;
    running({ stage: 'speed', sides: [] });
    patch('width', { progress: null });
    const speeds: SpeedComparison = await meter.compare(request, (event) => {
      if (!isWanted()) return;
      const { running: now } = get().width;
      if (!now) return;
      if (event.type === 'progress') patch('width', { progress: event.progress });
      else if (event.type === 'note') running({ notes: [...now.notes, event.text] });
      else if (event.type === 'arranged') running({ sides: [], arranged: event.arranged });
      else {
        const sides = withEvent(now.sides, event);
        running(event.type === 'point' ? { sides } : { sides, speedDevice: event.info.device });
      }
    });
    if (!isWanted()) throw cancelled();
    const whole = speeds.sides.every(({ stopped }) => stopped === null);
    patch('width', { shown: { ...found, speeds, whole } });
  }

  /** The speeds that had come when their measurement ends early. */
  function keepSpeeds(): void {
    const { running: now, shown } = get().width;
    if (!now || !shown || now.stage !== 'speed') return;
    if (now.sides.every(({ points }) => points.length === 0)) return;
    const { sides, arranged, speedDevice: device, notes } = now;
    const speeds = { ...{ sides: [...sides], arranged, device }, notes: [...notes] };
    const settings = PROTOCOLS.quick;
    patch('width', { shown: { ...shown, speeds: { ...speeds, settings, seconds: 0 } } });
  }

  const unsubscribe = store.subscribe((state, before) => {
    // The slice of a model that is closed is gone already.
    if (state.model.current !== before.model.current) requests.drop();
  });
  context.onDispose(() => {
    unsubscribe();
    requests.drop();
  });

  return {
    setWidth(fields) {
      context.clear('width');
      patch('width', { form: { ...get().width.form, ...fields } });
    },
    setWidthBatch: (batch) => patch('width', { batch }),
    async compareWidth() {
      if (widthObstacle(get()) !== null) return;
      const isWanted = requests.begin();
      context.clear('width');
      patch('width', {
        running: FIRST,
        progress: null,
      });
      context.announce(WIDTH_SAID.started);
      try {
        const found = await measureLosses(isWanted);
        if (!found || !isWanted()) return;
        await measureSpeeds(found, isWanted);
        context.announce(WIDTH_SAID.done);
      } catch (error) {
        if (isWanted()) keepSpeeds();
        if (isWanted() && !isCancelled(error)) context.fail('width', error);
      } finally {
        if (isWanted()) patch('width', { running: null, progress: null });
      }
    },
    stopWidth() {
      if (get().width.running?.stage !== 'speed') return;
      requests.drop();
      keepSpeeds();
      patch('width', { running: null, progress: null });
      meter.cancel();
      context.announce(WIDTH_SAID.cancelled);
    },
  };
}
