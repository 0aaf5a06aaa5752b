// Evaluations as the page shows them: what Evaluate would ask for, why it may not, and whether
// numbers are of the current plan.

import type { EvaluateResult, PageEvaluateRequest } from '../../contract/evaluate.ts';
import type { EvaluationRecord } from '../../model/export/provenanceStudy.ts';
import { RESULT } from '../../words/result.ts';
import { engineObstacle } from '../jobs.ts';
import { derive } from '../memo.ts';
import type { OpenModel } from '../open/state.ts';
import type { Plan } from '../plan/plan.ts';
import type { StudioState } from '../state.ts';
import type { EvaluateForm } from './state.ts';

/** Tokens of a segment in the paper. */
const PAPER = 128;
/** Longer segments compare with no published number. */
const LONGEST = 2048;

/** Most tokens of a segment: what the model takes, at most 2048. */
export function longestSegment(model: OpenModel | null): number {
  return Math.min(LONGEST, model?.summary.contextLength ?? LONGEST);
}

/** Segment and stride in tokens that the form means for this model. */
export function segmentsOf(
  form: EvaluateForm,
  model: OpenModel | null,
): { segment: number; stride: number | null } {
  const longest = longestSegment(model);
  if (form.protocol === 'paper') return { segment: Math.min(PAPER, longest), stride: null };
  const segment = form.segment ?? longest;
  return { segment, stride: form.stride ?? Math.max(1, Math.floor(segment / 2)) };
}

/** What Evaluate would ask for now; null without a model. */
export const evaluateRequest = derive(
  (state: StudioState) => [
    state.model.current,
    state.evaluate.form,
    state.plan.present,
    state.score.settings.device,
    state.score.settings.budgetBytes,
  ],
  (model, form, { removed, healing }, device, budgetBytes): PageEvaluateRequest | null => {
    if (!model) return null;
    const { text, bos, maxSegments } = form;
    return {
      removed: [...removed],
      ...(healing !== undefined && { healing }),
      text,
      ...segmentsOf(form, model),
      bos,
      maxSegments,
      device,
      budgetBytes,
    };
  },
);

/** Why nothing can be evaluated now, or null. */
export function evaluateObstacle(state: StudioState): string | null {
  const { current } = state.model;
  const request = evaluateRequest(state);
  if (!current || !request) return 'No model is open.';
  if (!current.summary.canScore) return RESULT.noPerplexity;
  if (!current.hasTokenizer) return 'A text needs a tokenizer, and this folder has none.';
  const busy = engineObstacle(state);
  if (busy !== null) return busy;
  const { open, text } = state.drafts.evaluation;
  if (open && text.trim() === '') return 'Paste a text, or choose another one.';
  const { segment, stride } = request;
  const longest = longestSegment(current);
  if (segment < 2 || segment > longest)
    return `A segment may have 2 to ${longest} tokens here, not ${segment}.`;
  return stride !== null && stride > segment
    ? `The stride may be at most the ${segment} tokens of a segment, not ${stride}.`
    : null;
}

/** The numbers that are shown: those of the run so far, else the last result. */
export const evaluationShown = derive(
  (state: StudioState) => [state.evaluate.running, state.evaluate.shown],
  (
    running,
    shown,
  ): {
    result: EvaluateResult;
    state: 'running' | 'stopped' | 'whole';
    notes: readonly string[];
  } | null => {
    if (running)
      return running.partial && { result: running.partial, state: 'running', notes: running.notes };
    return (
      shown && {
        result: shown.result,
        state: shown.whole ? 'whole' : 'stopped',
        notes: shown.notes,
      }
    );
  },
);

/** True for numbers of this plan with its healing. */
export const isOfPlan = (
  { removed, healing }: Pick<EvaluateResult, 'removed' | 'healing'>,
  plan: Plan,
): boolean => removed.join() === plan.removed.join() && healing === plan.healing;

/** True when the shown numbers are of another plan than the current one. */
export function isStaleEvaluation(state: StudioState): boolean {
  const shown = evaluationShown(state);
  return shown !== null && !isOfPlan(shown.result, state.plan.present);
}

/** "517 segments × 128 tokens, no BOS": what a perplexity of a text must never stand without. */
export function protocolWords({ segments, segment, stride, bos }: EvaluateResult): string {
  const plural = segments === 1 ? '' : 's';
  const count = `${segments.toLocaleString('en')} segment${plural} × ${segment} tokens`;
  return (
    `${count}${stride === null ? '' : `, stride ${stride}`}, ` +
    `${bos === 'every' ? 'BOS in each' : 'no BOS'}`
  );
}

/**
 * Evaluations as an export records them, newest first; those that were stopped say by their
 * segments how far they came.
 */
export const evaluationRecords = derive(
  (state: StudioState) => [state.evaluate.results],
  (results): EvaluationRecord[] =>
    results.map(({ result }) => ({
      text: result.text.name,
      textSha256: result.text.sha256,
      removed: result.removed,
      ...(result.healing !== undefined && { healing: result.healing }),
      segment: result.segment,
      stride: result.stride,
      bos: result.bos,
      segments: result.segments,
      predicted: result.predicted,
      originalNll: result.original.nll,
      planNll: result.plan?.nll ?? null,
      top1Agreement: result.top1Agreement,
      klDivergence: result.klDivergence,
    })),
);
