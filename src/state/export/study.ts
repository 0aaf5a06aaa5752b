// What is known of the model beside the curve, as an export records it. The one place that gathers
// it; computes no score.

import { criterionOrder } from '../../analysis/criteriaComparison.ts';
import type { SublayersResult } from '../../contract/score.ts';
import type { CriterionRecord, StudyRecord } from '../../model/export/provenanceStudy.ts';
import { type RecordedCriterion, recordedCriteria } from '../criteria/selectors.ts';
import { evaluationRecords } from '../evaluate/selectors.ts';
import { searchRecord } from '../search/selectors.ts';
import type { StudyRunResult } from '../stability/state.ts';
import type { StudioState } from '../state.ts';
import { currentSublayers } from '../sublayers/selectors.ts';

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
    ...others.map(ofBlocks),
    ...state.stability.runs.map(({ result }) => ofRun(result)),
  ];
}

const ofSublayers = ({ parts, order }: SublayersResult): CriterionRecord => ({
  name: 'ppl-parts',
  units: parts.map(({ unit }) => unit),
  scores: parts.map(({ nll }) => nll),
  order,
});

/** A run of the calibration study: perplexity on other windows. */
function ofRun({ blocks, order, settings }: StudyRunResult['result']): CriterionRecord {
  const { samples, length, seed, text } = settings;
  const known = blocks.filter(({ refused }) => refused === undefined);
  return {
    name: `ppl-${samples}x${length}-seed-${seed}-${text}`,
    units: known.map(({ index }) => index),
    scores: known.map(({ nll }) => nll),
    order,
  };
}

/** Undefined when there is nothing beside the curve. */
export function studyRecord(state: StudioState): StudyRecord | undefined {
  const record: StudyRecord = {
    criteria: criteriaRecords(state),
    search: searchRecord(state),
    evaluations: evaluationRecords(state),
  };
  const isEmpty =
    record.criteria.length === 0 && record.search.length === 0 && record.evaluations.length === 0;
  return isEmpty ? undefined : record;
}
