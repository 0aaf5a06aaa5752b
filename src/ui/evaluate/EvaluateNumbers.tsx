// The numbers of one evaluation and what they were measured on.

import { hasNumbers } from '../../analysis/perplexity.ts';
import type { EvaluatedSide } from '../../contract/evaluate.ts';
import { plural } from '../../quantities.ts';
import { deviceName } from '../../state/device/selectors.ts';
import {
  evaluationShown,
  isStaleEvaluation,
  protocolWords,
} from '../../state/evaluate/selectors.ts';
import { healingWords } from '../../state/heal/selectors.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import { anotherPlan, EVALUATION, soFar } from '../../words/quality.ts';
import type { TermId } from '../../words/terms.ts';
import { formatChange, formatOriginal, formatPpl, formatPruned, formatSeconds } from '../format.ts';
import { ComparedHead } from '../kit/ComparedHead.tsx';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './evaluate.module.css';

export function EvaluateNumbers() {
  const shown = useStudio(evaluationShown);
  const stale = useStudio(isStaleEvaluation);
  const how = useStudio((state) => healingWords(state, evaluationShown(state)?.result.healing));
  if (!shown) return null;
  const { result, state, notes } = shown;
  const { original, plan } = result;
  const compares = plan !== null && hasNumbers(original);
  const worse = plan !== null && plan.nll > original.nll;
  return (
    <div className={kit.stack} data-testid="evaluate-result" data-state={state}>
      {stale && <Stale />}
      {state !== 'whole' && (
        <p className={css.mark} data-testid="evaluate-partial">
          {soFar(state === 'running', plural(result.segments, 'segment'))}
        </p>
      )}
      <table className={css.numbers} data-stale={stale}>
        <ComparedHead />
        <tbody>
          <tr>
            <th scope="row">
              <Term id="perplexity">{EVALUATION.perplexity}</Term>
            </th>
            <td className={css.main} data-testid="evaluate-original">
              {formatOriginal(original.nll)}
            </td>
            <td className={css.main} data-testid="evaluate-plan">
              {plan ? formatPruned(plan.nll, original.nll) : '–'}
            </td>
            <td className={worse ? kit.bad : kit.good}>
              {compares && formatChange(Math.exp(original.nll), Math.exp(plan.nll))}{' '}
              {compares && <small>{worse ? EVALUATION.worse : EVALUATION.better}</small>}
            </td>
          </tr>
          <tr>
            <th scope="row">
              <Term id="interval">{EVALUATION.interval}</Term>
            </th>
            <td>{intervalOf(original)}</td>
            <td>{plan ? intervalOf(plan) : '–'}</td>
            <td />
          </tr>
          {result.top1Agreement !== null && (
            <Single
              term="top1"
              name={EVALUATION.top1}
              value={`${(result.top1Agreement * 100).toFixed(1)} %`}
              testId="evaluate-top1"
            />
          )}
          {result.klDivergence !== null && (
            <Single
              term="kl"
              name={EVALUATION.kl}
              value={`${result.klDivergence.toPrecision(3)} nats`}
              testId="evaluate-kl"
            />
          )}
        </tbody>
      </table>
      <p className={kit.sub} data-testid="evaluate-on">
        {how && `${capital(how)}. `}
        {protocolWords(result)}, {result.text.name} ({result.text.tokens.toLocaleString('en')}{' '}
        tokens), {deviceName(result.device)}, {formatSeconds(result.seconds)}.{' '}
        {EVALUATION.overSegments} {notes.join(' ')}
      </p>
      {result.warnings.map((warning) => (
        <p key={warning} className={css.mark} data-testid="evaluate-warning">
          {warning}
        </p>
      ))}
    </div>
  );
}

const capital = (words: string) => words.charAt(0).toUpperCase() + words.slice(1);

function intervalOf({ ci95: [low, high] }: EvaluatedSide): string {
  return low === high || !Number.isFinite(low) ? '–' : `${formatPpl(low)} to ${formatPpl(high)}`;
}

interface SingleProps {
  term: TermId;
  name: string;
  value: string;
  testId: string;
}

/** A number that compares both sides, in the column of the pruned model. */
function Single({ term, name, value, testId }: SingleProps) {
  return (
    <tr>
      <th scope="row">
        <Term id={term}>{name}</Term>
      </th>
      <td />
      <td data-testid={testId}>{value}</td>
      <td />
    </tr>
  );
}

function Stale() {
  const removed = useStudio((state) => evaluationShown(state)?.result.removed);
  const how = useStudio((state) => healingWords(state, evaluationShown(state)?.result.healing));
  const running = useStudio((state) => state.evaluate.running !== null);
  const actions = useActions();
  if (!removed) return null;
  return (
    <p className={css.mark} data-testid="evaluate-stale">
      {anotherPlan(
        removed.length > 0 ? [listUnits(removed), how].filter(Boolean).join(', ') : null,
      )}{' '}
      {!running && (
        <button type="button" data-testid="evaluate-again" onClick={() => void actions.evaluate()}>
          {EVALUATION.again}
        </button>
      )}
    </p>
  );
}
