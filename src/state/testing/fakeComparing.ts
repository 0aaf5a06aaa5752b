// The comparison of several variants by the stand-in meter, and width pruning by the stand-in
// studio: depth is faster, width is not; for tests, never in the app.

import { gainOf, statOf } from '../../analysis/speed.ts';
import type {
  WidthEvent,
  WidthOutcome,
  WidthRequest,
  WidthResult,
} from '../../contract/comparison/width.ts';
import type { Measure } from '../../contract/score.ts';
import type {
  ComparedPoint,
  ComparedVariant,
  CompareEvent,
  CompareRequest,
  SpeedComparison,
} from '../../contract/speed.ts';
import type { WidthMethod, WidthPlan } from '../../model/width/types.ts';
import { blocksLeft } from '../../units.ts';

/** @param perBlock seconds of a token by block */
export async function fakeComparison(
  { variants, settings, batches }: CompareRequest,
  perBlock: number,
  step: () => Promise<void>,
  onEvent: (event: CompareEvent) => void,
): Promise<SpeedComparison> {
  const sides = variants.map(({ id }): SpeedComparison['sides'][number] => ({
    id,
    points: [],
    stopped: null,
    fileBytes: 1_000_000,
  }));
  const total = variants.length * batches.length * settings.runs;
  let done = 0;
  onEvent({ type: 'arranged', arranged: 'all' });
  for (const batch of batches) {
    const rates = new Map<string, number[]>();
    for (const [at, variant] of variants.entries()) {
      await step();
      rates.set(variant.id, ratesOf(variant, at, batch, perBlock, settings.runs));
      done += settings.runs;
      const progress = { job: 'compare', done, total, unit: 'runs', secondsLeft: 1 } as const;
      onEvent({ type: 'progress', progress: { ...progress, phase: 'decode' } });
    }
    for (const side of sides) {
      const own = rates.get(side.id)!;
      const point: ComparedPoint = {
        batch,
        latency: statOf(
          own.map((rate) => (batch * settings.tokens) / rate),
          's',
        ),
        throughput: statOf(own, 'tokens/s'),
        rates: own,
        gain: side.id === variants[0]?.id ? null : gainOf(rates.get(variants[0]!.id)!, own),
      };
      side.points.push(point);
      onEvent({ type: 'point', id: side.id, point });
    }
  }
  return {
    sides,
    arranged: 'all',
    settings,
    device: { kind: 'wasm', name: 'CPU (wasm, 2 threads)' },
    notes: [],
    seconds: 12,
  };
}

function ratesOf(
  { removed }: ComparedVariant,
  at: number,
  batch: number,
  perBlock: number,
  runs: number,
): number[] {
  const perToken = perBlock * blocksLeft(16, removed);
  return Array.from({ length: runs }, (_, i) => {
    const wobble = 1 + 0.01 * (((i + at) % 3) - 1);
    return (wobble * batch) / (perToken * (0.7 + 0.3 * batch));
  });
}

const BLOCKS = 16;
const CHANNEL_WEIGHTS = 3 * 128;
const GROUP_WEIGHTS = 24_576;
const TOTAL = 262_272 + BLOCKS * 172_288;

const RISES: Readonly<Record<WidthMethod, number>> = {
  'wanda-sp': 0.3,
  flap: 0.25,
  'llm-pruner': 0.35,
};

/** What the stand-in says of width pruning on these losses of the original. */
export async function fakeWidth(
  request: WidthRequest,
  baseline: Measure,
  step: () => Promise<void>,
  onEvent: (event: WidthEvent) => void,
): Promise<WidthResult> {
  const outcomes: WidthOutcome[] = [];
  for (const [done, method] of request.methods.entries()) {
    await step();
    outcomes.push(outcomeOf(method, request, baseline));
    onEvent({ type: 'outcome', outcome: outcomes.at(-1)! });
    const progress = { job: 'width', phase: 'score', unit: 'blocks', secondsLeft: 1 } as const;
    onEvent({
      type: 'progress',
      progress: { ...progress, done: done + 1, total: request.methods.length },
    });
  }
  const device = { kind: 'wasm', name: 'CPU (wasm)' } as const;
  return { baseline, outcomes, device, notes: [], seconds: 2 };
}

function outcomeOf(method: WidthMethod, request: WidthRequest, baseline: Measure): WidthOutcome {
  const { amount, multiple } = request;
  const weights = 'weights' in amount ? amount.weights : amount.ratio * BLOCKS * 172_288;
  const perBlock = weights / BLOCKS;
  const groups = Math.floor(perBlock / (2 * GROUP_WEIGHTS));
  const channels = Math.round((perBlock - groups * GROUP_WEIGHTS) / CHANNEL_WEIGHTS);
  const range = (count: number) => Array.from({ length: count }, (_, i) => i);
  const bias = method === 'flap' ? new Float32Array(128) : null;
  const planWith = (compensated: boolean): WidthPlan => ({
    method,
    ratio: weights / (BLOCKS * 172_288),
    multiple,
    blocks: range(BLOCKS).map((block) => ({
      groups: range(groups),
      // FLAP takes more of some layers than of others.
      channels: range(method === 'flap' ? channels + (block % 2 === 0 ? 5 : -5) : channels),
      attentionBias: compensated ? bias : null,
      feedForwardBias: compensated ? bias : null,
    })),
  });
  const risen = (rise: number): Measure => {
    const nllPerWindow = baseline.nllPerWindow.map((nll, w) => nll + rise + 0.02 * (w % 3));
    const nll = nllPerWindow.reduce((a, b) => a + b, 0) / nllPerWindow.length;
    return { nll, ppl: Math.exp(nll), nllPerWindow };
  };
  const hasBias = method === 'flap';
  return {
    method,
    plan: planWith(false),
    compensatedPlan: hasBias ? planWith(true) : null,
    measure: risen(RISES[method]),
    compensated: hasBias ? risen(RISES[method] - 0.05) : null,
    removedWeights: BLOCKS * (groups * GROUP_WEIGHTS + channels * CHANNEL_WEIGHTS),
    totalWeights: TOTAL,
    equalLayers: !hasBias,
    scores: [],
  };
}
