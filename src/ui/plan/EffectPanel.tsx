// The consequence: what the plan does to quality and size, original beside pruned. Numbers of an
// older plan are marked, never passed off.

import { engineJob } from '../../state/jobs.ts';
import { effectView, measuredOn } from '../../state/selectors.ts';
import { JOBS } from '../../state/state.ts';
import { formatBytes, formatChange, formatCount, formatPpl } from '../format.ts';
import { ComparedHead } from '../kit/ComparedHead.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { StabilityNoise } from '../stability/StabilityNoise.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './effect.module.css';

export function EffectPanel() {
  const model = useStudio((state) => state.model.current?.summary);
  const view = useStudio(effectView);
  if (!model || !view.size) return null;
  const { size } = view;
  return (
    <section className={kit.card} aria-labelledby="effect-title">
      <div className={kit.head}>
        <h2 id="effect-title">Effect</h2>
      </div>
      <table className={css.table}>
        <ComparedHead />
        <tbody>
          <PerplexityRow />
          <Row name="size" from={model.bytes} to={size.bytes} format={formatBytes} unit=" B" />
          <Row name="parameters" from={model.params} to={size.params} format={formatCount} />
          {model.kvBytesPerToken > 0 && (
            <Row
              name="KV per token"
              from={model.kvBytesPerToken}
              to={size.kvBytesPerToken}
              format={formatBytes}
              unit=" B"
            />
          )}
        </tbody>
      </table>
      <Status />
      <StabilityNoise />
      <ErrorNotice place="plan" />
    </section>
  );
}

function PerplexityRow() {
  const { original, pruned, stale, waiting } = useStudio(effectView);
  const change =
    original && pruned && original !== pruned
      ? formatChange(Math.exp(original.nll), Math.exp(pruned.nll))
      : '';
  const worse = original && pruned ? pruned.nll > original.nll : false;
  return (
    <tr>
      <th scope="row">perplexity</th>
      <td data-testid="ppl-original">{original ? formatPpl(original.nll) : '–'}</td>
      <td data-testid="ppl-pruned" data-stale={stale} className={stale ? css.stale : undefined}>
        {pruned ? formatPpl(pruned.nll) : stale && waiting ? '…' : '–'}
      </td>
      <td className={stale ? css.stale : worse ? kit.bad : kit.good}>
        {change && (
          <>
            {change} <small>{worse ? 'worse' : 'better'}</small>
          </>
        )}
      </td>
    </tr>
  );
}

interface RowProps {
  name: string;
  from: number;
  to: number;
  format: (value: number) => string;
  /** Of the exact value, which the cell's title tells. */
  unit?: string;
}

function Row({ name, from, to, format, unit = '' }: RowProps) {
  const exact = (value: number) => value.toLocaleString('en') + unit;
  const change = formatChange(from, to);
  const id = name.toLowerCase().replaceAll(' ', '-');
  return (
    <tr>
      <th scope="row">{name}</th>
      <td data-testid={`${id}-original`} title={exact(from)}>
        {format(from)}
      </td>
      <td data-testid={`${id}-pruned`} title={exact(to)}>
        {format(to)}
      </td>
      <td className={kit.good}>
        {change && (
          <>
            {change} <small>less</small>
          </>
        )}
      </td>
    </tr>
  );
}

function Status() {
  const { stale, waiting, original, pruned } = useStudio(effectView);
  const on = useStudio(measuredOn);
  const progress = useStudio((state) => state.effect.progress);
  const job = useStudio(engineJob);
  const canScore = useStudio((state) => state.model.current?.summary.canScore ?? false);
  const actions = useActions();
  if (!original) {
    if (!canScore)
      return (
        <p className={css.status}>Sizes are those of the export. This graph gives no perplexity.</p>
      );
    return (
      <p className={css.status}>
        Sizes are those of the export. Score the blocks to see perplexity.
      </p>
    );
  }
  if (!stale)
    return (
      <p className={css.status}>Perplexity measured on {on}. Sizes are those of the export.</p>
    );
  if (job) {
    const before = pruned ? ' The number is of the plan before.' : '';
    return (
      <p className={css.status}>
        This plan is measured after {JOBS[job].name}.{before}
      </p>
    );
  }
  if (!waiting) {
    return (
      <div className={css.status}>
        Not measured for this plan.{' '}
        <button type="button" data-testid="measure" onClick={actions.measureAgain}>
          Measure
        </button>
      </div>
    );
  }
  const waitingWords = pruned
    ? 'Measuring this plan; the number is of the plan before.'
    : 'Measuring this plan.';
  return (
    <div className={css.status} data-testid="measuring">
      {progress ? <JobProgress progress={progress} label="Measuring the plan" /> : waitingWords}
    </div>
  );
}
