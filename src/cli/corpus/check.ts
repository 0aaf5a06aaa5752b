// Holds one model folder of a corpus against its golden numbers: structure and scores.

import { toReport } from '../../errors.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import type { Engine } from '../../runtime/device/engine.ts';
import type { ScoreSession } from '../../runtime/score/session.ts';
import { VERSION } from '../../version.ts';
import { openSession } from '../open.ts';
import type { RunValues } from '../sharedOptions.ts';
import { blocksOf, type CorpusEntry, mustOpen } from './entries.ts';
import { checkSublayerExports, checkUnits } from './sublayers.ts';
import {
  type CorpusGolden,
  compareNll,
  type Findings,
  floatGolden,
  NLL_TOLERANCE,
  nllField,
  nllTolerance,
} from './types.ts';

/** @param coarser classes may be joined: the list took scalar constants for structure */
export function checkStructure(
  { summary }: OpenedModel,
  entry: CorpusEntry,
  found: Findings,
  coarser: boolean,
): void {
  const expect = (what: string, have: unknown, want: unknown): void => {
    if (want !== undefined && JSON.stringify(have) !== JSON.stringify(want))
      found.misses.push(`${what} is ${JSON.stringify(have)}, expected ${JSON.stringify(want)}`);
  };
  expect(
    'number of blocks',
    summary.numBlocks,
    mustOpen(entry) ? entry.numBlocks : blocksOf(entry),
  );
  expect('cuts', summary.cuts, entry.cuts);
  const classes = numbered(summary.blocks.map((b) => b.class));
  const wanted = entry.structuralClasses && numbered(entry.structuralClasses);
  if (coarser && wanted) {
    // One class of the list is one class here.
    const joined = classes.map((_, i) => classes[wanted.indexOf(wanted[i] ?? 0)] ?? -1);
    expect('classes', classes, joined);
    if (new Set(classes).size < new Set(wanted).size)
      found.notes.push(
        `${new Set(classes).size} classes where the list has ${new Set(wanted).size}`,
      );
  } else expect('classes', classes, wanted);
  const stuck = summary.blocks.filter((b) => b.unremovable !== undefined).map((b) => b.index);
  expect('unremovable blocks', stuck, entry.unremovable);
}

/** Classes by first appearance: [2, 2, 5] becomes [0, 0, 1]. */
function numbered(classes: readonly number[]): number[] {
  const seen = [...new Set(classes)];
  return classes.map((c) => seen.indexOf(c));
}

/** Blocks that go alone are those that the list says, and no others. */
export async function checkLegalRemovals(
  opened: OpenedModel,
  { legalSingleRemovals: legal }: CorpusEntry,
  found: Findings,
): Promise<void> {
  for (const { index } of legal ? opened.summary.blocks : []) {
    const refused = await exportManifest(opened, [index], { app: VERSION }).then(
      () => null,
      (error: unknown) => toReport(error).message,
    );
    if (legal?.includes(index) === (refused !== null))
      found.misses.push(
        `block ${index}: ` +
          `${refused ? `removal is refused (${refused})` : 'goes alone, and may not'}`,
      );
  }
}

/** @param spare engine for what needs no scoring session */
export async function checkScores(
  opened: OpenedModel,
  entry: CorpusEntry,
  golden: CorpusGolden,
  values: RunValues,
  spare: Engine,
  found: Findings,
): Promise<void> {
  if (!golden.baseline || !golden.blocks || !opened.summary.canScore) {
    const reasons = opened.summary.problems.map((p) => p.message).join(' ');
    if (golden.baseline && !opened.summary.canScore && !startsFromEmbeddings(opened, entry))
      found.misses.push(`cannot be scored: ${reasons}`);
    else
      found.notes.push(
        `not scored: ${opened.summary.canScore ? 'the golden has no likelihoods' : reasons}`,
      );
    await checkSublayerExports(opened, null, golden, spare, found);
    return;
  }
  const { session, engine, notes } = await openSession(opened, values);
  found.notes.push(...notes);
  try {
    const tolerance = nllTolerance(entry.dtype, golden);
    const floats = floatGolden(golden);
    if (floats) await compareCurve(session, floats, NLL_TOLERANCE, found);
    await compareCurve(session, golden, tolerance, found);
    await checkUnits(opened, session, golden, tolerance, found);
    await checkSublayerExports(opened, session, golden, engine, found);
  } finally {
    await session.dispose();
    await engine.dispose();
  }
}

/** The leave-one-out curve and the plans of a golden. */
async function compareCurve(
  session: ScoreSession,
  golden: CorpusGolden,
  tolerance: number,
  found: Findings,
): Promise<void> {
  const curve = await session.score(golden.windows, undefined, () => {});
  let worst = Math.abs(curve.baseline.nll - (golden.baseline?.nll ?? Number.NaN));
  for (const want of golden.blocks ?? []) {
    const have = curve.blocks[want.index];
    if (!have || (want.refused !== undefined) !== (have.refused !== undefined)) {
      const refusal = `refused (${have?.refused ?? 'missing'})`;
      found.misses.push(
        `block ${want.index}: ${want.refused ? 'scored although removal is refused' : refusal}`,
      );
    } else if (want.nll !== undefined) worst = Math.max(worst, Math.abs(have.nll - want.nll));
  }
  const field = nllField(golden);
  compareNll(found, 'NLL', worst, tolerance, field);
  for (const { removed, refused, nll } of golden.pruned) {
    if (nll === undefined || refused !== undefined) continue;
    const plan = await session.plan(removed).catch((error: unknown) => toReport(error));
    if ('code' in plan) found.misses.push(`plan [${removed}]: ${plan.message}`);
    else compareNll(found, `NLL of plan [${removed}]`, Math.abs(plan.nll - nll), tolerance, field);
  }
}

/**
 * Whether a folder has nothing that turns ids into embeddings: a golden comes from PyTorch, which
 * has. A row of several parts has an embedding graph, so it must be scored.
 */
function startsFromEmbeddings(opened: OpenedModel, { kind, folder }: CorpusEntry): boolean {
  return opened.structure.embedsInput && kind !== 'split' && !folder.startsWith('split-');
}
