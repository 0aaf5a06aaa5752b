// What the numbers of the plan mean, why, and what to do next.

import { type NextStep, verdictView } from '../../state/verdict/selectors.ts';
import { ordersOf } from '../../words/goal.ts';
import { VERDICT, WORDS, why } from '../../words/verdict.ts';
import { useActions, useStudio } from '../studioContext.ts';
import { Thresholds } from './Thresholds.tsx';
import css from './verdict.module.css';

export function Verdict() {
  const view = useStudio(verdictView);
  const limits = useStudio((state) => state.verdict.thresholds);
  const actions = useActions();
  if (!view) return null;
  const { word, evidence, isThin, next, better } = view;
  return (
    <section className={css.verdict} aria-label={VERDICT.title} data-testid="plan-verdict">
      <p>
        <b className={css.word} data-word={word} data-testid="verdict-word">
          {WORDS[word]}
        </b>{' '}
        {why(evidence, limits)}
        {isThin && ` ${VERDICT.thin}`}
      </p>
      {better && (
        <p>
          {VERDICT.better(ordersOf(better.by), better.ppl, better.own)}{' '}
          <button
            type="button"
            data-testid="use-better"
            onClick={() => actions.takePath(better.removed)}
          >
            {VERDICT.useBetter}
          </button>
        </p>
      )}
      <div className={css.next}>
        {VERDICT.nextWords}
        {next.map((step) => (
          <Next key={step.kind} step={step} />
        ))}
      </div>
      <Thresholds />
    </section>
  );
}

function Next({ step }: { step: NextStep }) {
  const actions = useActions();
  switch (step.kind) {
    case 'evaluate':
      return (
        <NextButton onClick={() => actions.openWorkspace('quality')}>{VERDICT.evaluate}</NextButton>
      );
    case 'heal':
      return <NextButton onClick={() => actions.openWorkspace('heal')}>{VERDICT.heal}</NextButton>;
    case 'quantise':
      return (
        <NextButton onClick={() => actions.openWorkspace('quantise')}>
          {VERDICT.quantise}
        </NextButton>
      );
    case 'export':
      return <NextButton onClick={() => actions.openDialog('export')}>{VERDICT.export}</NextButton>;
    case 'fewer':
      return (
        <NextButton onClick={() => actions.takePath(step.removed)}>
          {VERDICT.fewer(step.removed.length, step.rise)}
        </NextButton>
      );
    case 'fewer-unknown':
      return <span>{VERDICT.fewerUnknown}</span>;
  }
}

function NextButton({ children, onClick }: { children: string; onClick(): void }) {
  return (
    <button type="button" data-testid="verdict-next" onClick={onClick}>
      {children}
    </button>
  );
}
