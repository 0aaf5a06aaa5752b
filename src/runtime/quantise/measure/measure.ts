// What a quantisation loses, part by part, before anything is written: the original, the pruned,
// the healed and the quantised model on the same texts, each against the original.

import type { EvaluateEvent } from '../../../contract/evaluate.ts';
import type { MeasuredText } from '../../../contract/quantise.ts';
import type { MemoryEstimate } from '../../../contract/score.ts';
import { throwIfCancelled } from '../../../errors.ts';
import { healingOf } from '../../../model/export/steps.ts';
import { changesIntegers } from '../../../model/healing/storedWeights.ts';
import type { QuantisedPart } from '../../../model/quantise/quantisation.ts';
import type { SegmentMeans } from '../../evaluate/tally.ts';
import type { WindowBytes } from '../../pass/streams.ts';
import { estimateMemory } from '../../weights/memory.ts';
import type { MeasureQuantisedJob } from '../job.ts';
import { comparedExport, comparedPrograms } from './comparedExport.ts';
import { batchesOf, joined, type MeasuredPart, partsOf, type Sums } from './parts.ts';

/** Share of the budget that final hidden states of the original take on the host. */
const HELD_SHARE = 1 / 4;

/**
 * Measures every text: NLL of the original; NLL, KL(original || it) and agreement of the pruned and
 * the healed model, where there are any, by the programs of the session; and of what the steps of
 * the export make of it, by programs of its own over the folder of the source. The original runs
 * once for both comparisons: its last hidden states wait on the host, as many as a quarter of the
 * budget holds at a time. Nothing of it stays on the device.
 *
 * Where accuracy level 4 is chosen, products round as CPU kernels of that level do, on any device.
 * @throws EspalierError as `ScoreSession.evaluate` and `comparedExport`; `cancelled`
 */
export async function measureQuantised(job: MeasureQuantisedJob): Promise<MeasuredText[]> {
  const { session, texts, signal } = job;
  const { programs, budget } = session.model;
  const parts = partsOf(texts, programs, budget * HELD_SHARE);
  const report = progressOf(parts, models(job), job);
  const found = new Map<MeasuredPart, Measured>();
  for (const batch of batchesOf(parts, budget * HELD_SHARE)) {
    const states = new Map<MeasuredPart, WindowBytes>();
    for (const part of batch) found.set(part, await measureBefore(job, part, states, report));
    const originals = batch.map((part) => ({ part, states: states.get(part) ?? [] }));
    const quantised = await comparedExport(job, originals, report);
    if (healsInFloats(job)) {
      const healed = await comparedExport({ ...job, steps: healingAlone(job) }, originals, report);
      for (const [k, part] of batch.entries()) found.get(part)!.healed = healed[k]!;
    }
    for (const [k, part] of batch.entries()) found.get(part)!.quantised = quantised[k]!;
    throwIfCancelled(signal);
  }
  return texts.map(({ set, name }, k) => {
    const own = parts.flatMap((part) => (part.text === k ? (found.get(part) ?? []) : []));
    const of = (which: 'pruned' | 'healed' | 'quantised'): QuantisedPart | null => {
      const sums = own.flatMap((measured) => measured[which] ?? []);
      return sums.length === own.length ? joined(sums) : null;
    };
    const original = joined(own.map((measured) => measured.original));
    const perWindow = (which: keyof Measured): number[] | null => {
      const sums = own.flatMap((measured) => measured[which] ?? []);
      return sums.length === own.length ? sums.flatMap(({ nllPerWindow }) => nllPerWindow) : null;
    };
    return {
      set,
      name,
      predicted: own.reduce((sum, measured) => sum + measured.original.predicted, 0),
      original: { nll: original.nll },
      pruned: of('pruned'),
      healed: of('healed'),
      quantised: of('quantised') ?? { nll: Number.NaN, klDivergence: null, top1Agreement: null },
      nllPerWindow: {
        original: perWindow('original') ?? [],
        pruned: perWindow('pruned'),
        healed: perWindow('healed'),
        quantised: perWindow('quantised') ?? [],
      },
    };
  });
}

/**
 * Peak bytes of `measureQuantised`: the larger of what the session and the quantised model take.
 * Reads no weights. @throws EspalierError as `comparedPrograms`
 */
export async function measureMemory(
  { opened, session, removed, steps }: Omit<MeasureQuantisedJob, 'texts' | 'signal' | 'onProgress'>,
  windows: number,
  length: number,
): Promise<MemoryEstimate> {
  const { model } = session;
  const own = session.memory(windows, length, model.budget);
  const plan = { source: opened, removed, steps };
  const { programs, besides } = await comparedPrograms(model, plan);
  const { engine, budget } = model;
  const quantised = estimateMemory(programs, windows, length, engine, budget - besides);
  const weights = quantised.weights + besides;
  const theirs = { ...quantised, weights, total: quantised.total + besides, budget };
  return theirs.obstacle || (!own.obstacle && theirs.total > own.total) ? theirs : own;
}

/** What was measured of a part of a text. */
interface Measured {
  original: Sums;
  pruned: Sums | null;
  healed: Sums | null;
  quantised: Sums | null;
}

type Report = (segments: number) => void;

/** Original, pruned and healed model; keeps the last hidden states of the original. */
async function measureBefore(
  { session, removed, steps, signal, gate, ...job }: MeasureQuantisedJob,
  part: MeasuredPart,
  states: Map<MeasuredPart, WindowBytes>,
  report: Report,
): Promise<Measured> {
  const kept: WindowBytes = [];
  states.set(part, kept);
  const run = async (healed: boolean): Promise<{ original: Sums; plan: Sums | null }> => {
    let before = 0;
    const onEvent = (event: EvaluateEvent): void => {
      if (event.type !== 'progress') return;
      const { progress } = event;
      if (progress.unit !== 'segments') job.onProgress({ ...progress, job: JOB });
      else {
        report(progress.done - before);
        before = progress.done;
      }
    };
    const healing = healed ? healingOf(steps)?.healing : undefined;
    const onFinal = (from: number, read: WindowBytes): void => {
      if (!healed) for (const [k, bytes] of read.entries()) kept[from + k] = bytes;
    };
    let means: SegmentMeans = { original: [], plan: null };
    const onSegments = (found: SegmentMeans): void => {
      means = found;
    };
    const hooks = { gate, onFinal, onSegments };
    const { evaluated } = part;
    const found = await session.evaluate(evaluated, removed, signal, onEvent, healing, hooks);
    const { predicted, original, plan, klDivergence, top1Agreement } = found;
    const alone = { predicted, klDivergence: null, top1Agreement: null };
    const compared = { predicted, klDivergence, top1Agreement };
    return {
      original: { ...alone, nll: original.nll, nllPerWindow: means.original },
      plan: plan && { ...compared, nll: plan.nll, nllPerWindow: means.plan ?? [] },
    };
  };
  const before = await run(false);
  const healed = healsInSession({ steps, ...job }) ? await run(true) : null;
  return {
    original: before.original,
    pruned: before.plan,
    healed: healed?.plan ?? null,
    quantised: null,
  };
}

const JOB = 'quantise';

type Steps = Pick<MeasureQuantisedJob, 'opened' | 'steps'>;

/** The healing changes matrices of integers that become floats: no program of the session has them. */
function healsInFloats({ opened, steps }: Steps): boolean {
  const choice = healingOf(steps);
  return choice?.quantised === 'float' && changesIntegers(opened.structure, choice.healing.changes);
}

const healsInSession = (job: Steps): boolean =>
  Boolean(healingOf(job.steps)) && !healsInFloats(job);

const healingAlone = ({ steps }: Steps): Steps['steps'] =>
  steps.filter(({ step }) => step === 'healing');

/** Times that every segment is run: original and pruned together, healed, quantised. */
const models = ({ steps }: Steps): number => (healingOf(steps) ? 3 : 2);

function progressOf(
  parts: readonly MeasuredPart[],
  runs: number,
  { gate, onProgress }: Pick<MeasureQuantisedJob, 'gate' | 'onProgress'>,
): Report {
  const total = runs * parts.reduce((sum, { segments }) => sum + segments.length, 0);
  const held = (): number => gate?.heldMs ?? 0;
  const started = performance.now() - held();
  let done = 0;
  return (segments) => {
    done = Math.min(total, done + segments);
    const seconds = (performance.now() - held() - started) / 1000;
    const secondsLeft = done > 0 && seconds > 0.5 ? (seconds / done) * (total - done) : null;
    onProgress({ job: JOB, phase: 'score', done, total, unit: 'segments', secondsLeft });
  };
}
