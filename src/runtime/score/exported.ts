// The likelihoods of the files that an export would write, before they are written: for steps that
// change what is computed, and not only the weights.

import type { HealedForms } from '../../contract/export.ts';
import type { Progress } from '../../contract/progress.ts';
import type { Measure } from '../../contract/score.ts';
import { manifestFolder } from '../../model/export/folder.ts';
import { type ExportSource, exportManifest } from '../../model/export/manifest.ts';
import { healingOf, type StepChoice } from '../../model/export/steps.ts';
import { healedStructure } from '../../model/healing/healedStructure.ts';
import type { Healing } from '../../model/healing/healing.ts';
import { changesIntegers } from '../../model/healing/storedWeights.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import type { Unit } from '../../units.ts';
import { VERSION } from '../../version.ts';
import type { Windows } from '../pass/scoringContext.ts';
import { ScoreSession } from './session.ts';

/** What an export is made of. */
export interface ExportPlan {
  source: ExportSource;
  removed: readonly Unit[];
  steps: readonly StepChoice[];
}

/**
 * Runs `work` with a session of the exported model, on the engine and within the budget of
 * `session`, whose own weights leave the device first.
 * @throws EspalierError as `exportManifest`, `openModel` and `ScoreSession.open`, and what `work`
 *   throws
 */
function withExported<T>(
  session: ScoreSession,
  { source, removed, steps }: ExportPlan,
  work: (exported: ScoreSession) => Promise<T>,
): Promise<T> {
  return session.alone(async ({ engine, budget }) => {
    const manifest = await exportManifest(source, removed, { app: VERSION, steps });
    const opened = await openModel(manifestFolder(manifest, source.folder), manifest.graph);
    const exported = ScoreSession.open(opened, engine, { budgetBytes: budget });
    try {
      return await work(exported);
    } finally {
      await exported.dispose();
    }
  });
}

/** NLL of the exported model on windows. @throws EspalierError as `withExported`; `cancelled` */
export function measureExport(
  session: ScoreSession,
  plan: ExportPlan,
  windows: Windows,
  signal?: AbortSignal,
  onProgress?: (progress: Progress) => void,
): Promise<Measure & { seconds: number }> {
  return withExported(session, plan, async (exported) => {
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
 * programs, with the weights of the plan's healing where it has one. Where matrices of few bits
 * become float ones, programs are cut out of the graph that has those.
 * @throws EspalierError as `ScoreSession.nllPerToken`
 */
export function expectedNll(
  session: ScoreSession,
  opened: OpenedModel,
  { removed, steps }: Pick<ExportPlan, 'removed' | 'steps'>,
  window: readonly number[],
  signal?: AbortSignal,
  onBlock?: (done: number, total: number) => void,
): Promise<Float32Array> {
  const choice = healingOf(steps);
  const { structure } = opened;
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
