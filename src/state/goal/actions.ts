// "At least X tokens/s", "at most Y bytes": tries one-shot plans until a measured value holds. Must
// never call an estimate a result.

import { type Candidate, type Goal, meetsGoal, nextPlan } from '../../analysis/goal.ts';
import type { VariantMeasure } from '../../contract/speed.ts';
import { EspalierError, fromReport, isCancelled } from '../../errors.ts';
import { planSize } from '../../model/open/size.ts';
import { blocksLeft, type Unit } from '../../units.ts';
import type { Context } from '../context.ts';
import { droppable, oneShot } from '../criteria/orders.ts';
import { engineJob } from '../jobs.ts';
import { whyNoMeasuring } from '../speed/actions.ts';
import type { SpeedJob } from '../speed/job.ts';
import { foretell } from '../speed/prediction.ts';
import { deviceEstimate, newestOf, PROTOCOLS } from '../speed/settings.ts';
import type { BudgetKind, BudgetStep, Measured, StudioState } from '../state.ts';

export interface BudgetActions {
  setBudget(fields: { kind?: BudgetKind; goal?: number | null }): void;
  /**
   * Searches the plan with the fewest removals that meets the goal; found, it becomes the plan in
   * one undo step.
   */
  findPlan(): Promise<void>;
  stopBudget(): void;
}

interface BudgetParts extends BudgetActions {
  dispose(): void;
}

const settings = PROTOCOLS.quick;

/** Why no plan can be searched now, or ''. */
export function whyNoBudget(state: StudioState): string {
  if (!state.score.curve)
    return 'Score the blocks first: plans are tried in the order of the curve.';
  if (state.budget.goal === null) return 'Say what to reach.';
  return whyNoMeasuring(state);
}

function measuredValue(kind: BudgetKind, { info, speed, deviceBytes }: VariantMeasure): number {
  if (kind === 'speed') return speed.throughput.mean;
  return kind === 'file' ? info.fileBytes : deviceBytes;
}

const goalOf = (kind: BudgetKind, value: number): Goal => ({
  sense: kind === 'speed' ? 'atLeast' : 'atMost',
  value,
});

const UNITS: Record<BudgetKind, string> = {
  speed: 'tok/s',
  file: 'MB',
  device: 'MB on the device',
};

/**
 * A value of a goal in its unit: "312 tok/s", "9.31 MB". Four digits, so that a near miss does not
 * look like a hit.
 */
export function budgetWords(kind: BudgetKind, value: number): string {
  const inUnit = kind === 'speed' ? value : value / 1e6;
  return `${inUnit.toLocaleString('en', { maximumSignificantDigits: 4 })} ${UNITS[kind]}`;
}

export function makeBudgetActions(
  context: Context,
  job: SpeedJob,
  setRemoved: (removed: readonly Unit[]) => void,
): BudgetParts {
  const { get, patch, store } = context;
  let turn = 0;

  /**
   * The original as a candidate: the oldest measurement of this search or before it, so that it
   * does not change under way.
   */
  function originalValue(kind: BudgetKind): number | null {
    const { device } = get().score.settings;
    for (const one of get().speed.known.values()) {
      const { original, settings: used } = one.result;
      if (original && used.mode === settings.mode && one.key.endsWith(`|${device}`))
        return measuredValue(kind, original);
    }
    return null;
  }

  function measuredOf(kind: BudgetKind, removed: readonly Unit[]): number | null {
    const known = newestOf(get(), removed, null);
    const side = known?.result.pruned;
    return known?.result.settings.mode === settings.mode && side ? measuredValue(kind, side) : null;
  }

  function estimateOf(kind: BudgetKind, removed: readonly Unit[]): number | null {
    const model = get().model.current;
    if (!model) return null;
    if (kind === 'file') return planSize(model.summary, removed).bytes;
    if (kind === 'device')
      return deviceEstimate(model, removed, settings.promptTokens + settings.tokens);
    const all = [...get().speed.known.values()];
    const like = all.findLast((one) => one.result.settings.mode === settings.mode);
    return like
      ? (foretell(all, like, blocksLeft(model.summary.numBlocks, removed))?.tokensPerSecond ?? null)
      : null;
  }

  function candidates(kind: BudgetKind): Candidate[] {
    return Array.from({ length: droppable(get()) + 1 }, (_, k) => {
      const removed = oneShot(get(), k);
      return {
        estimated: estimateOf(kind, removed),
        measured: k === 0 ? originalValue(kind) : measuredOf(kind, removed),
      };
    });
  }

  /** @throws what the meter throws; the error of the plan when only that failed */
  async function measure(kind: BudgetKind, k: number): Promise<number> {
    const { result }: Measured = await job.measure(oneShot(get(), k), settings, false);
    const side = k === 0 ? result.original : result.pruned;
    if (side) return measuredValue(kind, side);
    const report = k === 0 ? result.errors.original : result.errors.pruned;
    throw report
      ? fromReport(report)
      : new EspalierError('bug', `The plan of ${k} removals was not measured.`);
  }

  function end(verdict: string): void {
    // A plan whose measurement was cut off was not tried.
    const steps = get().budget.steps.filter(({ measured }) => measured !== null);
    patch('budget', { running: false, verdict, steps });
    context.announce(verdict);
  }

  function stopBudget(): void {
    if (!get().budget.running) return;
    turn++;
    job.cancel();
    end('Stopped. The plan is as it was.');
  }

  const unsubscribe = store.subscribe((state, before) => {
    if (state.model.current !== before.model.current) {
      turn++;
      // The job of a model that is gone; its slice is already new.
      if (before.budget.running) context.meter.cancel();
    } else if (
      state.budget.running &&
      (state.plan.present !== before.plan.present || engineJob(state))
    ) {
      stopBudget();
      patch('budget', { verdict: 'Stopped: the search needs plan and device for itself.' });
    }
  });

  return {
    setBudget: (fields) => patch('budget', { ...fields, verdict: '', steps: [] }),
    async findPlan() {
      const { kind, goal: value } = get().budget;
      if (value === null || whyNoBudget(get())) return;
      const goal = goalOf(kind, value);
      const mine = ++turn;
      const all = candidates(kind);
      const steps: BudgetStep[] = [];
      context.clear('budget');
      patch('budget', { running: true, steps: [], verdict: '' });
      context.announce('Searching a plan.');
      try {
        for (;;) {
          const next = nextPlan(all, goal);
          if (next.kind === 'done') {
            end(foundWords(kind, value, next.k, all[next.k]!.measured!));
            setRemoved(oneShot(get(), next.k));
            return;
          }
          if (next.kind === 'impossible') return end(impossibleWords(kind, value, next.best, all));
          const step: BudgetStep = {
            blocks: next.k,
            estimated: next.expected,
            measured: null,
            meets: null,
          };
          patch('budget', { steps: [...steps, step] });
          const measured = await measure(kind, next.k);
          if (mine !== turn) return;
          steps.push({ ...step, measured, meets: meetsGoal(measured, goal) });
          patch('budget', { steps: [...steps] });
          // What is known stays as it was first measured; estimates follow the line as it grows.
          const fresh = candidates(kind);
          for (const [k, candidate] of all.entries()) {
            candidate.estimated = fresh[k]?.estimated ?? candidate.estimated;
            candidate.measured ??= k === next.k ? measured : (fresh[k]?.measured ?? null);
          }
        }
      } catch (error) {
        if (mine !== turn) return;
        end(
          isCancelled(error)
            ? 'Stopped. The plan is as it was.'
            : 'The search failed. The plan is as it was.',
        );
        context.fail('budget', error);
      }
    },
    stopBudget,
    dispose() {
      unsubscribe();
      stopBudget();
    },
  };
}

const bound = (kind: BudgetKind) => (kind === 'speed' ? 'at least' : 'at most');

function foundWords(kind: BudgetKind, goal: number, k: number, measured: number): string {
  const wanted = `${bound(kind)} ${budgetWords(kind, goal)} wanted`;
  if (k === 0)
    return `The original meets it already: ${budgetWords(kind, measured)} measured, ${wanted}.`;
  return (
    `Found: without ${k} block${k === 1 ? '' : 's'} ${budgetWords(kind, measured)} measured, ` +
    `${wanted}.`
  );
}

function impossibleWords(
  kind: BudgetKind,
  goal: number,
  best: number | null,
  all: readonly Candidate[],
): string {
  const most = all.length - 1;
  const wanted =
    `${bound(kind)} ${budgetWords(kind, goal)} cannot be reached by leaving out at most ` +
    `${most} block${most === 1 ? '' : 's'}`;
  const reached = best === null ? null : all[best]?.measured;
  const closest =
    reached == null
      ? ''
      : ` The closest is ${budgetWords(kind, reached)} without ${best} ` +
        `block${best === 1 ? '' : 's'}.`;
  return (
    `${wanted[0]!.toUpperCase()}${wanted.slice(1)}, all that locks and model allow.${closest} ` +
    'The plan is as it was.'
  );
}
