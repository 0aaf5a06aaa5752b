// What an espalier.json tells the page; the one place that knows its reader. Must not touch the
// model that is open.

import type { ScoreResult } from '../../contract/score.ts';
import type { Identity } from '../../model/export/identity.ts';
import { readProvenance } from '../../model/export/provenance.ts';
import { dtypeOf, type ExportDtype } from '../../model/export/steps.ts';
import type { Unit } from '../../units.ts';

/** The parts of an espalier.json that the page shows and brings back. */
export interface Restored {
  /** Name of the source folder. */
  sourceName: string;
  /** Path of the source graph. */
  graph: string;
  /** For telling whether a model is that source. */
  identity: Identity;
  numBlocks: number;
  removed: readonly Unit[];
  /** The precision it was written in; null for the source's. */
  dtype: ExportDtype | null;
  score: ScoreResult | null;
  /** Perplexity of the plan on the windows of the score. */
  plan: { removed: readonly Unit[]; nll: number } | null;
  /** Version of Espalier that wrote it. */
  app: string;
}

/** @throws EspalierError `bad-input` that names the first field which is not as expected. */
export function readRestored(text: string): Restored {
  const { app, source, removed, steps = [], score, plan } = readProvenance(text);
  return {
    app,
    sourceName: source.name,
    graph: source.graph,
    identity: source,
    numBlocks: source.numBlocks,
    removed,
    dtype: dtypeOf(steps),
    score,
    plan,
  };
}
