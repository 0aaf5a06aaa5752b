// Criteria on the command line: how they are asked for, measured and reported.

import { type BlockWindow, bestWindow, criterionOrder } from '../analysis/criteriaComparison.ts';
import {
  CRITERIA,
  type Criterion,
  type CriterionName,
  type CriterionOptions,
  isMeasured,
} from '../analysis/criteriaTable.ts';
import { isOnWindows, type KnownCriterion, known } from '../analysis/criterion.ts';
import { hasNumbers, pplWords } from '../analysis/perplexity.ts';
import type { Measure, ScoreResult, SublayersResult } from '../contract/score.ts';
import type { OpenedModel } from '../model/open/open.ts';
import { unitsObstacle } from '../model/structure/removable.ts';
import { measureSource, type SourceContext } from '../runtime/criteria/sources.ts';
import { blockOf, type Sublayer, sublayerUnit, type Unit } from '../units.ts';
import { UsageError } from './args.ts';
import type { Options } from './options.ts';
import { megabytes, showProgress } from './output.ts';

/** Criteria that can be computed here; others are read from files. */
const COMPUTED: readonly Criterion[] = CRITERIA.filter(
  ({ needs }) => needs === 'curve' || isMeasured(needs),
);

const NAMES: readonly CriterionName[] = COMPUTED.map(({ name }) => name);

const named = (criteria: readonly Criterion[], word: 'and' | 'or'): string =>
  criteria.map(({ name }) => name).join(` ${word} `);

/** "mag-l1 or mag-l2" */
const withOption = (option: keyof CriterionOptions): string =>
  named(
    COMPUTED.filter((one) => one.option === option),
    'or',
  );

/** Criteria that score sublayers: "ppl or taylor". */
export const OF_SUBLAYERS = named(
  COMPUTED.filter((one) => one.needs === 'curve' || one.sublayerScores),
  'or',
);

/** Criteria that need no windows: "mag-l1 and mag-l2". */
export const OF_WEIGHTS = named(
  COMPUTED.filter((one) => !isOnWindows(one)),
  'and',
);

export const CRITERION_OPTIONS = {
  criterion: {
    type: 'choice',
    value: 'name',
    choices: NAMES,
    default: 'ppl',
    help: 'what scores a block',
  },
  norms: { type: 'flag', help: `count norm weights; ${withOption('norms')} only` },
} as const satisfies Options;

export const CONTIGUOUS_OPTION = {
  contiguous: {
    type: 'whole',
    min: 1,
    default: 1,
    value: 'n',
    help: `score every n contiguous blocks; ${withOption('span')} only`,
  },
} as const satisfies Options;

/** The criterion that is asked for, with its options. @throws UsageError */
export function readCriterion(
  values: { criterion: CriterionName; norms: boolean; contiguous?: number },
  given: ReadonlySet<string>,
): { criterion: Criterion; options: CriterionOptions } {
  const criterion = COMPUTED.find(({ name }) => name === values.criterion)!;
  const words = { norms: 'norms', span: 'contiguous' } as const;
  for (const option of ['norms', 'span'] as const)
    if (given.has(words[option]) && criterion.option !== option)
      throw new UsageError(`--${words[option]} needs --criterion ${withOption(option)}.`);
  return { criterion, options: { norms: values.norms, span: values.contiguous ?? 1 } };
}

/**
 * Measures what a criterion needs. @throws EspalierError as `measureSource`, `ScoreSession.score`
 */
export async function measureCriterion(
  criterion: Criterion,
  context: Pick<SourceContext, 'opened' | 'onWindows'>,
): Promise<KnownCriterion & Pick<CriterionReport, 'bytesRead' | 'warnings'>> {
  const { needs } = criterion;
  if (isMeasured(needs)) {
    const { data, ...found } = await measureSource(needs, {
      ...context,
      onProgress: showProgress,
    });
    return { ...known(criterion, data), ...found };
  }
  const { session, windows } = await context.onWindows();
  const curve = await session.score(windows, undefined, (event) => {
    if (event.type === 'progress') showProgress(event.progress);
  });
  return { ...known(criterion, curve), ...(curve.warnings && { warnings: curve.warnings }) };
}

/** What `--unit` asks for. */
export type UnitName = 'block' | 'attention' | 'ffn';

/** Scores by a criterion other than perplexity; low = safe to remove. */
export interface CriterionReport {
  criterion: CriterionName;
  /** The sublayer that `scores` are of; absent for whole blocks. */
  unit?: Sublayer;
  /** Of criteria from a gradient: the mean NLL in nats that it is of. */
  loss?: number;
  /**
   * By block. With `contiguous` n above 1: of the n blocks from each block on, N - n + 1 of them.
   * Null for a sublayer that cannot be told apart.
   */
  scores: readonly (number | null)[];
  /**
   * Blocks (with `contiguous` above 1 the first block of each window) or sublayers, lowest score
   * first; those that cannot be removed are missing. Empty where the model gave no numbers.
   */
  order: Unit[];
  /** Why it did not, in sentences. */
  warnings?: string[];
  seconds: number;
  /** Of criteria that have the option. */
  norms?: boolean;
  /** Of criteria that read weights by themselves. */
  bytesRead?: number;
  /** Of criteria that remove neighbours. */
  contiguous?: number;
  best?: BlockWindow | null;
}

export async function scoreByCriterion(
  criterion: Criterion,
  options: CriterionOptions,
  unit: UnitName,
  context: Pick<SourceContext, 'opened' | 'onWindows'>,
): Promise<Omit<CriterionReport, 'seconds'>> {
  const found = await measureCriterion(criterion, context);
  const { spans, bytesRead, isRanking, warnings, loss } = found;
  const scores =
    unit === 'block' ? found.scores(options) : (found.sublayerScores?.(options, unit) ?? []);
  const stays = unit === 'block' ? fixed(context.opened) : fixedSublayers(context.opened, unit);
  const count = criterion.contiguous ? options.span : 1;
  const blocked = [...scores.keys()].filter((first) =>
    stays.some((block) => block >= first && block < first + count),
  );
  const order = isRanking
    ? criterionOrder(
        scores.map((score) => score ?? Number.NaN),
        blocked,
      )
    : [];
  return {
    criterion: criterion.name,
    ...(unit !== 'block' && { unit: SUBLAYERS[unit] }),
    ...(criterion.option === 'norms' && { norms: options.norms }),
    ...(loss !== undefined && { loss }),
    ...(criterion.contiguous && { contiguous: count }),
    scores,
    order: unit === 'block' ? order : order.map((block) => sublayerUnit(block, SUBLAYERS[unit])),
    ...(criterion.contiguous && { best: spans && bestWindow(spans, count, stays) }),
    ...(warnings && { warnings }),
    ...(bytesRead !== undefined && { bytesRead }),
  };
}

/** Blocks that cannot be removed. */
function fixed({ structure }: OpenedModel): number[] {
  return structure.blocks
    .filter(({ unremovable }) => unremovable !== null)
    .map(({ index }) => index);
}

export const SUBLAYERS = { attention: 'attn', ffn: 'ffn' } as const;

/** Blocks whose sublayer cannot be removed alone. */
function fixedSublayers({ summary, structure }: OpenedModel, unit: 'attention' | 'ffn'): number[] {
  return [...structure.blocks.keys()].filter(
    (block) => unitsObstacle(summary.blocks, [sublayerUnit(block, SUBLAYERS[unit])]) !== null,
  );
}

const windowsOf = ({ windows, device }: Pick<ScoreResult, 'windows' | 'device'>): string =>
  `${windows.length} windows of ${windows[0]?.length ?? 0} tokens on ${device.name}`;

export function curveLines(
  report: ScoreResult & { plan?: Measure & { removed: readonly unknown[] } },
): string[] {
  const { baseline, blocks, order, plan, warnings = [] } = report;
  const ppl = (of: Measure): string =>
    hasNumbers(baseline) ? pplWords(of.ppl, 5) : pplInWords(of);
  const lines = [
    ...warnings,
    `PPL ${pplInWords(baseline)}, ${windowsOf(report)}`,
    ...orderLines(order),
  ];
  if (!hasNumbers(baseline)) {
    const sound = blocks.filter((one) => !one.refused && hasNumbers(one));
    lines.push(
      sound.length > 0
        ? `numbers come back without block ${sound.map(({ index }) => index).join(', or ')}`
        : 'no numbers without any single block either',
    );
  }
  return plan ? [...lines, `PPL ${ppl(plan)} without ${plan.removed.join(', ')}`] : lines;
}

export function sublayersLines(report: SublayersResult): string[] {
  return [
    ...(report.warnings ?? []),
    `PPL ${pplInWords(report.baseline)}, ${windowsOf(report)}`,
    ...orderLines(report.order),
  ];
}

/** Of a model that may give none: what is no number is never "off the scale". */
export const pplInWords = (measure: Measure): string =>
  hasNumbers(measure) ? pplWords(measure.ppl, 5) : 'is not a number';

const orderLines = (order: readonly unknown[]): string[] =>
  order.length > 0 ? [`remove first: ${order.join(', ')}`] : [];

export function criterionLines({
  criterion,
  order,
  scores,
  contiguous = 1,
  best,
  norms,
  bytesRead,
  warnings = [],
}: CriterionReport): string[] {
  if (warnings.length > 0 && order.length === 0) return warnings;
  const of =
    bytesRead === undefined
      ? ''
      : ` over linear matrices${norms ? ' and norm vectors' : ''}, ` +
        `${megabytes(bytesRead)} read`;
  const [first] = order;
  const lowest = scores[first === undefined ? 0 : blockOf(first)] ?? Number.NaN;
  const lines = [...warnings, `${criterion}${of}: ${lowest.toPrecision(5)} at the lowest`];
  if (contiguous === 1) return [...lines, ...orderLines(order)];
  const last = best ? best.first + best.count - 1 : 0;
  return [
    ...lines,
    best
      ? `best ${contiguous} contiguous blocks: ${best.first} to ${last}`
      : `no ${contiguous} contiguous blocks can be removed`,
  ];
}
