// What an iterative search writes down: the steps it has finished, and how far the running one is.

import type { Measure } from '../../contract/score.ts';
import type { SearchStep } from '../../contract/search.ts';
import { isJsonObject } from '../../json.ts';

/** Where an interrupted search was. */
export interface SearchBody {
  baseline: Measure | null;
  steps: SearchStep[];
  /** The checkpoint of the step that ran: a body of leave-one-out, or null. */
  inner: unknown;
}

/** The body if it is that of a search on a model of so many blocks, else null. */
export function readSearchBody(body: unknown, numBlocks: number): SearchBody | null {
  if (
    !isJsonObject(body) ||
    !Array.isArray(body.steps) ||
    !(body.baseline === null || isMeasure(body.baseline))
  )
    return null;
  const isBlock = (value: unknown): value is number =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < numBlocks;
  const isStep = (step: unknown): step is SearchStep =>
    isJsonObject(step) &&
    isBlock(step.block) &&
    isMeasure(step.measure) &&
    typeof step.seconds === 'number' &&
    Array.isArray(step.candidates) &&
    step.candidates.every(
      (one: unknown) => isJsonObject(one) && isBlock(one.block) && typeof one.nll === 'number',
    );
  const steps = body.steps.filter(isStep);
  if (steps.length < body.steps.length || (steps.length > 0 && body.baseline === null)) return null;
  return { baseline: body.baseline, steps, inner: body.inner };
}

function isMeasure(value: unknown): value is Measure {
  return (
    isJsonObject(value) &&
    typeof value.nll === 'number' &&
    (value.ppl === null || typeof value.ppl === 'number') &&
    Array.isArray(value.nllPerWindow) &&
    value.nllPerWindow.every((nll) => typeof nll === 'number')
  );
}
