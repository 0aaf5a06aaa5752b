// What an evaluation is to run on: text, protocol, BOS token, number of segments.

import { type ReactNode, useId } from 'react';
import { evaluationSeconds } from '../../state/estimate/selectors.ts';
import { evaluateObstacle, longestSegment, segmentsOf } from '../../state/evaluate/selectors.ts';
import type { EvaluateForm as Form } from '../../state/evaluate/state.ts';
import { aboutSeconds } from '../../words/duration.ts';
import { EVALUATION, paperProtocol } from '../../words/quality.ts';
import { BosSelect } from '../kit/BosSelect.tsx';
import { CommandButton } from '../kit/CommandButton.tsx';
import { Field } from '../kit/Field.tsx';
import kit from '../kit/kit.module.css';
import { OptionalNumber } from '../kit/OptionalNumber.tsx';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { EvaluateText } from './EvaluateText.tsx';
import css from './evaluate.module.css';

/** Stays while an evaluation runs: what it holds is for the next one. */
export function EvaluateForm({ running }: { running: boolean }) {
  const form = useStudio((state) => state.evaluate.form);
  const model = useStudio((state) => state.model.current);
  const obstacle = useStudio(evaluateObstacle);
  const { setEvaluation: set } = useActions();
  const hint = useId();
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
      aria-label={EVALUATION.form}
    >
      <EvaluateText />
      <fieldset className={kit.field}>
        <legend>{EVALUATION.protocol}</legend>
        <div className={css.row}>
          {choice('paper', paperProtocol(paper))}
          {choice('long', EVALUATION.long)}
        </div>
      </fieldset>
      <div className={css.row}>
        {form.protocol === 'long' && <LongContext longest={longest} usual={long} />}
        <Field label={EVALUATION.bos}>
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
        <Field label={EVALUATION.most}>
          {(id) => (
            <OptionalNumber
              id={id}
              value={form.maxSegments}
              whole
              placeholder={EVALUATION.all}
              testId="evaluate-most"
              onChange={(maxSegments) => set({ maxSegments })}
            />
          )}
        </Field>
        <span className={kit.sub}>
          {EVALUATION.explained} <Term id="segments">{EVALUATION.columns.segments}</Term>,{' '}
          <Term id="stride">{EVALUATION.strideTerm}</Term>,{' '}
          <Term id="bos">{EVALUATION.bosTerm}</Term>
        </span>
      </div>
      {!running && (
        <div className={kit.row}>
          <CommandButton id="evaluate" label={EVALUATION.start} describedBy={hint} />
          <span id={hint} className={kit.sub} data-testid="evaluate-why">
            {obstacle ?? <Estimate />}
          </span>
        </div>
      )}
    </form>
  );
}

/** How long it takes, where that is known. */
function Estimate() {
  const seconds = useStudio(evaluationSeconds);
  return seconds && `${sentence(aboutSeconds(seconds))}.`;
}

const sentence = (words: string) => words.charAt(0).toUpperCase() + words.slice(1);

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
      <Field label={EVALUATION.segment}>
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
      <Field label={EVALUATION.stride}>
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
