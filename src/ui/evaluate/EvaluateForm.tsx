// What an evaluation is to run on: text, protocol, BOS, how much of the text.

import { type ReactNode, useId } from 'react';
import { evaluateObstacle, longestSegment, segmentsOf } from '../../state/evaluate/selectors.ts';
import type { EvaluateForm as Form } from '../../state/evaluate/state.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import { OptionalNumber } from '../kit/OptionalNumber.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { EvaluateText } from './EvaluateText.tsx';
import css from './evaluate.module.css';

export function EvaluateForm() {
  const form = useStudio((state) => state.evaluate.form);
  const model = useStudio((state) => state.model.current);
  const obstacle = useStudio(evaluateObstacle);
  const { setEvaluation: set } = useActions();
  const longest = longestSegment(model);
  const paper = segmentsOf({ ...form, protocol: 'paper' }, model).segment;
  const long = segmentsOf({ ...form, protocol: 'long' }, model);
  const choice = (protocol: Form['protocol'], label: ReactNode) => (
    <label>
      <input
        type="radio"
        name="protocol"
        checked={form.protocol === protocol}
        data-testid={`protocol-${protocol}`}
        onChange={() => set({ protocol })}
      />{' '}
      {label}
    </label>
  );
  return (
    <form
      className={kit.stack}
      onSubmit={(event) => event.preventDefault()}
      aria-label="What to evaluate on"
    >
      <EvaluateText />
      <fieldset className={kit.field}>
        <legend>Protocol</legend>
        <div className={css.row}>
          {choice('paper', `segments of ${paper} tokens, as in the paper`)}
          {choice('long', 'long context with a stride')}
        </div>
      </fieldset>
      <div className={css.row}>
        {form.protocol === 'long' && (
          <>
            <Field label="Tokens per segment">
              {(id) => (
                <OptionalNumber
                  id={id}
                  value={form.segment}
                  whole
                  max={longest}
                  placeholder={String(longest)}
                  testId="evaluate-segment"
                  onChange={(segment) => set({ segment })}
                />
              )}
            </Field>
            <Field label="Stride">
              {(id) => (
                <OptionalNumber
                  id={id}
                  value={form.stride}
                  whole
                  max={long.segment}
                  placeholder={String(long.stride)}
                  testId="evaluate-stride"
                  onChange={(stride) => set({ stride })}
                />
              )}
            </Field>
          </>
        )}
        <Field label="Begin with BOS">
          {(id) => (
            <select
              id={id}
              value={form.bos ?? 'auto'}
              data-testid="evaluate-bos"
              onChange={(event) =>
                set({
                  bos:
                    event.target.value === 'auto' ? null : (event.target.value as 'none' | 'every'),
                })
              }
            >
              <option value="auto">as the tokenizer does</option>
              <option value="none">never</option>
              <option value="every">every segment</option>
            </select>
          )}
        </Field>
        <Field label="Segments, at most">
          {(id) => (
            <OptionalNumber
              id={id}
              value={form.maxSegments}
              whole
              placeholder="all"
              testId="evaluate-most"
              onChange={(maxSegments) => set({ maxSegments })}
            />
          )}
        </Field>
      </div>
      <div className={kit.row}>
        <CommandButton id="evaluate" label="Evaluate" />
        <span className={kit.sub} role="status" data-testid="evaluate-why">
          {obstacle || (form.protocol === 'long' ? LONG : PAPER)}
        </span>
      </div>
    </form>
  );
}

const PAPER =
  'Perplexities of short segments are higher than those of long ones: compare equal lengths only.';
const LONG =
  'Each segment predicts its last tokens, as many as the stride; the ones before are context.';

function Field({ label, children }: { label: string; children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <span className={css.pair}>
      <label htmlFor={id}>{label}</label>
      {children(id)}
    </span>
  );
}
