// What is known of the model beside the curve, as an export records it. The one place that gathers
// it; computes no score.

import { criterionOrder } from '../../analysis/criteriaComparison.ts';
import { CRITERIA, type CriterionOptions } from '../../analysis/criteriaTable.ts';
import { recordedOptions, recordName } from '../../analysis/criterion.ts';
import type { RecordedSettings, SublayersResult } from '../../contract/score.ts';
import type { CriterionRecord, StudyRecord } from '../../model/export/provenanceStudy.ts';
import { sublayerUnit } from '../../units.ts';
import { optionsOf, type RecordedCriterion, recordedCriteria } from '../criteria/selectors.ts';
import { evaluationRecords } from '../evaluate/selectors.ts';
import { searchRecord } from '../search/selectors.ts';
import type { StudyRunResult, TaylorRunResult } from '../stability/state.ts';
import type { StudioState } from '../state.ts';
import { currentSublayers } from '../sublayers/selectors.ts';
import { tasksRecords } from '../tasks/record.ts';

/**
 * Blocks without a score (they cannot be removed, or no window begins there) are no units of the
 * record.
 */
function ofBlocks({ name, scores, isRanking }: RecordedCriterion): CriterionRecord {
  const units = [...scores.keys()].filter((block) => !Number.isNaN(scores[block]!));
  return {
    name,
    units,
    scores: units.map((block) => scores[block]!),
    order: isRanking ? criterionOrder(scores) : [],
  };
}

function criteriaRecords(state: StudioState): CriterionRecord[] {
  const criteria = recordedCriteria(state);
  const ofCurve = criteria.filter(({ criterion }) => criterion.needs === 'curve');
  const others = criteria.filter(({ criterion }) => criterion.needs !== 'curve');
  const sublayers = currentSublayers(state);
  return [
    ...ofCurve.map(ofBlocks),
    ...(sublayers ? [ofSublayers(sublayers)] : []),
    ...others.flatMap((one) => [ofBlocks(one), ...ofParts(one)]),
    ...state.stability.runs.map(({ result }) => ofRun(result)),
    ...state.stability.taylorRuns.flatMap(({ result }) => ofTaylorRun(result, optionsOf(state))),
  ];
}

/** The sublayers by a criterion that scores them; those that cannot be told apart are missing. */
function ofParts({ name, sublayers }: RecordedCriterion): CriterionRecord[] {
  if (!sublayers) return [];
  const all = (['attention', 'ffn'] as const).flatMap((which) =>
    sublayers[which].map((score, block) => ({
      unit: sublayerUnit(block, which === 'ffn' ? 'ffn' : 'attn'),
      score,
    })),
  );
  const known = all.filter((one): one is typeof one & { score: number } => one.score !== null);
  const ordered = criterionOrder(known.map(({ score }) => score));
  return [
    {
      name: `${name}-parts`,
      units: known.map(({ unit }) => unit),
      scores: known.map(({ score }) => score),
      order: ordered.map((k) => known[k]!.unit),
    },
  ];
}

const ofSublayers = ({ parts, order }: SublayersResult): CriterionRecord => ({
  name: 'ppl-parts',
  units: parts.map(({ unit }) => unit),
  scores: parts.map(({ nll }) => nll),
  order,
});

const ofSettings = ({ samples, length, seed, text }: RecordedSettings): string =>
  `${samples}x${length}-seed-${seed}-${text}`;

const TAYLOR = CRITERIA.find(({ name }) => name === 'taylor')!;

/** A run of the calibration study of Taylor, under each choice of its option. */
const ofTaylorRun = (
  { data, settings }: TaylorRunResult['result'],
  chosen: CriterionOptions,
): CriterionRecord[] =>
  recordedOptions(TAYLOR, chosen).map((options) =>
    ofBlocks({
      criterion: TAYLOR,
      isRanking: true,
      sublayers: null,
      name: `${recordName(TAYLOR, options)}-${ofSettings(settings)}`,
      scores: TAYLOR.scores(data, options),
    }),
  );

/** A run of the calibration study: perplexity on other windows. */
function ofRun({ blocks, order, settings }: StudyRunResult['result']): CriterionRecord {
  const known = blocks.filter(({ refused }) => refused === undefined);
  return {
    name: `ppl-${ofSettings(settings)}`,
    units: known.map(({ index }) => index),
    scores: known.map(({ nll }) => nll),
    order,
  };
}

/** Undefined when there is nothing beside the curve. */
export function studyRecord(state: StudioState): StudyRecord | undefined {
  const tasks = tasksRecords(state);
  const record: StudyRecord = {
    criteria: criteriaRecords(state),
    search: searchRecord(state),
    evaluations: evaluationRecords(state),
    ...(tasks.length > 0 ? { tasks } : {}),
  };
  const isEmpty = Object.values(record).every((part) => part.length === 0);
  return isEmpty ? undefined : record;
}
