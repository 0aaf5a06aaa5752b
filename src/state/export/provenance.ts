// What the page reads of an espalier.json; the one place that knows its reader.

import type { HealMethod } from '../../contract/heal.ts';
import type { ScoreResult } from '../../contract/score.ts';
import type { Identity } from '../../model/export/identity.ts';
import { readProvenance } from '../../model/export/provenance.ts';
import { dtypeOf, type ExportDtype, type StepRecord } from '../../model/export/steps.ts';
import type { QuantisationNote } from '../../model/quantise/quantisationRecord.ts';
import type { WidthMethod } from '../../model/width/types.ts';
import type { Unit } from '../../units.ts';
import type { ScoredTasks } from '../tasks/forms.ts';
import { scoredOf } from '../tasks/recorded.ts';

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
  /** The healing whose weights it has; null for those of the source. */
  healing: { id: string; methods: HealMethod[] } | null;
  /** How its matrices became few bits; null where they did not. */
  quantisation: QuantisationNote | null;
  /** By which method, and at which ratio, its blocks are narrower; null where they are not. */
  width: { method: WidthMethod; ratio: number } | null;
  /** The precision it was written in; null for the source's. */
  dtype: ExportDtype | null;
  score: ScoreResult | null;
  /** Perplexity of the plan on the windows of the score. */
  plan: { removed: readonly Unit[]; nll: number } | null;
  /** Runs over zero-shot tasks, newest first, without the answers to single rows. */
  tasks: readonly ScoredTasks[];
  /** Version of Espalier that wrote it. */
  app: string;
}

/** @throws EspalierError `bad-input` that names the first field which is not as expected. */
export function readRestored(text: string): Restored {
  const { app, source, removed, steps = [], score, plan, study } = readProvenance(text);
  return {
    app,
    sourceName: source.name,
    graph: source.graph,
    identity: source,
    numBlocks: source.numBlocks,
    removed,
    healing: healingNoteOf(steps),
    quantisation: steps.find((one) => one.step === 'quantise')?.quantisation ?? null,
    width: steps.find((one) => one.step === 'width')?.width ?? null,
    dtype: dtypeOf(steps),
    score,
    plan,
    tasks: (study?.tasks ?? []).map(scoredOf),
  };
}

function healingNoteOf(steps: readonly StepRecord[]): Restored['healing'] {
  const found = steps.find((one) => one.step === 'healing');
  if (!found) return null;
  const { id, record } = found.healing;
  return { id, methods: record.steps.map(({ method }) => method) };
}
