// What the page reads of an espalier.json; the one place that knows its reader.

import type { ScoreResult } from '../../contract/score.ts';
import type { Identity } from '../../model/export/identity.ts';
import { readProvenance } from '../../model/export/provenance.ts';
import { dtypeOf, type ExportDtype } from '../../model/export/steps.ts';
import type { Unit } from '../../units.ts';

/** What the page shows and restores of an espalier.json. */
export interface Restored {
  /** Name of the source folder. */
  sourceName: string;
  /** Path of the source graph. */
  graph: string;
  /** Recognises the source among models. */
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
