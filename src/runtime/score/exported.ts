// The likelihoods of the files that an export would write, before they are written: for steps that
// change what is computed, and not only the weights.

import type { DeviceKind } from '../../contract/device.ts';
import type { HealedForms } from '../../contract/export.ts';
import type { Progress } from '../../contract/progress.ts';
import type { Measure } from '../../contract/score.ts';
import { madeOf, manifestFolder } from '../../model/export/folder.ts';
import type { ExportFormat } from '../../model/export/formats.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import type { ExportSource } from '../../model/export/request.ts';
import { healingOf, quantisationOf, type StepChoice, widthOf } from '../../model/export/steps.ts';
import { healedStructure } from '../../model/healing/healedStructure.ts';
import type { Healing } from '../../model/healing/healing.ts';
import { changesIntegers } from '../../model/healing/storedWeights.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { isOfOther } from '../../model/programs/compare/comparisonHead.ts';
import type { AccuracyLevels, ProgramOptions } from '../../model/programs/cutter.ts';
import { gatedPrograms } from '../../model/programs/gated/gatedPrograms.ts';
import {
  type BoundProgram,
  mapPrograms,
  type ScorePrograms,
  type WeightRef,
} from '../../model/programs/program.ts';
import { makeScorePrograms } from '../../model/programs/programs.ts';
import { fitted } from '../../model/programs/widen.ts';
import { roundedAgain } from '../../model/width/cut.ts';
import type { Bytes } from '../../onnx/source.ts';
import type { Unit } from '../../units.ts';
import { VERSION } from '../../version.ts';
import type { Engine } from '../device/engine.ts';
import { fewBitsForms, requireFewBits } from '../device/fewBits/check.ts';
import type { Windows } from '../pass/scoringContext.ts';
import { ScoreSession } from './session.ts';

/** What an export is made of. */
export interface ExportPlan {
  source: ExportSource;
  removed: readonly Unit[];
  steps: readonly StepChoice[];
  /** ONNX by default. */
  format?: ExportFormat;
}

/** An exported model before it is written, with programs over the folder of its source. */
export interface ExportedPrograms {
  opened: OpenedModel;
  /** Weights that the steps leave as they are have the very bytes of the source. */
  programs: ScorePrograms;
}

/**
 * The model that an export would write, found again in its graph, and its score programs; reads no
 * weights.
 * @param compare makes a program in place of `compare`, in which weights of the second head are
 *   those of the export (`isOfOther`)
 * @throws EspalierError as `exportManifest`, `openModel` and `makeScorePrograms`
 */
export async function exportedPrograms(
  { source, removed, steps, format = 'onnx' }: ExportPlan,
  engine: Pick<Engine, 'kind' | 'float16'>,
  accuracyLevels: AccuracyLevels,
  compare?: (
    exported: { source: OpenedModel; programs: ScorePrograms },
    options: ProgramOptions,
  ) => BoundProgram,
): Promise<ExportedPrograms> {
  const manifest = await exportManifest(source, removed, {
    ...{ app: VERSION, steps, format },
    forRunning: true,
  });
  const opened = await openModel(manifestFolder(manifest, source.folder), manifest.graph);
  const options = { device: engine.kind, accuracyLevels };
  const programs = makeScorePrograms(opened, options);
  const bytesOf = madeOf(manifest);
  const traced = mapPrograms(programs, (bound) => withBytes(bound, bytesOf, () => true));
  if (compare) {
    const bound = compare({ source: opened, programs }, options);
    const value = withBytes(bound, bytesOf, isOfOther);
    Object.defineProperty(traced, 'compare', { value, enumerable: true });
  }
  return {
    opened: { ...opened, folder: source.folder },
    programs: fitted(traced, engine.float16),
  };
}

/** The program with other bytes for the weights of these names. */
function withBytes(
  bound: BoundProgram,
  bytesOf: (data: Bytes) => Bytes,
  which: (name: string) => boolean,
): BoundProgram {
  const changed = ([input, ref]: readonly [string, WeightRef]): [string, WeightRef] => [
    input,
    which(ref.name) ? { ...ref, data: bytesOf(ref.data) } : ref,
  ];
  return { ...bound, weights: new Map([...bound.weights].map(changed)) };
}

/**
 * How an export's products of accuracy level 4 are measured: as the CPU kernels of that level round
 * where it was chosen; a source that has it is scored by the same arithmetic as ever.
 */
export function measuredLevels(steps: readonly StepChoice[]): AccuracyLevels {
  return quantisationOf(steps)?.quantisation.settings.accuracyLevel === 4 ? 'rounded' : 'exact';
}

/**
 * What the written graph computes on a device, where its weights lie in the graph: native kernels
 * round activations, wasm has none that do, WebGPU goes by its own.
 */
function writtenLevels(steps: readonly StepChoice[], kind: DeviceKind): AccuracyLevels {
  const levels = measuredLevels(steps);
  return levels === 'rounded' && kind !== 'cpu' ? 'kept' : levels;
}

/**
 * Runs `work` with a session of the exported model, on the engine and within the budget of
 * `session`, whose own weights leave the device first.
 * @throws EspalierError as `exportedPrograms`, `requireFewBits` and `ScoreSession.open`, and what
 *   `work` throws
 */
function withExported<T>(
  session: ScoreSession,
  plan: ExportPlan,
  accuracyLevels: AccuracyLevels,
  work: (exported: ScoreSession) => Promise<T>,
): Promise<T> {
  return session.alone(async ({ engine, budget }) => {
    const { opened, programs } = await exportedPrograms(plan, engine, accuracyLevels);
    await requireFewBits(engine, fewBitsForms(opened.structure.graph));
    const exported = ScoreSession.open(opened, engine, { budgetBytes: budget, programs });
    try {
      return await work(exported);
    } finally {
      await exported.dispose();
    }
  });
}

/**
 * NLL of the exported model on windows; see `measuredLevels`.
 * @throws EspalierError as `withExported`; `cancelled`
 */
export function measureExport(
  session: ScoreSession,
  plan: ExportPlan,
  windows: Windows,
  signal?: AbortSignal,
  onProgress?: (progress: Progress) => void,
): Promise<Measure & { seconds: number }> {
  return withExported(session, plan, measuredLevels(plan.steps), async (exported) => {
    await exported.useWindows(windows);
    return exported.plan([], signal, onProgress);
  });
}

/**
 * A healed plan of a graph of few bits in both forms that an export can write, on the windows of
 * the session, which measures changed matrices as they are rounded again.
 * @throws EspalierError as `ScoreSession.plan` and `measureExport`
 */
export async function measureForms(
  session: ScoreSession,
  opened: OpenedModel,
  healing: Healing,
  windows: Windows,
  signal?: AbortSignal,
  onProgress?: (progress: Progress) => void,
): Promise<HealedForms> {
  const started = performance.now();
  const { removed } = healing;
  const again = await session.plan(removed, signal, onProgress, healing);
  const steps = [{ step: 'healing', healing, quantised: 'float' }] as const;
  const plan = { source: opened, removed, steps };
  const float = await measureExport(session, plan, windows, signal, onProgress);
  return { again, float, seconds: (performance.now() - started) / 1000 };
}

/**
 * NLL of each predicted token of one window that the exported model must reproduce: by the score
 * programs, with the weights of the plan's healing where it has one, and gates in front of what a
 * width plan takes out. Where matrices of few bits
 * become float ones, or float ones few bits, or healed values are rounded to what tensor files
 * hold, programs are cut out of the graph that has those.
 * @throws EspalierError as `ScoreSession.nllPerToken` and `exportedPrograms`
 */
export function expectedNll(
  session: ScoreSession,
  opened: OpenedModel,
  { removed, steps, format = 'onnx' }: Pick<ExportPlan, 'format' | 'removed' | 'steps'>,
  window: readonly number[],
  signal?: AbortSignal,
  onBlock?: (done: number, total: number) => void,
): Promise<Float32Array> {
  const plan = { source: opened, removed, steps, format };
  const width = widthOf(steps);
  const again = width !== null && roundedAgain(opened.structure, width) > 0;
  // Tensor files hold what is healed in their own types.
  if (again || quantisationOf(steps) || (format !== 'onnx' && healingOf(steps)))
    return withExported(session, plan, writtenLevels(steps, session.engine.kind), (exported) =>
      exported.nllPerToken([], window, signal, onBlock),
    );
  const choice = healingOf(steps);
  const { structure } = opened;
  if (width)
    return session.alone(async ({ engine, budget }) => {
      const whole = makeScorePrograms(opened, { device: engine.kind });
      const programs = fitted(gatedPrograms(whole, structure, width), engine.float16);
      const narrow = ScoreSession.open(opened, engine, { budgetBytes: budget, programs });
      try {
        return await narrow.nllPerToken([], window, signal, onBlock);
      } finally {
        await narrow.dispose();
      }
    });
  if (choice?.quantised !== 'float' || !changesIntegers(structure, choice.healing.changes))
    return session.nllPerToken(removed, window, signal, onBlock, choice?.healing);
  return session.alone(async ({ engine, budget }) => {
    const healed = healedStructure(structure, choice.healing, choice.quantised);
    const one = { ...opened, structure: healed };
    const floats = ScoreSession.open(one, engine, { budgetBytes: budget });
    try {
      return await floats.nllPerToken(removed, window, signal, onBlock);
    } finally {
      await floats.dispose();
    }
  });
}
