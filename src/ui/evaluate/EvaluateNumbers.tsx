// The numbers of one evaluation and what they were measured on.

import type { EvaluatedSide } from '../../contract/evaluate.ts';
import { deviceName } from '../../state/device/selectors.ts';
import {
  evaluationShown,
  isStaleEvaluation,
  protocolWords,
} from '../../state/evaluate/selectors.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import { formatChange, formatPpl, formatSeconds, plural } from '../format.ts';
import { ComparedHead } from '../kit/ComparedHead.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './evaluate.module.css';

export function EvaluateNumbers() {
  const shown = useStudio(evaluationShown);
  const stale = useStudio(isStaleEvaluation);
  if (!shown) return null;
  const { result, state, notes } = shown;
  const { original, plan } = result;
  const worse = plan !== null && plan.nll > original.nll;
  return (
    <div className={kit.stack} data-testid="evaluate-result" data-state={state}>
      {stale && <Stale />}
      {state !== 'whole' && (
        <p className={css.mark} data-testid="evaluate-partial">
          {state === 'running' ? 'So far, over the first' : 'Stopped after'}{' '}
          {plural(result.segments, 'segment')}.
        </p>
      )}
      <table className={css.numbers} data-stale={stale}>
        <ComparedHead />
        <tbody>
          <tr>
            <th scope="row">perplexity</th>
            <td className={css.main} data-testid="evaluate-original">
              {formatPpl(original.nll)}
            </td>
            <td className={css.main} data-testid="evaluate-plan">
              {plan ? formatPpl(plan.nll) : '–'}
            </td>
            <td className={worse ? kit.bad : kit.good}>
              {plan && formatChange(Math.exp(original.nll), Math.exp(plan.nll))}{' '}
              {plan && <small>{worse ? 'worse' : 'better'}</small>}
            </td>
          </tr>
          <tr>
            <th scope="row">95 % interval</th>
            <td>{intervalOf(original)}</td>
            <td>{plan ? intervalOf(plan) : '–'}</td>
            <td />
          </tr>
          {result.top1Agreement !== null && (
            <Single
              name="same top token"
              value={`${(result.top1Agreement * 100).toFixed(1)} %`}
              testId="evaluate-top1"
            />
          )}
          {result.klDivergence !== null && (
            <Single
              name="mean KL divergence"
              value={`${result.klDivergence.toPrecision(3)} nats`}
              testId="evaluate-kl"
            />
          )}
        </tbody>
      </table>
      <p className={kit.sub} data-testid="evaluate-on">
        {protocolWords(result)}, {result.text.name} ({result.text.tokens.toLocaleString('en')}{' '}
        tokens), {deviceName(result.device)}, {formatSeconds(result.seconds)}. The interval is over
        segments. {notes.join(' ')}
      </p>
      {result.warnings.map((warning) => (
        <p key={warning} className={css.mark} role="status" data-testid="evaluate-warning">
          {warning}
        </p>
      ))}
    </div>
  );
}

function intervalOf({ ci95: [low, high] }: EvaluatedSide): string {
  return low === high ? '–' : `${formatPpl(low)} to ${formatPpl(high)}`;
}

/** A number that compares both sides, in the column of the pruned model. */
function Single({ name, value, testId }: { name: string; value: string; testId: string }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td />
      <td data-testid={testId}>{value}</td>
      <td />
    </tr>
  );
}

function Stale() {
  const removed = useStudio((state) => evaluationShown(state)?.result.removed);
  const running = useStudio((state) => state.evaluate.running !== null);
  const actions = useActions();
  if (!removed) return null;
  const plan = removed.length > 0 ? `without ${listUnits(removed)}` : 'with all blocks';
  return (
    <p className={css.mark} data-testid="evaluate-stale">
      Of another plan, {plan}.{' '}
      {!running && (
        <button type="button" data-testid="evaluate-again" onClick={() => void actions.evaluate()}>
          Evaluate this plan
        </button>
      )}
    </p>
  );
}
