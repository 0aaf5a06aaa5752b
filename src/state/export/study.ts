// What was found out about the model beside the curve, as an export records it. The one place that
// gathers it; computes no score.

import { criterionOrder } from '../../analysis/criteria.ts';
import type { CriterionRecord, StudyRecord } from '../../model/export/provenanceStudy.ts';
import { hiddenInForce, knownCriteria, spanOf } from '../criteria/selectors.ts';
import type { StudyRunResult } from '../criteria/state.ts';
import { evaluationRecords } from '../evaluate/selectors.ts';
import { currentSublayers } from '../score/sublayerSelectors.ts';
import { searchRecord } from '../search/selectors.ts';
import type { StudioState } from '../state.ts';

/**
 * Blocks without a score (they cannot be left out, or no window begins there) are no units of the
 * record.
 */
function ofBlocks(name: string, scores: readonly number[]): CriterionRecord {
  const units = [...scores.keys()].filter((block) => !Number.isNaN(scores[block]!));
  return {
    name,
    units,
    scores: units.map((block) => scores[block]!),
    order: criterionOrder(scores),
  };
}

function criteriaRecords(state: StudioState): CriterionRecord[] {
  const { magnitudes } = state.criteria;
  const hidden = hiddenInForce(state);
  const ppl = knownCriteria(state).find(({ name }) => name === 'ppl');
  const parts = currentSublayers(state);
  const records = ppl ? [ofBlocks('ppl', ppl.scores)] : [];
  if (parts) {
    const { order } = parts;
    records.push({
      name: 'ppl-parts',
      units: parts.parts.map(({ unit }) => unit),
      scores: parts.parts.map(({ nll }) => nll),
      order,
    });
  }
  if (magnitudes)
    for (const power of ['l1', 'l2'] as const)
      records.push(
        ofBlocks(`mag-${power}`, magnitudes[power]),
        ofBlocks(`mag-${power}-norms`, magnitudes[`${power}WithNorms`]),
      );
  if (hidden) {
    records.push(ofBlocks('block-influence', hidden.blockInfluence));
    for (const n of new Set([1, spanOf(state)]))
      records.push(ofBlocks(`angular-${n}`, hidden.angular[n - 1] ?? []));
  }
  for (const { result } of state.stability.runs) records.push(ofRun(result));
  return records;
}

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
