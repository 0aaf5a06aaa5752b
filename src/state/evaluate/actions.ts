// Perplexity on a text of its own: what to run on, start, follow. A run that is stopped keeps the
// numbers it had; earlier results stay to be compared.

import type { EvaluateEvent, EvaluateResult } from '../../contract/evaluate.ts';
import { EspalierError, isCancelled } from '../../errors.ts';
import { batched } from '../batch.ts';
import type { Context } from '../context.ts';
import { evaluateRequest, evaluationKey, protocolWords, whyNoEvaluating } from './selectors.ts';
import type { Evaluated, EvaluateForm } from './state.ts';

export interface EvaluateActions {
  setEvaluation(fields: { [F in keyof EvaluateForm]?: EvaluateForm[F] }): void;
  /** A dropped, picked or pasted text. Shows an error instead of throwing one. */
  setEvaluationText(name: string, text: string): void;
  takeEvaluationFile(file: File): Promise<void>;
  /** Original and present plan on the text of the form. */
  evaluate(): Promise<void>;
}

/** Earlier results that are kept. */
const MOST = 50;

/** A new result takes the place of an older one of the same thing, unless that came farther. */
function withResult(results: readonly Evaluated[], next: Evaluated): readonly Evaluated[] {
  const key = evaluationKey(next.result);
  const same = results.find(({ result }) => evaluationKey(result) === key);
  if (same && same.result.segments > next.result.segments) return results;
  return [next, ...results.filter((one) => one !== same)].slice(0, MOST);
}

export function makeEvaluateActions(context: Context, onEnd: () => void): EvaluateActions {
  const { api, get, patch } = context;

  function follower(model: unknown) {
    return batched<EvaluateEvent>((batch) => {
      let { running, progress } = get().evaluate;
      if (!running || get().model.current !== model) return;
      for (const event of batch) {
        if (event.type === 'progress') progress = event.progress;
        else if (event.type === 'partial') running = { ...running, partial: event.result };
        else running = { ...running, notes: [...running.notes, event.text] };
      }
      patch('evaluate', { running, progress });
    });
  }

  function keep(result: EvaluateResult, whole: boolean): void {
    const { results, running } = get().evaluate;
    const shown: Evaluated = { result, whole, notes: running?.notes ?? [] };
    patch('evaluate', { shown, results: withResult(results, shown) });
  }

  const actions: EvaluateActions = {
    setEvaluation(fields) {
      context.clear('evaluate');
      patch('evaluate', { form: { ...get().evaluate.form, ...fields } });
    },
    setEvaluationText(name, text) {
      if (text.trim()) {
        actions.setEvaluation({ text: { kind: 'text', name, text } });
        context.announce(`An evaluation will use ${name}.`);
      } else
        context.fail(
          'evaluate',
          new EspalierError(
            'bad-input',
            `${name} is empty.`,
            'Give a text of a few hundred words.',
          ),
        );
    },
    async takeEvaluationFile(file) {
      try {
        actions.setEvaluationText(file.name, await file.text());
      } catch (error) {
        context.fail('evaluate', error);
      }
    },
    async evaluate() {
      const { current } = get().model;
      const request = evaluateRequest(get());
      if (!current || !request || whyNoEvaluating(get())) return;
      context.clear('evaluate');
      patch('evaluate', { running: { request, partial: null, notes: [] }, progress: null });
      context.announce('The evaluation has started.');
      const events = follower(current);
      const isCurrent = () => get().model.current === current;
      try {
        const result = await api.evaluate(request, events.onEvent);
        events.flush();
        if (!isCurrent()) return;
        keep(result, true);
        const of = result.plan
          ? ` Perplexity of the plan ${words(result.plan.ppl)}, of the original`
          : ' Perplexity';
        context.announce(
          `The evaluation is done.${of} ${words(result.original.ppl)}, ${protocolWords(result)}.`,
        );
      } catch (error) {
        events.flush();
        if (!isCurrent()) return;
        const partial = get().evaluate.running?.partial;
        if (partial) keep(partial, false);
        context.fail('evaluate', error);
        const far = partial ? ` after ${protocolWords(partial)}` : '';
        if (isCancelled(error)) context.announce(`The evaluation was stopped${far}.`);
      } finally {
        events.stop();
        if (isCurrent()) patch('evaluate', { running: null, progress: null });
      }
      onEnd();
    },
  };
  return actions;
}

const words = (ppl: number | null) => ppl?.toPrecision(4) ?? 'beyond all bounds';
