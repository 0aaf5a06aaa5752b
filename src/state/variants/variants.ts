// The variants of this session as rows: every plan with a measured perplexity or speed.

import { paretoFront } from '../../analysis/pareto.ts';
import type { KeptHealing } from '../../contract/heal.ts';
import type { KeptQuantisation } from '../../contract/quantise.ts';
import type { SpeedSettings, VariantMeasure } from '../../contract/speed.ts';
import { sourceFormat } from '../../model/open/made.ts';
import { planSize } from '../../model/open/size.ts';
import { blocksLeft, type Unit } from '../../units.ts';
import { AS_PRUNED, HEALED, healedWords } from '../../words/healing.ts';
import { activeQuantisation } from '../effect/steps.ts';
import { healingOf } from '../heal/state.ts';
import { derive } from '../memo.ts';
import { modelOf } from '../open/selectors.ts';
import { countSublayers } from '../plan/unitWords.ts';
import { quantisingWords } from '../quantise/selectors.ts';
import { quantisationOf } from '../quantise/state.ts';
import { measuredPlans } from '../search/measured.ts';
import { isPredictable, predict, sides } from '../speed/prediction.ts';
import { protocolWords } from '../speed/settings.ts';
import type { Measured } from '../speed/state.ts';
import type { StudioState } from '../state.ts';
import { type TasksMean, tasksMeans } from '../tasks/means.ts';
import { defaultName, healingOfKey, quantisedOfKey, removedOf, variantKey } from './names.ts';
import { commonest, type Rebased, rebase, speedsOf, wayOf } from './speeds.ts';

export interface VariantRow {
  /** Units, healing and quantisation as `variantKey` joins them; '' is the original. */
  key: string;
  removed: readonly Unit[];
  /** Null: with the weights of the source. */
  healing: KeptHealing | null;
  /** Null: with weights as they are, and where the quantisation is gone. */
  quantised: KeptQuantisation | null;
  name: string;
  blocks: number;
  /** Mean NLL on the windows of the current curve, nats per token; null while unknown. */
  nll: number | null;
  /**
   * Its speed is that of the pruned plan: merged weights are as many and as large, but its own
   * bytes were not run.
   */
  speedIsOfPruned: boolean;
  /** The newest measurement of its speed, with what it was measured with. */
  measure: VariantMeasure | null;
  settings: SpeedSettings | null;
  /**
   * Mean throughput over the original's of the same measurement: what slows the machine as a whole
   * cancels. Null for the original.
   */
  gain: number | null;
  /** 95 % interval of the gain; null where there is no gain. */
  ci95: readonly [number, number] | null;
  /** Its speeds on one original, the newest that was measured in the same way: see `rebase`. */
  rebased: Rebased | null;
  /** "quick: 2 + 5 runs, …"; '' without a measurement. */
  protocol: string;
  /**
   * Tokens/s predicted by the line through the others that are measured in the most common way,
   * while it is not measured.
   */
  predicted: number | null;
  /** The gain over the original that goes with it. */
  predictedGain: number | null;
  /**
   * Bytes of graph and data: of the measured export, else computed from the structure; null where
   * nothing is known of another folder.
   */
  fileBytes: number | null;
  /**
   * Its mean accuracy over zero-shot tasks; null while unknown, and where it answered other rows
   * than most.
   */
  tasks: TasksMean | null;
  /** The current plan. */
  present: boolean;
  pinned: boolean;
  /** No listed variant of the same protocol and device is both faster and better. */
  onFront: boolean;
  /** Another folder of the lineage; null for variants of the open one. */
  folder: FolderOfRow | null;
}

/** A folder that the open one has an ancestor in common with. */
export interface FolderOfRow {
  name: string;
  /** `at-export`: what the open folder was when it was written. */
  relation: 'source' | 'at-export' | 'relative';
  /** What it was made from; null where that is not known. */
  origin: string | null;
  /** Its key, by which its folder is found among the recent ones; null where it cannot be. */
  model: string | null;
}

/** The variant that the plan is now. */
export const planVariant = (state: StudioState): string => {
  const { removed, healing } = state.plan.present;
  return variantKey(removed, healing, activeQuantisation(state)?.key);
};

interface Shelves {
  heal: Pick<StudioState['heal'], 'shelf'>;
  quantise: Pick<StudioState['quantise'], 'shelf'>;
}

/**
 * "−4: 2, 7, 8, 9, refitted, 4 bits (GPTQ)"; what is gone is named in general: "−4: 2, 7, 8, 9,
 * healed".
 */
export function nameOfVariant({ heal, quantise }: Shelves, key: string): string {
  const id = healingOfKey(key);
  const healing = healingOf(heal, id);
  const healed = id === undefined ? '' : HEALED;
  return [
    defaultName(removedOf(key)),
    healing ? healedWords(healing.methods) : healed,
    quantisingWords({ quantise }, quantisedOfKey(key)),
  ]
    .filter((word) => word !== '')
    .join(', ');
}

/** How the speed of a row was measured, in words; null while it is not. */
export function wayOfRow({ key, measure, settings, gain }: VariantRow): string | null {
  return measure && settings ? wayOf(measure, settings, key === '' || gain !== null) : null;
}

/** The gain of a row as it is plotted and sorted: the original's own is 1. */
export const gainOf = ({ key, measure, gain }: VariantRow): number | null =>
  key === '' && measure ? 1 : gain;

/**
 * The ways in which speeds of the table were measured; first the one that most rows with a
 * perplexity share: it is plotted.
 */
export function waysOf(rows: readonly VariantRow[]): string[] {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const way = wayOfRow(row);
    // A row that can be plotted counts more than any number that cannot.
    if (way !== null)
      counts.set(way, (counts.get(way) ?? 0) + (row.nll === null ? 1 : rows.length));
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([way]) => way);
}

/** The newest measurement made in that way. */
function madeLike(known: Iterable<Measured>, way: string | undefined): Measured | null {
  return (
    [...known].findLast((one) =>
      sides(one).some((side) => wayOf(side, one.result.settings, true) === way),
    ) ?? null
  );
}

/** The original first, then by number of removed blocks. */
export const variantRows = derive(
  (state: StudioState) => [
    modelOf(state),
    planVariant(state),
    state.score.curve,
    state.effect.known,
    state.speed.known,
    state.variants,
    measuredPlans(state),
    tasksMeans(state),
    state.heal.shelf,
    state.quantise.shelf,
  ],
  (model, present, curve, effects, known, variants, measured, tasks, ...shelves): VariantRow[] => {
    const [shelf, quantisations] = shelves;
    const means = tasks?.means ?? new Map<string, TasksMean>();
    const both = { heal: { shelf }, quantise: { shelf: quantisations } };
    const { names, kept, hidden, pinned } = variants;
    if (!model) return [];
    const nlls = new Map<string, number>();
    if (curve) nlls.set('', curve.result.baseline.nll);
    // Perplexities of another curve are on other windows.
    for (const [key, result] of effects)
      if (curve && key.startsWith(`${curve.id}|`))
        nlls.set(variantKey(result.removed, result.healing, result.quantised), result.nll);
    const { plans, originals } = speedsOf(known.values());
    const main = commonest([...plans.values()].map(({ way }) => way));
    const original = originals.get(main ?? '') ?? [...originals.values()].at(-1);
    const speeds = new Map(original ? [['', original], ...plans] : plans);
    const keys = new Set(['', ...kept, ...nlls.keys(), ...speeds.keys(), ...means.keys(), present]);
    const rows = [...keys]
      .filter((key) => !hidden.has(key) || key === present)
      .map((key): VariantRow => {
        const removed = removedOf(key);
        const own = speeds.get(key) ?? null;
        const few = quantisedOfKey(key);
        const quantised = quantisationOf(both.quantise, few);
        // Healed weights are as many and as large; those of few bits are not.
        const asPruned = few === undefined ? speeds.get(variantKey(removed)) : undefined;
        const speed = own ?? asPruned ?? null;
        const blocks = blocksLeft(model.summary.numBlocks, removed);
        // Of tensor files the graph that was made of them was run: their own size is another one.
        const isMade = sourceFormat(model.summary) !== null && few === undefined;
        return {
          key,
          removed,
          healing: healingOf({ shelf }, healingOfKey(key)),
          quantised,
          name: names.get(key) ?? nameOfVariant(both, key),
          blocks,
          // The search and the goal measure plans that nobody has looked at.
          nll: nlls.get(key) ?? measured.get(key)?.nll ?? null,
          speedIsOfPruned: own === null && speed !== null,
          measure: speed?.measure ?? null,
          settings: speed?.settings ?? null,
          gain: speed?.gain?.ratio ?? null,
          ci95: speed?.gain?.ci95 ?? null,
          rebased: speed && rebase(speed, originals.get(speed.way)?.measure),
          protocol: speed ? `${protocolWords(speed.settings)}${own ? '' : `, ${AS_PRUNED}`}` : '',
          predicted: null,
          predictedGain: null,
          fileBytes:
            (isMade ? null : speed?.measure.info.fileBytes) ??
            quantised?.bytes ??
            planSize(model.summary, removed).bytes,
          tasks: means.get(key) ?? null,
          present: key === present,
          pinned: pinned.includes(key),
          onFront: false,
          folder: null,
        };
      });
    const front = frontOf(rows);
    const like = madeLike(known.values(), waysOf(rows)[0]);
    const predictionOf = (row: VariantRow) => {
      const found =
        row.measure || !like || !isPredictable(row.removed) || quantisedOfKey(row.key) !== undefined
          ? null
          : predict(known.values(), like, row.blocks);
      return {
        predicted: found?.tokensPerSecond ?? null,
        predictedGain: found?.gain ?? null,
      };
    };
    return rows
      .map((row) => ({ ...row, ...predictionOf(row), onFront: front.has(row.key) }))
      .sort(
        (a, b) =>
          countSublayers(a.removed) - countSublayers(b.removed) ||
          a.key.localeCompare(b.key, 'en', { numeric: true }),
      );
  },
);

/** Keys of the front, among the variants that are comparable with the newest one. */
function frontOf(rows: readonly VariantRow[]): Set<string> {
  const points = plottable(rows).map((row) => ({
    key: row.key,
    nll: row.nll!,
    speed: gainOf(row)!,
  }));
  return new Set(paretoFront(points).map(({ key }) => key));
}

/** Rows with perplexity and gain, measured in the most common way. */
export function plottable(rows: readonly VariantRow[]): VariantRow[] {
  const [way] = waysOf(rows);
  return rows.filter((row) => hasPoint(row) && gainOf(row) !== null && wayOfRow(row) === way);
}

/** A plan may be off the scale; an original that gives no numbers is nowhere on it. */
const hasPoint = ({ key, nll }: VariantRow): boolean =>
  nll !== null && (key !== '' || Number.isFinite(nll));

/** Rows with a perplexity whose speed is only predicted. */
export function predictedRows(rows: readonly VariantRow[]): VariantRow[] {
  return rows.filter((row) => hasPoint(row) && row.predictedGain !== null);
}
