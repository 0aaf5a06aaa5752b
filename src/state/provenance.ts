// What an espalier.json tells the page; the one place that knows its reader. Must not touch the model that is open.

import type { ScoreResult } from '../worker/api.ts';

/** The parts of an espalier.json that the page shows and brings back. */
export interface Restored {
  /** Name of the source folder. */
  sourceName: string;
  /** Path of the source graph. */
  graph: string;
  /** Files of the source folder, for telling whether a model is that source. */
  files: readonly { path: string; size: number }[];
  numBlocks: number;
  removed: readonly number[];
  score: ScoreResult | null;
  plan: { removed: readonly number[]; nll: number; ppl: number | null } | null;
}

/** @throws EspalierError `corrupt-file` or `bad-input` when the text is no espalier.json of a known version. */
export function readRestored(text: string): Restored {
  return JSON.parse(text) as Restored;
}
