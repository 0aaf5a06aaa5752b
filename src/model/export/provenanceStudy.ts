// The studies that espalier.json keeps beside the curve: criteria, search path, evaluations, scores
// of zero-shot tasks.

import type { Unit } from '../../units.ts';
import { block, type Field, unit } from './provenanceCheck.ts';
import { readTasks, type TasksRecord } from './provenanceTasks.ts';

/** One criterion with its order; `scores` per unit in the order of `units`. */
export interface CriterionRecord {
  /**
   * A criterion of analysis/criteriaTable.ts with its option, as `recordName` writes it: "ppl",
   * "mag-l1-norms", "angular-3"; "ppl-parts" and "taylor-parts" for sublayers.
   */
  name: string;
  units: Unit[];
  scores: number[];
  /** Least important first. */
  order: Unit[];
}

/** PPL of a plan on a text of its own, with everything needed to repeat it. */
export interface EvaluationRecord {
  text: string;
  textSha256: string;
  removed: Unit[];
  /** Id of the healing that the plan was evaluated with; absent without one. */
  healing?: string;
  segment: number;
  stride: number | null;
  bos: 'none' | 'every';
  segments: number;
  predicted: number;
  /** Nats; infinite values are null in the file. */
  originalNll: number;
  /** Null when nothing is removed, as the two below. */
  planNll: number | null;
  top1Agreement: number | null;
  klDivergence: number | null;
}

/** What a study of the model found beside the curve. */
export interface StudyRecord {
  criteria: CriterionRecord[];
  /** The removals of the iterative search in order, NLL in nats after each. */
  search: { block: number; nll: number }[];
  evaluations: EvaluationRecord[];
  /** Runs over zero-shot tasks, newest first; absent without any. */
  tasks?: TasksRecord[];
}

/** @throws EspalierError `bad-input` naming the first field that is not as expected. */
export function readStudy(field: Field, numBlocks: number): StudyRecord {
  const tasks = field
    .at('tasks')
    .optional((runs) => runs.list((item) => readTasks(item, numBlocks)));
  return {
    criteria: field.at('criteria').list((item) => readCriterion(item, numBlocks)),
    search: field.at('search').list((step) => ({
      block: block(numBlocks)(step.at('block')),
      nll: step.at('nll').numberOrInfinity(),
    })),
    evaluations: field.at('evaluations').list((item) => readEvaluation(item, numBlocks)),
    ...(tasks ? { tasks } : {}),
  };
}

function readCriterion(field: Field, numBlocks: number): CriterionRecord {
  const units = field.at('units').list(unit(numBlocks));
  const scores = field.at('scores').list((score) => score.numberOrInfinity());
  if (scores.length !== units.length)
    field.at('scores').fail(`one number for each of ${units.length} units`);
  const order = field.at('order').list(unit(numBlocks));
  if (order.some((one) => !units.includes(one)) || new Set(order).size < order.length)
    field.at('order').fail('some of the units, each once');
  return { name: field.at('name').string(), units, scores, order };
}

function readEvaluation(field: Field, numBlocks: number): EvaluationRecord {
  const removed = field.at('removed').list(unit(numBlocks));
  const healing = field.at('healing').optional((id) => id.string());
  // Null is no plan, or a plan whose value is infinite.
  const ofPlan = (key: string): number | null =>
    removed.length === 0 ? null : field.at(key).numberOrInfinity();
  return {
    text: field.at('text').string(),
    textSha256: field.at('textSha256').string(),
    removed,
    ...(healing !== null && { healing }),
    segment: field.at('segment').count(),
    stride: field.at('stride').optional((stride) => stride.count()),
    bos: field.at('bos').oneOf(['none', 'every']),
    segments: field.at('segments').count(),
    predicted: field.at('predicted').count(),
    originalNll: field.at('originalNll').numberOrInfinity(),
    planNll: ofPlan('planNll'),
    top1Agreement: field.at('top1Agreement').optional((share) => share.number()),
    klDivergence: ofPlan('klDivergence'),
  };
}
