// Rows without a golden: a folder that opens although a refusal is allowed for is held against
// whole graphs, and one that nothing here can run must say so.

import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { GraphRunner } from '../../runtime/decode/likelihood.ts';
import { deviceObstacle } from '../../runtime/decode/runnable.ts';
import type { Engine } from '../../runtime/device/engine.ts';
import type { ScoreSession } from '../../runtime/score/session.ts';
import { VERIFY_TOKENS, verifyExport } from '../../runtime/verify/verify.ts';
import { spreadIds } from '../../spreadIds.ts';
import { VERSION } from '../../version.ts';
import { openSession } from '../open.ts';
import type { RunValues } from '../sharedOptions.ts';
import { meanNll } from './pruned.ts';
import { compareNll, type Findings, nllTolerance } from './types.ts';

const WINDOWS = 3;
const TOKENS = 24;

/** Ids that depend on nothing but the size of the vocabulary, where that is known. */
export function testWindows(vocab: number | null): number[][] {
  const ids = spreadIds(WINDOWS * TOKENS, vocab, 13);
  return Array.from({ length: WINDOWS }, (_, w) => ids.slice(w * TOKENS, (w + 1) * TOKENS));
}

/**
 * Scores (from the programs of blocks) against ONNX Runtime on whole graphs: the source, and the
 * export without each block and without two of them. Every export is verified.
 */
export async function checkAgainstWholeGraphs(
  opened: OpenedModel,
  dtype: string,
  values: RunValues,
  found: Findings,
): Promise<void> {
  if (!opened.summary.canScore) {
    found.misses.push(
      `opened, but cannot be scored: ${opened.summary.problems.map((p) => p.message).join(' ')}`,
    );
    return;
  }
  const windows = testWindows(opened.summary.vocabSize ?? 1);
  const most = nllTolerance(dtype, { nllTol: 0 });
  const { session, engine } = await openSession(opened, values);
  try {
    const curve = await session.score(windows, undefined, () => {});
    const whole = await nllOf(opened, engine, windows);
    compareNll(found, 'NLL of the source', Math.abs(curve.baseline.nll - whole), most);
    const removable = curve.blocks.filter(({ refused }) => refused === undefined);
    const plans = [
      ...removable.map(({ index }) => [index]),
      removable.slice(1, 3).map((b) => b.index),
    ];
    for (const removed of plans.filter((plan) => plan.length > 0)) {
      const label = `removed [${removed}]`;
      const manifest = await exportManifest(opened, removed, { app: VERSION });
      const written = manifestFolder(manifest, opened.folder);
      const pruned = await openModel(written, manifest.graph);
      const [first] = removed;
      const chained =
        removed.length === 1 && first !== undefined
          ? (curve.blocks[first]?.nll ?? Number.NaN)
          : (await session.plan(removed)).nll;
      const difference = Math.abs(chained - (await nllOf(pruned, engine, windows)));
      compareNll(found, `${label}: NLL of the whole graph`, difference, most);
      const window = windows[0]?.slice(0, VERIFY_TOKENS) ?? [];
      const { status, checks } = await verifyExport(
        written,
        manifest.graph,
        {
          window,
          nll: await session.nllPerToken(removed, window),
          numBlocks: opened.summary.numBlocks - removed.length,
          source: { opened, removed },
        },
        engine,
      );
      if (status !== 'verified')
        found.misses.push(`${label}: ${status} (${checks.find((c) => !c.ok)?.detail ?? ''})`);
      found.prunedChecked += 1;
    }
    found.notes.push('opened where a refusal is allowed for: held against whole graphs');
  } finally {
    await session.dispose();
    await engine.dispose();
  }
}

/**
 * The largest difference between scores (from the programs of blocks) and ONNX Runtime on whole
 * graphs: the source, and the export without each block that can be removed.
 */
export async function differenceToWholeGraphs(
  opened: OpenedModel,
  session: ScoreSession,
  engine: Engine,
): Promise<number> {
  const windows = testWindows(opened.summary.vocabSize);
  const curve = await session.score(windows, undefined, () => {});
  let worst = Math.abs(curve.baseline.nll - (await nllOf(opened, engine, windows)));
  for (const { index, refused, nll } of curve.blocks) {
    if (refused !== undefined) continue;
    const manifest = await exportManifest(opened, [index], { app: VERSION });
    const pruned = await openModel(manifestFolder(manifest, opened.folder), manifest.graph);
    worst = Math.max(worst, Math.abs(nll - (await nllOf(pruned, engine, windows))));
  }
  return worst;
}

async function nllOf(
  opened: OpenedModel,
  engine: Engine,
  windows: readonly number[][],
): Promise<number> {
  const runner = await GraphRunner.open(opened, engine);
  try {
    return await meanNll(runner, windows);
  } finally {
    await runner.dispose();
  }
}

/**
 * A graph for which this device has no kernel names the operator before anything runs, and its
 * export is unverified, with the operator as the reason.
 */
export async function checkNoKernel(
  opened: OpenedModel,
  engine: Engine,
  found: Findings,
): Promise<void> {
  const said = [
    ...opened.summary.problems.map((problem) => problem.message),
    deviceObstacle(engine.kind, opened) ?? '',
  ].join(' ');
  if (!namesOperator(opened, said))
    found.misses.push(`no problem names the operator that has no kernel here: "${said.trim()}"`);
  const middle = opened.summary.numBlocks >> 1;
  const manifest = await exportManifest(opened, [middle], { app: VERSION });
  const { status, checks } = await verifyExport(
    manifestFolder(manifest, opened.folder),
    manifest.graph,
    {
      window: testWindows(opened.summary.vocabSize ?? 1)[0] ?? [],
      nll: null,
      numBlocks: opened.summary.numBlocks - 1,
      source: { opened, removed: [middle] },
    },
    engine,
  );
  const reason = checks.flatMap((check) => (check.ok ? [] : [check.detail])).join(' ');
  if (status !== 'unverified')
    found.misses.push(`removed [${middle}]: ${status}, expected unverified (${reason})`);
  else if (!namesOperator(opened, reason))
    found.misses.push(`removed [${middle}]: unverified without naming the operator: "${reason}"`);
  else found.notes.push(`removed [${middle}]: unverified (${reason})`);
}

function namesOperator({ structure }: OpenedModel, text: string): boolean {
  // Operators of ONNX itself have kernels, and names that are words: Add, Where, If.
  const own = structure.model.graph.nodes.filter((node) => node.domain === 'com.microsoft');
  const operators = new Set(own.map((node) => node.op));
  return text.split(/[^A-Za-z0-9_]+/).some((word) => operators.has(word));
}
