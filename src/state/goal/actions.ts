// From a goal to a plan: scores if needed, compares plans, measures, and ends with a plan in one
// undo step or with the closest one. Must never call an estimate a result.

import { cancelled, type ErrorReport, fromReport, isCancelled } from '../../errors.ts';
import type { GoalKind } from '../../words/goal.ts';
import * as words from '../../words/goal.ts';
import { engineJob } from '../jobs.ts';
import type { PlanActions } from '../plan/actions.ts';
import type { SpeedContext } from '../speed/job.ts';
import { type EngineJob, JOBS } from '../state.ts';
import { mostRemovals } from './candidates.ts';
import { makeMeasuring } from './measuring.ts';
import { outcomeOf } from './outcome.ts';
import { type EngineActions, makeQuality, type RunEngine } from './quality.ts';
import { searchByMeasuring, searchBySize } from './search.ts';
import { goalObstacle } from './selectors.ts';
import { FIRST_VALUE, type GoalOutcome, type GoalSlice } from './state.ts';
import { makeSteps } from './steps.ts';
import { isExact } from './target.ts';

export interface GoalActions {
  /** Another kind without a value starts with its first one. */
  setGoal(fields: {
    kind?: GoalKind;
    value?: number | null;
    maxRise?: number | null;
    refits?: boolean;
  }): void;
  /**
   * Looks for the plan with the fewest removals that meets the goal; found, it becomes the plan in
   * one undo step.
   */
  findPlan(): Promise<void>;
  stopGoalSearch(): void;
  /** Where no plan meets the goal: makes the closest one the plan. */
  useClosest(): void;
}

export function makeGoalActions(
  context: SpeedContext,
  others: EngineActions & Pick<PlanActions, 'keepAll'>,
): GoalActions {
  const { get, patch, store, speedJob } = context;
  const requests = context.newest();
  const steps = makeSteps(context);
  /** The job of the engine that the run itself has started. */
  let own: EngineJob | null = null;

  function end(outcome: GoalOutcome): void {
    // A step that was cut off has no outcome.
    const done = get().goal.steps.filter((step) => step.outcome !== null);
    patch('goal', { running: false, phase: null, steps: done, outcome });
    context.announce(outcome.words);
  }

  const stopped = (text: string): GoalOutcome => ({ end: 'stopped', words: text, closest: null });

  function stop(text: string): void {
    if (!get().goal.running) return;
    requests.drop();
    speedJob.cancel();
    const job = own;
    end(stopped(text));
    if (job !== null && engineJob(get()) === job) void others.cancel();
  }

  /** Edits of the plan matter from the first comparison on; scoring does not look at it. */
  const followsPlan = ({ phase }: GoalSlice) => phase !== 'score' && phase !== 'orders';

  const unsubscribe = store.subscribe((state, before) => {
    if (state.model.current !== before.model.current) {
      requests.drop();
      // The job of a model that is closed; its slice is already new.
      if (before.goal.running) context.meter.cancel();
    } else if (state.goal.running) {
      const job = engineJob(state);
      const isEdited = state.plan.present !== before.plan.present && followsPlan(state.goal);
      if (isEdited || (job !== null && job !== own)) stop(words.ENDS.edited);
    }
  });
  context.onDispose(() => {
    unsubscribe();
    stop(words.ENDS.stopped);
  });

  function makeRunEngine(isWanted: () => boolean): RunEngine {
    return async (job, run, isDone) => {
      own = job;
      try {
        await run();
      } finally {
        own = null;
      }
      if (!isWanted()) throw cancelled();
      const error = get().errors[JOBS[job].place];
      if (error) throw new EngineFailure(job, error);
      if (!isDone()) throw cancelled();
    };
  }

  function fail(error: unknown): void {
    if (isCancelled(error)) {
      end(stopped(words.ENDS.stopped));
      return;
    }
    end({ end: 'failed', words: words.ENDS.failed, closest: null });
    if (!(error instanceof EngineFailure)) context.fail('goal', error);
    // That of the curve stands right below the goal, with its own remedies.
    else if (error.job !== 'score') {
      context.clear(JOBS[error.job].place);
      context.fail('goal', fromReport(error.report));
    }
  }

  async function run(isWanted: () => boolean): Promise<void> {
    const quality = makeQuality(context, others, makeRunEngine(isWanted), steps, isWanted);
    const measuring = makeMeasuring(context, steps, isWanted);
    await quality.prepare();
    const search = isExact(get().goal.kind) ? searchBySize : searchByMeasuring;
    const outcome = await search(context, { quality, measuring });
    if (!isWanted()) return;
    end(outcomeOf(get(), outcome, measuring.inWords));
    if (outcome.end === 'original') others.keepAll();
    else if (outcome.end !== 'unreachable')
      others.takePath(outcome.plan.removed, outcome.plan.healing);
  }

  return {
    setGoal({ kind = get().goal.kind, value, ...fields }) {
      const { goal } = get();
      const { maxRise = goal.maxRise, refits = goal.refits } = fields;
      const isOther = kind !== goal.kind;
      const kept =
        isOther && (FIRST_VALUE[kind] === null || FIRST_VALUE[goal.kind] === null)
          ? FIRST_VALUE[kind]
          : goal.value;
      patch('goal', {
        kind,
        value: value === undefined ? kept : value,
        maxRise,
        refits,
        outcome: null,
        steps: [],
      });
    },
    async findPlan() {
      if (get().goal.running || goalObstacle(get()) !== null) return;
      const isWanted = requests.begin();
      context.clear('goal');
      if (mostRemovals(get()) === 0) {
        end({ end: 'unreachable', words: words.ENDS.noBlocks, closest: null });
        return;
      }
      // An automatic measurement gives way.
      speedJob.cancel();
      patch('goal', { running: true, phase: null, steps: [], outcome: null });
      context.announce(words.ENDS.started);
      try {
        await run(isWanted);
      } catch (error) {
        if (isWanted()) fail(error);
      }
    },
    stopGoalSearch: () => stop(words.ENDS.stopped),
    useClosest() {
      const { closest, healing } = get().goal.outcome ?? {};
      if (closest) others.takePath(closest, healing);
    },
  };
}

/** A job of the engine that failed, with what it reported. */
class EngineFailure extends Error {
  readonly job: EngineJob;
  readonly report: ErrorReport;

  constructor(job: EngineJob, report: ErrorReport) {
    super(report.message);
    this.job = job;
    this.report = report;
  }
}
