// What an evaluation is to run on: text, protocol, BOS token, number of segments.

import type { ReactNode } from 'react';
import { evaluateObstacle, longestSegment, segmentsOf } from '../../state/evaluate/selectors.ts';
import type { EvaluateForm as Form } from '../../state/evaluate/state.ts';
import { BosSelect } from '../kit/BosSelect.tsx';
import { CommandButton } from '../kit/CommandButton.tsx';
import { Field } from '../kit/Field.tsx';
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
        {form.protocol === 'long' && <LongContext longest={longest} usual={long} />}
        <Field label="Prepend BOS token">
          {(id) => (
            <BosSelect
              id={id}
              value={form.bos}
              noun="segment"
              testId="evaluate-bos"
              onChange={(bos) => set({ bos })}
            />
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
          {obstacle ?? (form.protocol === 'long' ? LONG : PAPER)}
        </span>
      </div>
    </form>
  );
}

const PAPER = 'Short segments give higher perplexities than long ones: compare equal lengths only.';
const LONG =
  'Each segment predicts as many of its last tokens as the stride; the tokens before are context.';

interface LongContextProps {
  /** Tokens of the longest segment that the model takes. */
  longest: number;
  /** What empty fields mean, in tokens. */
  usual: { segment: number; stride: number | null };
}

function LongContext({ longest, usual }: LongContextProps) {
  const form = useStudio((state) => state.evaluate.form);
  const { setEvaluation: set } = useActions();
  return (
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
            max={usual.segment}
            placeholder={String(usual.stride)}
            testId="evaluate-stride"
            onChange={(stride) => set({ stride })}
          />
        )}
      </Field>
    </>
  );
}
