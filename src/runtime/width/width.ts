// Width pruning on windows of tokens: scores of key-value groups and channels, what goes, and the
// likelihood of what is left.

import { allWeights, removable } from '../../analysis/width/amounts.ts';
import {
  type BlockSizes,
  type GroupsAndChannels,
  lowestOfEach,
  weightsOf,
} from '../../analysis/width/select.ts';
import type { WidthEvent, WidthOutcome, WidthResult } from '../../contract/comparison/width.ts';
import type { Progress } from '../../contract/progress.ts';
import { EspalierError, toReport } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { gatedBlock, gatedPrograms } from '../../model/programs/gated/gatedPrograms.ts';
import { unequalLayers } from '../../model/width/equalLayers.ts';
import { widthBlocks } from '../../model/width/find.ts';
import type {
  BlockCut,
  BlockWidth,
  WidthMethod,
  WidthPlan,
  WidthScores,
} from '../../model/width/types.ts';
import { WIDTH_METHODS } from '../../model/width/widthWords.ts';
import type { Gate } from '../pass/gate.ts';
import type { Windows } from '../pass/scoringContext.ts';
import type { ScoreSession } from '../score/session.ts';
import type { SessionModel } from '../score/sessionOptions.ts';
import { type BlockStatistics, Calibration, type HalfStatistics } from './calibrate.ts';
import { type FirstOrderFound, firstOrderScores } from './firstOrder.ts';
import {
  blocksInWords,
  countsOf,
  flapScores,
  requireNumbers,
  selectRemoved,
  sizesOf,
  type WidthSettings,
  wandaScores,
} from './plans.ts';
import { WidthProgress } from './progress.ts';
import { WidthRuns } from './runs.ts';

export type { WidthSettings } from './plans.ts';

export interface WidthJob {
  opened: OpenedModel;
  /** Of `opened`; its engine and budget are the job's alone meanwhile. Windows and curve stay. */
  session: ScoreSession;
  request: WidthSettings;
  /** Token ids that groups and channels are scored on and losses measured on. */
  windows: Windows;
  signal?: AbortSignal | undefined;
  /** Holds the job between two runs. */
  gate?: Gate | undefined;
  onEvent?: ((event: WidthEvent) => void) | undefined;
}

/**
 * One outcome for each method, in the order asked for, each reported by an event as soon as it is
 * measured; the original is measured by the same programs. Where LLM-Pruner has no gradients and is
 * not alone, it is left out with a note.
 * @throws EspalierError `unsupported-graph` where nothing can be narrowed; `bad-input` for windows
 *   that cannot be run, for amounts that are none and for scores that are no numbers;
 *   `unsupported-op` where LLM-Pruner needs a gradient that there is none of; `too-large` for the
 *   budget, `cancelled`; errors of the engine
 */
export async function measureWidth(job: WidthJob): Promise<WidthResult> {
  const { opened, session, request } = job;
  const started = performance.now();
  const widths = widthBlocks(opened.structure);
  checkSettings(request, widths);
  return session.alone(async (model) => {
    const work = new WidthWork(job, model, widths);
    const { baseline, outcomes, notes, heldMs } = await work.run();
    const device = { kind: session.engine.kind, name: session.engine.name };
    const seconds = (performance.now() - started - heldMs) / 1000;
    return { baseline, outcomes, device, notes, seconds };
  });
}

class WidthWork {
  private readonly job: WidthJob;
  private readonly model: SessionModel;
  private readonly widths: readonly BlockWidth[];
  private readonly sizes: readonly BlockSizes[];
  private readonly runs: WidthRuns;
  private readonly progress: WidthProgress;
  private readonly notes: string[] = [];

  constructor(job: WidthJob, model: SessionModel, widths: readonly BlockWidth[]) {
    const { request, windows, signal, gate, onEvent } = job;
    this.job = job;
    this.model = model;
    this.widths = widths;
    this.sizes = sizesOf(widths);
    const tell = (progress: Progress): void => onEvent?.({ type: 'progress', progress });
    this.runs = new WidthRuns({
      ...{ ...model, windows, signal, gate },
      onProgress: tell,
      onStep: () => this.progress.step(),
    });
    const held = this.runs.gate;
    this.progress = new WidthProgress(request.methods, widths.length, tell, () => held.heldMs);
  }

  async run() {
    const { job, runs, notes, widths } = this;
    const { methods } = job.request;
    notes.push(...obstaclesInWords(widths), ...this.amountNotes());
    // Before the weights are loaded: its programs have weights of their own.
    const firstOrder = methods.includes('llm-pruner') ? await this.firstOrder() : null;
    try {
      await runs.prepare();
      this.progress.begin(runs.groups.length);
      const baseline = await runs.measure(null);
      const outcomes: WidthOutcome[] = [];
      for (const method of methods) {
        if (method === 'llm-pruner' && !firstOrder) continue;
        const outcome = await this.outcome(method, firstOrder?.scores ?? []);
        outcomes.push(outcome);
        job.onEvent?.({ type: 'outcome', outcome });
      }
      return { baseline, outcomes, notes, heldMs: runs.gate.heldMs };
    } finally {
      await runs.dispose();
    }
  }

  /** LLM-Pruner's scores; null where other methods go on without it. */
  private async firstOrder(): Promise<FirstOrderFound | null> {
    const { job, model, widths } = this;
    const { opened, windows, signal } = job;
    try {
      const found = await firstOrderScores({
        ...{ ...model, structure: opened.structure, blocks: widths, windows, signal },
        gate: this.runs.gate,
        onProgress: (progress) => this.progress.gradients(progress),
      });
      this.notes.push(...found.notes.map((note) => `LLM-Pruner: ${note}`));
      return found;
    } catch (error) {
      const { code, message } = toReport(error);
      const alone = job.request.methods.length === 1;
      if (alone || !WITHOUT_GRADIENTS.has(code)) throw error;
      this.notes.push(`LLM-Pruner is left out: ${message}`);
      return null;
    }
  }

  private async outcome(
    method: WidthMethod,
    firstOrder: readonly WidthScores[],
  ): Promise<WidthOutcome> {
    const { runs, sizes, job, notes } = this;
    const { opened, request } = job;
    await runs.prepare();
    const calibration = new Calibration(
      ...([runs, opened.structure, this.widths, request.flapVariance] as const),
    );
    const statistics = method === 'flap' ? await calibration.intact() : [];
    let scores =
      method === 'llm-pruner' ? firstOrder : statistics.map((s, b) => flapScores(s, sizes[b]!));
    if (method === 'wanda-sp') scores = await this.wanda(calibration);
    if (method !== 'wanda-sp') requireNumbers(method, scores);
    const { removed, notes: remarks } = selectRemoved(method, scores, this.widths, request);
    notes.push(...remarks);
    const cuts = removed.map((own) => cutOf(own));
    const plan = this.planOf(method, cuts);
    const measure = await this.measured(plan);
    const compensatedPlan =
      method === 'flap'
        ? this.planOf(method, await this.compensated(calibration, statistics, cuts))
        : null;
    return {
      ...{ method, plan, compensatedPlan, measure },
      compensated: compensatedPlan && (await this.measured(compensatedPlan)),
      removedWeights: weightsOf(removed, sizes),
      totalWeights: opened.summary.params,
      equalLayers: unequalLayers(plan) === null,
      scores: [...scores],
    };
  }

  /** Block by block, each by what the narrower ones before it give. */
  private async wanda(calibration: Calibration): Promise<WidthScores[]> {
    const { job, model, sizes, widths } = this;
    const { structure } = job.opened;
    const counts = countsOf('wanda-sp', sizes, job.request);
    const scores: WidthScores[] = [];
    await calibration.inTurn((block, statistics) => {
      const own = wandaScores(statistics, sizes[block]!);
      scores.push(own);
      requireNumbers('wanda-sp', scores);
      const [removed] = lowestOfEach([own], [counts[block]!]);
      return gatedBlock(structure, model.programs.blocks[block]!, widths[block]!, cutOf(removed!));
    });
    return scores;
  }

  /** With what o and down made of the mean of what is removed: W[:, removed] mean[removed]. */
  private async compensated(
    calibration: Calibration,
    statistics: readonly BlockStatistics[],
    cuts: readonly BlockCut[],
  ): Promise<BlockCut[]> {
    const biasOf = (
      block: number,
      half: 'attention' | 'feedForward',
      removed: readonly number[],
    ): Promise<Float32Array | null> => {
      const found = statistics[block]![half];
      if (!found || removed.length === 0) return Promise.resolve(null);
      return calibration.product(block, half, meansOf(found, removed));
    };
    await this.runs.prepare();
    const all: BlockCut[] = [];
    for (const [block, cut] of cuts.entries()) {
      const attentionBias = await biasOf(block, 'attention', cut.groups);
      const feedForwardBias = await biasOf(block, 'feedForward', cut.channels);
      all.push({ ...cut, attentionBias, feedForwardBias });
    }
    return all;
  }

  private measured(plan: WidthPlan) {
    const { structure } = this.job.opened;
    return this.runs.measure(gatedPrograms(this.model.programs, structure, plan));
  }

  private planOf(method: WidthMethod, blocks: readonly BlockCut[]): WidthPlan {
    const { amount, multiple } = this.job.request;
    const ratio = 'ratio' in amount ? amount.ratio : amount.weights / allWeights(this.sizes);
    return { method, ratio, multiple, blocks };
  }

  private amountNotes(): string[] {
    const { amount, multiple } = this.job.request;
    if (!('weights' in amount)) return [];
    const { sizes } = this;
    const most = removable(sizes, multiple).reduce(
      (sum, { groups, channels }, b) =>
        sum + groups * sizes[b]!.groupWeights + channels * sizes[b]!.channelWeights,
      0,
    );
    if (amount.weights <= most) return [];
    const channels = multiple === 1 ? 'a channel' : `${multiple} channels`;
    return [
      `${amount.weights} weights are more than width can remove: ${most} at most, with a group ` +
        `and ${channels} left in every block.`,
    ];
  }
}

/** What LLM-Pruner lacks on a model whose width can be measured otherwise. */
const WITHOUT_GRADIENTS: ReadonlySet<string> = new Set([
  'unsupported-op',
  'unsupported-graph',
  'too-large',
]);

function checkSettings(request: WidthSettings, widths: readonly BlockWidth[]): void {
  const { methods, amount, multiple } = request;
  const refuse = (message: string, hint: string): never => {
    throw new EspalierError('bad-input', message, hint);
  };
  if (methods.length === 0 || new Set(methods).size < methods.length) {
    const names = methods.map((method) => WIDTH_METHODS[method]).join(', ') || 'none';
    refuse(`The methods asked for are: ${names}.`, 'Name each method once, and at least one.');
  }
  if (!(Number.isInteger(multiple) && multiple >= 1))
    refuse(
      `Numbers of channels cannot be multiples of ${multiple}.`,
      'Give a whole number from 1 on.',
    );
  if ('ratio' in amount && !(amount.ratio >= 0 && amount.ratio < 1))
    refuse(`The ratio ${amount.ratio} is not from 0 up to 1.`, 'Give one such as 0.2.');
  if ('weights' in amount && !(Number.isFinite(amount.weights) && amount.weights >= 0))
    refuse(`${amount.weights} is no number of weights.`, 'Give a number from 0 on.');
  if (widths.every(({ attention, feedForward }) => !attention && !feedForward))
    throw new EspalierError(
      'unsupported-graph',
      `No block of this model can be made narrower. ${widths[0]?.obstacles[0] ?? ''}`.trim(),
      'Remove whole blocks in its place.',
    );
}

/** Each obstacle once, with the blocks that it holds for as well. */
function obstaclesInWords(widths: readonly BlockWidth[]): string[] {
  const alike = new Map<string, { first: string; blocks: number[] }>();
  for (const { block, obstacles } of widths)
    for (const obstacle of obstacles) {
      // Numbers and names of blocks apart, it is the same.
      const key = obstacle.replaceAll(/\d+/g, '#');
      const known = alike.get(key) ?? { first: obstacle, blocks: [] };
      alike.set(key, known);
      known.blocks.push(block);
    }
  return [...alike.values()].map(({ first, blocks: [, ...more] }) =>
    more.length === 0 ? first : `${first} The same holds for ${blocksInWords(more)}.`,
  );
}

const cutOf = ({ groups, channels }: GroupsAndChannels): BlockCut => ({
  groups,
  channels,
  attentionBias: null,
  feedForwardBias: null,
});

/** Means of the columns of what is removed; zeros for all others. */
function meansOf({ columns, owners }: HalfStatistics, removed: readonly number[]): Float32Array {
  const gone = new Set(removed);
  return Float32Array.from(columns.means, (mean, j) => (gone.has(owners[j]!) ? mean : 0));
}
