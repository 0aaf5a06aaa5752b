// What would be lost without being kept, and an export beside what it was made from.

import type { VariantMeasure } from '../../contract/speed.ts';
import { isTensorFiles } from '../../model/graphs/tensorChoices.ts';
import { wholeBlocks } from '../../units.ts';
import { lossOfJob, lossOfResults } from '../../words/dialogs/kept.ts';
import { WINDOWS } from '../../words/quantising.ts';
import type { Restored } from '../export/provenance.ts';
import { engineJob } from '../jobs.ts';
import { measuredOn } from '../lineage/selectors.ts';
import { derive } from '../memo.ts';
import { keyOfIdentity } from '../open/sameModel.ts';
import type { Measured } from '../speed/state.ts';
import { JOBS, KEPT_PARTS, type StudioState } from '../state.ts';
import { countsOf, studyOf } from './study.ts';

const MEASURED = new Set(
  KEPT_PARTS.filter(([, { isMeasured }]) => isMeasured).map(([name]) => name),
);

/** True when something was measured of the open model. */
const hasMeasured = (state: StudioState): boolean =>
  state.model.current !== null &&
  Object.keys(countsOf(studyOf(state))).some((name) => MEASURED.has(name));

/** True when results are there that no other visit will have. */
const isUnsafe = (state: StudioState): boolean =>
  hasUnstored(state) ||
  ((state.kept.storage === 'full' || state.kept.storage === 'none') && hasMeasured(state));

/** A training or GPTQ may have taken hours; refits by the switch are made again. */
const hasUnstored = ({ heal, quantise }: StudioState): boolean => {
  const { healings = [] } = heal.shelf ?? {};
  const { quantisations = [] } = quantise.shelf ?? {};
  return (
    healings.some(({ stored, passing, bytes }) => !stored && !passing && bytes > 0) ||
    quantisations.some(({ stored, keptBytes }) => !stored && keptBytes > 0)
  );
};

/** What opening another folder now would lose for good, in words; null when nothing. */
export function lossByOpening(state: StudioState): string | null {
  const name = state.model.current?.summary.name ?? '';
  const job = engineJob(state);
  if (job && JOBS[job].isLostOnLeaving) return lossOfJob(JOBS[job].name, name);
  return isUnsafe(state) ? lossOfResults(name) : null;
}

/** True when another model was opened in place of one whose results are kept. */
export const leavesKept = (before: StudioState, state: StudioState): boolean =>
  state.kept.study !== before.kept.study && state.kept.storage === 'works' && hasMeasured(before);

/** Numbers of an export beside those of its source; null where nothing is known. */
export interface SourceRow {
  source: number | null;
  atExport: number | null;
  now: number | null;
}

export interface SourceView {
  /** Mean NLLs in nats, bytes, tokens/s. */
  nll: SourceRow;
  bytes: SourceRow;
  speed: SourceRow;
  /** What is kept of the source. */
  kept: { name: string; savedAt: number; speeds: number } | undefined;
  /** Its weights are no longer those that were exported, by their perplexity. */
  changed: boolean;
  /** False when the curve of now is of other windows than that at export. */
  sameWindows: boolean;
  /** Recent folder of the source. */
  folder: string | null;
  /** The source's numbers of the blocks that are left, in order. */
  blocks: readonly number[];
}

/**
 * Bytes of the export that a speed was measured of; null for tensor files, of which the graph made
 * of them was run.
 */
export const writtenBytes = (
  measure: VariantMeasure | null | undefined,
  { graph }: Pick<Restored, 'graph'>,
): number | null => (isTensorFiles(graph) ? null : (measure?.info.fileBytes ?? null));

/** Devices and runtimes differ by less; a training changes more. Nats per token. */
const CHANGED_NATS = 0.003;

const originalOf = (known: Iterable<Measured>) =>
  [...known].findLast(({ result }) => result.original)?.result.original ?? null;

/** On the windows of the curve, by the bytes that were written. */
export function nllAtExport({ plan, quantisation }: Restored): number | null {
  if (!quantisation) return plan?.nll ?? null;
  const { measured } = quantisation.record;
  const own = measured.find(({ set, name }) => set === 'windows' && name === WINDOWS);
  return own?.quantised.nll ?? null;
}

/** What is known of an open export and of what it was made from; null for other models. */
export const sourceView = derive(
  (state: StudioState) => [
    state.model.current,
    state.kept.lineage,
    state.lineage.measured,
    state.score.curve,
    state.speed.known,
    state.recents.folders,
  ],
  (model, lineage, measured, curve, known, folders): SourceView | null => {
    if (!model?.madeFrom) return null;
    const { removed, score, identity, numBlocks, dtype } = model.madeFrom;
    const key = keyOfIdentity(identity);
    const kept = lineage.find((relative) => relative.key === key);
    const alike = score && measuredOn(measured, curve, score.windows);
    const atExport = nllAtExport(model.madeFrom);
    const speeds = [...(kept?.speeds.values() ?? [])];
    const source = originalOf(speeds);
    const own = speeds.findLast(
      (one) => one.removed.join() === removed.join() && (one.dtype ?? null) === dtype,
    )?.result.pruned;
    const now = originalOf(known.values());
    const gone = wholeBlocks(removed);
    return {
      nll: {
        source: score?.baseline.nll ?? kept?.curve?.result.baseline.nll ?? null,
        atExport,
        now: alike ?? curve?.result.baseline.nll ?? null,
      },
      bytes: {
        source: kept?.fileBytes ?? source?.info.fileBytes ?? null,
        atExport: writtenBytes(own, model.madeFrom),
        now: model.summary.bytes,
      },
      speed: {
        source: source?.speed.throughput.mean ?? null,
        atExport: own?.speed.throughput.mean ?? null,
        now: now?.speed.throughput.mean ?? null,
      },
      changed: alike !== null && atExport !== null && Math.abs(alike - atExport) > CHANGED_NATS,
      kept: kept && { name: kept.name, savedAt: kept.savedAt, speeds: kept.speeds.size },
      sameWindows: !score || !curve || alike !== null,
      folder: folders.find((one) => one.model === key)?.id ?? null,
      blocks: Array.from({ length: numBlocks }, (_, block) => block).filter(
        (block) => !gone.includes(block),
      ),
    };
  },
);
