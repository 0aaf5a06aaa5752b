// Holds one model folder of a corpus against its golden numbers: structure, scores, pruned exports.
// Decides nothing about the corpus as a whole.

import { EspalierError, toReport } from '../../errors.ts';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { Decoder } from '../../runtime/decode/decoder.ts';
import { generateGreedily } from '../../runtime/decode/greedy.ts';
import { GraphRunner } from '../../runtime/decode/likelihood.ts';
import type { Engine } from '../../runtime/device/engine.ts';
import { blocksLeft } from '../../units.ts';
import { VERSION } from '../../version.ts';
import { openSession } from '../open.ts';
import type { RunValues } from '../sharedOptions.ts';
import { checkSublayerExports, checkUnits } from './sublayers.ts';
import type { CorpusGolden, Findings } from './types.ts';

/** The part of a corpus.json entry that is checked. */
export interface CorpusEntry {
  folder: string;
  file: string;
  dtype: string;
  supported: boolean;
  numBlocks: number | null;
  cuts?: string[];
  structuralClasses?: number[];
  unremovable?: number[];
}

/**
 * float32 tolerances of the project; other types take the golden's own, which is twice the spread
 * of independent CPU computations.
 */
const NLL_TOLERANCE = 1e-4;
const LOGIT_TOLERANCE = 1e-3;

export function noFindings(): Findings {
  return {
    maxNllDiff: null,
    maxUnitDiff: null,
    maxLogitDiff: null,
    greedyEqual: null,
    prunedChecked: 0,
    partsVerified: 0,
    misses: [],
    notes: [],
  };
}

export function checkStructure(
  { summary }: OpenedModel,
  entry: CorpusEntry,
  found: Findings,
): void {
  const expect = (what: string, have: unknown, want: unknown): void => {
    if (want !== undefined && JSON.stringify(have) !== JSON.stringify(want))
      found.misses.push(`${what} is ${JSON.stringify(have)}, expected ${JSON.stringify(want)}`);
  };
  expect('number of blocks', summary.numBlocks, entry.numBlocks);
  expect('cuts', summary.cuts, entry.cuts);
  expect(
    'classes',
    numbered(summary.blocks.map((b) => b.class)),
    entry.structuralClasses && numbered(entry.structuralClasses),
  );
  const stuck = summary.blocks.filter((b) => b.unremovable !== undefined).map((b) => b.index);
  expect('unremovable blocks', stuck, entry.unremovable);
}

/** Classes by first appearance: [2, 2, 5] becomes [0, 0, 1]. */
function numbered(classes: readonly number[]): number[] {
  const seen = [...new Set(classes)];
  return classes.map((c) => seen.indexOf(c));
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
    if (golden.baseline && !opened.summary.canScore && !opened.structure.embedsInput)
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
    const curve = await session.score(golden.windows, undefined, () => {});
    let worst = Math.abs(curve.baseline.nll - golden.baseline.nll);
    for (const want of golden.blocks) {
      const have = curve.blocks[want.index];
      if (!have || (want.refused !== undefined) !== (have.refused !== undefined)) {
        found.misses.push(
          `block ${want.index}: ` +
            `${want.refused ? 'scored although removal is refused' : `refused (${have?.refused ?? 'missing'})`}`,
        );
      } else if (want.nll !== undefined) worst = Math.max(worst, Math.abs(have.nll - want.nll));
    }
    found.maxNllDiff = worst;
    const tolerance =
      entry.dtype === 'fp32' ? NLL_TOLERANCE : Math.max(NLL_TOLERANCE, golden.nllTol);
    if (!(worst <= tolerance))
      found.misses.push(`NLL differs by ${worst.toExponential(1)} (at most ${tolerance})`);
    await checkUnits(opened, session, golden, tolerance, found);
    await checkSublayerExports(opened, session, golden, engine, found);
  } finally {
    await session.dispose();
    await engine.dispose();
  }
}

export async function checkPruned(
  opened: OpenedModel,
  entry: CorpusEntry,
  golden: CorpusGolden,
  engine: Engine,
  found: Findings,
): Promise<void> {
  for (const want of golden.pruned) {
    const label = `removed [${want.removed.join(',')}]`;
    let pruned: OpenedModel;
    try {
      const manifest = await exportManifest(opened, want.removed, { app: VERSION });
      pruned = await openModel(manifestFolder(manifest, opened.folder), manifest.graph);
      if (want.refused !== undefined)
        found.misses.push(`${label}: exported although removal is refused`);
    } catch (error) {
      if (want.refused === undefined) found.misses.push(`${label}: ${toReport(error).message}`);
      continue;
    }
    checkConfig(pruned, golden, want, label, found);
    const left = blocksLeft(opened.summary.numBlocks, want.removed);
    if (pruned.summary.numBlocks !== left)
      found.misses.push(
        `${label}: the export has ${pruned.summary.numBlocks} blocks, expected ${left}`,
      );
    if (opened.structure.embedsInput) {
      found.notes.push(`${label}: structure only (the graph takes no token ids)`);
      continue;
    }
    try {
      await compareRun(pruned, entry, golden, want, engine, label, found);
    } catch (error) {
      if (!(error instanceof EspalierError) || error.code !== 'unsupported-op') throw error;
      found.notes.push(`${label}: not run here (${error.message})`);
    }
  }
}

function checkConfig(
  pruned: OpenedModel,
  golden: CorpusGolden,
  want: CorpusGolden['pruned'][number],
  label: string,
  found: Findings,
): void {
  const { config, genai } = pruned.config.raw;
  const decoder = (genai as { model?: { decoder?: unknown } } | null)?.model?.decoder;
  const have = (golden.configFile === 'config.json' ? config : decoder) as
    | Record<string, unknown>
    | null
    | undefined;
  for (const [key, value] of Object.entries(want.config))
    if (JSON.stringify(have?.[key]) !== JSON.stringify(value))
      found.misses.push(
        `${label}: ${golden.configFile} has ${key} = ${JSON.stringify(have?.[key])}, ` +
          `expected ${JSON.stringify(value)}`,
      );
}

async function compareRun(
  pruned: OpenedModel,
  entry: CorpusEntry,
  golden: CorpusGolden,
  want: CorpusGolden['pruned'][number],
  engine: Engine,
  label: string,
  found: Findings,
): Promise<void> {
  const tolerance =
    entry.dtype === 'fp32' ? LOGIT_TOLERANCE : Math.max(LOGIT_TOLERANCE, golden.logitTol);
  const runner = await GraphRunner.open(pruned, engine);
  try {
    const { rows, vocab, data } = await runner.logits(want.promptIds);
    const last = data.subarray((rows - 1) * vocab);
    const values =
      want.top8 ?? want.lastHiddenFirst8?.map((value, i): [number, number] => [i, value]) ?? [];
    if (values.length === 0) found.misses.push(`${label}: the golden has no logits`);
    const worst = Math.max(
      0,
      ...values.map(([id, logit]) => Math.abs((last[id] ?? Number.NaN) - logit)),
    );
    found.maxLogitDiff = Math.max(found.maxLogitDiff ?? 0, worst);
    if (!(worst <= tolerance))
      found.misses.push(
        `${label}: logits differ by ${worst.toExponential(1)} (at most ${tolerance})`,
      );
    // Activations quantised over the whole sequence make the cacheless run another computation: the
    // goldens were made with the cache.
    const { greedy, greedyMargins } = want;
    if (want.top8 && !(greedy && greedyMargins))
      found.misses.push(`${label}: the golden has no ${greedy ? 'greedyMargins' : 'greedy ids'}`);
    const dynamic = pruned.summary.problems.some(
      (problem) => problem.code === 'dynamic-quantisation',
    );
    for (const cache of dynamic ? [true] : [true, false]) {
      if (!greedy || !greedyMargins) break;
      const decoder = await Decoder.over(runner.loaded, { cache });
      const { ids } = await generateGreedily(decoder, want.promptIds, greedy.length);
      decoder.close();
      const equal = certain(greedy, greedyMargins, tolerance).every((id, step) => ids[step] === id);
      found.greedyEqual = (found.greedyEqual ?? true) && equal;
      if (!equal)
        found.misses.push(
          `${label}: greedy ids ${cache ? 'with' : 'without'} KV cache are ` +
            `[${ids.join(',')}], expected [${greedy.join(',')}]`,
        );
    }
    found.prunedChecked += 1;
  } finally {
    await runner.dispose();
  }
}

/**
 * Greedy ids up to the first step whose margin is below the logit tolerance: from there on another
 * device may choose differently.
 */
function certain(
  ids: readonly number[],
  margins: readonly number[],
  tolerance: number,
): readonly number[] {
  const end = margins.findIndex((margin) => margin < tolerance);
  return end < 0 ? ids : ids.slice(0, end);
}
