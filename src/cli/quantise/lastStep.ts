// Quantising as what a command does before it writes: every precision of `--dtype` that takes a
// quantisation gets one, and the steps of all of them.

import type { QuantiseEvent, QuantiseResult } from '../../contract/quantise.ts';
import { exportedGraph, graphWithin } from '../../model/export/names.ts';
import { requireApart } from '../../model/export/several.ts';
import type { StepChoice } from '../../model/export/steps.ts';
import { loaderOf } from '../../model/export/usage.ts';
import type { HealedQuantised } from '../../model/healing/healedGraph.ts';
import type { Healing } from '../../model/healing/healing.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import type {
  MixedChoice,
  Quantisation,
  QuantiseSettings,
} from '../../model/quantise/quantisation.ts';
import { runtimeOf } from '../../runtime/device/ort.ts';
import type { NamedText } from '../../runtime/quantise/job.ts';
import { bytesOfSource } from '../../runtime/quantise/jobBytes.ts';
import { quantise } from '../../runtime/quantise/quantise.ts';
import type { ScoreSession } from '../../runtime/score/session.ts';
import { formatUnits, type Unit } from '../../units.ts';
import { untilInterrupted } from '../interrupt.ts';
import { openSession } from '../open.ts';
import type { Values } from '../options.ts';
import { megabytes, note, showProgress, status, statusDone } from '../output.ts';
import type { BUDGET_OPTIONS, RunValues } from '../sharedOptions.ts';
import { type Precision, precisionSteps, quantisedAmong, requireSteps } from '../steps.ts';
import { type GivenQuantiseValues, mixedOf, quantiseSettingsOf } from './options.ts';
import { quantiseLines } from './report.ts';

export interface LastStep {
  opened: OpenedModel;
  removed: readonly Unit[];
  healing: Healing | null;
  healed?: HealedQuantised | undefined;
  precisions: readonly Precision[];
  asked: GivenQuantiseValues;
  texts: { calibration: NamedText | null; heldOut: NamedText | null };
}

export interface QuantisedPrecisions {
  /** Of each precision, in their order; without the healing. */
  steps: StepChoice[][];
  /** Of those that take one. */
  results: QuantiseResult[];
  /** What ran the model; null where nothing was measured. */
  ran: { name: string; runtime: string } | null;
}

/**
 * Quantises a plan in a session of its own, and says in words what came of it. Ctrl-C ends it.
 * Without a text nothing is run, and the model need not run here.
 * @throws EspalierError as `quantise`
 */
export async function quantisePrecisions(
  step: LastStep,
  values: RunValues & Values<typeof BUDGET_OPTIONS>,
): Promise<QuantisedPrecisions> {
  const { opened, removed, precisions } = step;
  const steps = (results: readonly QuantiseResult[]): StepChoice[][] =>
    precisions.map((precision) => {
      const own = results.find(({ dtype }) => dtype === precision);
      return precisionSteps(precision, own?.quantisation ?? null);
    });
  if (quantisedAmong(precisions).length === 0) return { steps: steps([]), results: [], ran: null };
  const { calibration, heldOut } = step.texts;
  const routed = calibration || heldOut ? await openSession(opened, values) : null;
  const session = routed?.session ?? null;
  try {
    for (const line of routed?.notes ?? []) note(line);
    await session?.setBudget(values.budget);
    const results = await untilInterrupted((signal) => quantiseEach(step, session, signal));
    for (const line of results.flatMap(quantiseLines)) note(line);
    note(await sizesInWords(opened, removed, results));
    const ran = routed && { name: routed.engine.name, runtime: runtimeOf(routed.engine) };
    return { steps: steps(results), results, ran };
  } finally {
    statusDone();
    await session?.dispose().catch(() => {});
    await routed?.engine.dispose().catch(() => {});
  }
}

/** What is chosen by loss for one precision holds for others of the same bits. */
async function quantiseEach(
  { precisions, asked, texts, ...plan }: LastStep,
  session: ScoreSession | null,
  signal: AbortSignal,
): Promise<QuantiseResult[]> {
  const { samples, length } = asked.values;
  const mixed = mixedOf(asked.values);
  const results: QuantiseResult[] = [];
  const onEvent = reporter();
  for (const dtype of quantisedAmong(precisions)) {
    const settings = quantiseSettingsOf(asked.values, dtype);
    const known = results.find(({ quantisation }) => quantisation.settings.bits === settings.bits);
    const result = await quantise({
      ...{ ...plan, session, dtype, settings, signal },
      forms: known?.quantisation.forms ?? {},
      mixed: known ? null : mixed,
      sources: { ...texts, samples, length },
      onEvent,
    });
    results.push(known ? chosenBefore(result, known, mixed) : result);
  }
  return results;
}

/** The forms were those of another precision: how they were chosen goes with them. */
function chosenBefore(
  result: QuantiseResult,
  before: QuantiseResult,
  mixed: MixedChoice | null,
): QuantiseResult {
  const { quantisation, matrices } = result;
  const sensitivities = new Map(before.matrices.map((one) => [place(one), one.sensitivity]));
  return {
    ...result,
    quantisation: { ...quantisation, record: { ...quantisation.record, mixed } },
    matrices: matrices.map((one) => ({
      ...one,
      sensitivity: sensitivities.get(place(one)) ?? one.sensitivity,
    })),
  };
}

const place = ({ tensor, block, part }: QuantiseResult['matrices'][number]): string =>
  `${block} ${part} ${tensor}`;

/** What several precisions have to say is said once. */
function reporter(): (event: QuantiseEvent) => void {
  const said = new Set<string>();
  return (event) => {
    if (event.type === 'progress') showProgress(event.progress);
    else if (event.type === 'note') {
      if (said.has(event.text)) return;
      said.add(event.text);
      statusDone();
      note(event.text);
    } else status(`${event.key}: ${event.sensitivity.toPrecision(3)} nats alone`);
  };
}

/**
 * Sees that the graph can be written in each of the precisions, and in one folder, before anything
 * is run. @param others further precisions of the source that are written as they are
 * @throws EspalierError `bad-input`
 */
export function requirePrecisions(
  opened: OpenedModel,
  precisions: readonly Precision[],
  { values }: GivenQuantiseValues,
  others = 0,
): void {
  const all = precisions.map((precision) => {
    const [dtype] = quantisedAmong([precision]);
    const settings = dtype && quantiseSettingsOf(values, dtype);
    return precisionSteps(precision, settings ? unfinished(settings) : null);
  });
  for (const steps of all) requireSteps(opened, steps);
  const { root, graphPath } = opened;
  const graph = graphWithin(opened, graphPath);
  const kind = loaderOf((path) => root.folder.open(path) !== null, graph);
  requireApart(all, (steps) => exportedGraph(graph, steps, kind === 'genai'), kind, others);
}

/** A quantisation of which only its settings are known. */
const unfinished = (settings: QuantiseSettings): Quantisation => ({
  ...{ id: '', removed: [], healing: null, settings, forms: {}, computed: [] },
  record: { text: null, mixed: null, measured: [] },
});

/** "Graph and weights: 9.4 MB as the source stores them, 3.1 MB as q4." */
async function sizesInWords(
  opened: OpenedModel,
  removed: readonly Unit[],
  results: readonly QuantiseResult[],
): Promise<string> {
  const sizes = [
    `${megabytes(await bytesOfSource(opened, []))} as the source stores them`,
    ...(removed.length > 0
      ? [`${megabytes(await bytesOfSource(opened, removed))} without ${formatUnits(removed)}`]
      : []),
    ...results.map(({ bytes, dtype }) => `${megabytes(bytes)} as ${dtype}`),
  ];
  return `Graph and weights: ${sizes.join(', ')}.`;
}
