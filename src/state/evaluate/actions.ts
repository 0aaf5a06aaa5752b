// Perplexity on a text of its own: what to run on, start, follow. A run that is cancelled keeps the
// numbers it had; earlier results stay to be compared.

import { hasNumbers, pplWords } from '../../analysis/perplexity.ts';
import type { EvaluateEvent, EvaluateResult } from '../../contract/evaluate.ts';
import { EspalierError } from '../../errors.ts';
import { NO_NUMBERS } from '../../words/choose.ts';
import type { Context } from '../context.ts';
import { fileText } from '../fileText.ts';
import { runJob } from '../runJob.ts';
import { evaluateObstacle, evaluateRequest, protocolWords } from './selectors.ts';
import {
  type Evaluated,
  type EvaluateForm,
  type EvaluateSlice,
  evaluationKey,
  MOST_EVALUATIONS,
} from './state.ts';

export interface EvaluateActions {
  setEvaluation(fields: { [F in keyof EvaluateForm]?: EvaluateForm[F] }): void;
  /**
   * A dropped, picked or pasted text. Shows an error instead of throwing one; announces nothing
   * when `quiet`.
   */
  setEvaluationText(name: string, text: string, quiet?: boolean): void;
  takeEvaluationFile(file: File): Promise<void>;
  /** Original and current plan on the text of the form. */
  evaluate(): Promise<void>;
}

/** A new result takes the place of an older one of the same thing, unless that came farther. */
function withResult(results: readonly Evaluated[], next: Evaluated): readonly Evaluated[] {
  const key = evaluationKey(next.result);
  const same = results.find(({ result }) => evaluationKey(result) === key);
  if (same && same.result.segments > next.result.segments) return results;
  return [next, ...results.filter((one) => one !== same)].slice(0, MOST_EVALUATIONS);
}

type Event = Exclude<EvaluateEvent, { type: 'progress' }>;
type Running = NonNullable<EvaluateSlice['running']>;

function withEvent(running: Running, event: Event): Running {
  if (event.type === 'partial') return { ...running, partial: event.result };
  return { ...running, notes: [...running.notes, event.text] };
}

export function makeEvaluateActions(context: Context): EvaluateActions {
  const { api, get, patch } = context;

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
    setEvaluationText(name, text, quiet = false) {
      if (text.trim()) {
        actions.setEvaluation({ text: { kind: 'text', name, text } });
        if (!quiet) context.announce(`An evaluation will use ${name}.`);
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
        actions.setEvaluationText(file.name, await fileText(file));
      } catch (error) {
        context.fail('evaluate', error);
      }
    },
    async evaluate() {
      const request = evaluateRequest(get());
      if (!request || evaluateObstacle(get()) !== null) return;
      await runJob<Event, EvaluateResult>(context, 'evaluate', {
        started: 'The evaluation has started.',
        start: () =>
          patch('evaluate', { running: { request, partial: null, notes: [] }, progress: null }),
        call: ({ onEvent }) => api.evaluate(request, onEvent),
        follow(events, progress) {
          const { running } = get().evaluate;
          if (running)
            patch('evaluate', { running: events.reduce(withEvent, running), ...progress });
        },
        take(result) {
          keep(result, true);
          if (!hasNumbers(result.original)) return NO_NUMBERS.evaluated;
          const original = `${pplWords(result.original.ppl)}, ${protocolWords(result)}`;
          return result.plan
            ? `The evaluation is done. Perplexity of the pruned model ` +
                `${pplWords(result.plan.ppl)}, of the original ${original}.`
            : `The evaluation is done. Perplexity ${original}.`;
        },
        stop() {
          const partial = get().evaluate.running?.partial;
          if (partial) keep(partial, false);
          const far = partial ? ` after ${protocolWords(partial)}` : '';
          return `The evaluation was cancelled${far}.`;
        },
        end: () => patch('evaluate', { running: null, progress: null }),
      });
    },
  };
  return actions;
}
