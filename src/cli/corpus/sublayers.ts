// Holds the removal of single sublayers of one model folder against its golden numbers: the NLL
// without each, and one export without an attention and one without a feed-forward.

import { toReport } from '../../errors.ts';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import type { Engine } from '../../runtime/device/engine.ts';
import type { ScoreSession } from '../../runtime/score/session.ts';
import { VERIFY_TOKENS, verifyExport } from '../../runtime/verify/verify.ts';
import { type Sublayer, sublayerUnit } from '../../units.ts';
import { VERSION } from '../../version.ts';
import type { CorpusGolden, Findings } from './types.ts';

const SUBLAYERS: readonly Sublayer[] = ['attn', 'ffn'];
/**
 * Kernels of different devices round int8 activations differently: without some sublayers that
 * alone moves a mean by 0.002 nats.
 */
const DYNAMIC_TOLERANCE = 1e-2;

/**
 * Mean NLL without each sublayer, over the windows that the session has scored; blocks whose
 * sublayers cannot be separated or removed are skipped.
 */
export async function checkUnits(
  opened: OpenedModel,
  session: ScoreSession,
  golden: CorpusGolden,
  tolerance: number,
  found: Findings,
): Promise<void> {
  const dynamic = opened.summary.problems.some(
    (problem) => problem.code === 'dynamic-quantisation',
  );
  const most = dynamic ? Math.max(tolerance, DYNAMIC_TOLERANCE) : tolerance;
  for (const sublayer of SUBLAYERS) {
    for (const [index, want] of golden.units?.[sublayer]?.entries() ?? []) {
      const block = opened.summary.blocks[index];
      if (want === null || !block?.hasSublayers || block.unremovable) continue;
      const unit = sublayerUnit(index, sublayer);
      const { nll } = await session.plan([unit]);
      const difference = Math.abs(nll - want);
      found.maxUnitDiff = Math.max(found.maxUnitDiff ?? 0, difference);
      if (!(difference <= most))
        found.misses.push(
          `NLL without ${unit} differs by ${difference.toExponential(1)} ` + `(at most ${most})`,
        );
    }
  }
}

/**
 * One export without the attention and one without the feed-forward of a block in the middle, each
 * verified as the page verifies it.
 */
export async function checkSublayerExports(
  opened: OpenedModel,
  session: ScoreSession | null,
  golden: CorpusGolden,
  engine: Engine,
  found: Findings,
): Promise<void> {
  const removable = opened.summary.blocks
    .filter((block) => block.hasSublayers && !block.unremovableSublayers)
    .map((block) => block.index);
  const middle = removable[removable.length >> 1];
  if (middle === undefined) return;
  const window = (golden.windows[0] ?? []).slice(0, VERIFY_TOKENS);
  for (const sublayer of SUBLAYERS) {
    const removed = [sublayerUnit(middle, sublayer)];
    const label = `removed [${removed}]`;
    try {
      const manifest = await exportManifest(opened, removed, {
        app: VERSION,
        format: 'onnx',
      });
      const nll = session ? await session.nllPerToken(removed, window) : null;
      const expected = {
        window,
        nll,
        numBlocks: opened.summary.numBlocks,
        source: { opened, removed },
      };
      const { status, checks } = await verifyExport(
        manifestFolder(manifest, opened.folder),
        manifest.graph,
        expected,
        engine,
      );
      const wrong = checks.find((check) => !check.ok);
      if (status === 'failed')
        found.misses.push(
          `${label}: ${wrong?.name ?? 'verification'}: ${wrong?.detail ?? 'failed'}`,
        );
      else if (status === 'unverified')
        found.notes.push(`${label}: ${wrong?.detail ?? 'not run here'}`);
      else found.partsVerified += 1;
    } catch (error) {
      found.misses.push(`${label}: ${toReport(error).message}`);
    }
  }
}
