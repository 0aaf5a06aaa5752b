// What the plan does to perplexity and size, original beside pruned.

import { formatBytes } from '../../quantities.ts';
import { effectView } from '../../state/effect/selectors.ts';
import { engineJob } from '../../state/jobs.ts';
import { measuredOn } from '../../state/score/selectors.ts';
import { JOBS } from '../../state/state.ts';
import { formatChange, formatCount, formatPpl } from '../format.ts';
import { ComparedHead } from '../kit/ComparedHead.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import table from '../kit/plainTable.module.css';
import { StabilityNoise } from '../stability/StabilityNoise.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './effect.module.css';

export function EffectPanel() {
  const model = useStudio((state) => state.model.current?.summary);
  const view = useStudio(effectView);
  if (!model) return null;
  const { size } = view;
  return (
    <Panel id="effect" title="Effect">
      <table className={table.table}>
        <ComparedHead />
        <tbody>
          <PerplexityRow />
          <Row
            id="size"
            name="size"
            from={model.bytes}
            to={size?.bytes}
            format={formatBytes}
            unit=" B"
          />
          <Row
            id="parameters"
            name="parameters"
            from={model.params}
            to={size?.params}
            format={formatCount}
          />
          {model.kvBytesPerToken > 0 && (
            <Row
              id="kv-per-token"
              name="KV per token"
              from={model.kvBytesPerToken}
              to={size?.kvBytesPerToken}
              format={formatBytes}
              unit=" B"
            />
          )}
        </tbody>
      </table>
      <Status />
      <StabilityNoise />
      <ErrorNotice place="plan" />
    </Panel>
  );
}

function PerplexityRow() {
  const { original, pruned, stale, waiting } = useStudio(effectView);
  const change =
    original && pruned && original !== pruned
      ? formatChange(Math.exp(original.nll), Math.exp(pruned.nll))
      : '';
  const worse = original && pruned ? pruned.nll > original.nll : false;
  const none = stale && waiting ? '…' : '–';
  return (
    <tr>
      <th scope="row">perplexity</th>
      <td data-testid="ppl-original">{original ? formatPpl(original.nll) : '–'}</td>
      <td data-testid="ppl-pruned" data-stale={stale} className={stale ? kit.stale : undefined}>
        {pruned ? formatPpl(pruned.nll) : none}
      </td>
      <td className={stale ? kit.stale : signOf(worse)}>
        {change && (
          <>
            {change} <small>{worse ? 'worse' : 'better'}</small>
          </>
        )}
      </td>
    </tr>
  );
}

const signOf = (worse: boolean) => (worse ? kit.bad : kit.good);

interface RowProps {
  /** Of its cells, for tests. */
  id: string;
  name: string;
  from: number;
  /** Absent while it is not known yet. */
  to: number | undefined;
  format: (value: number) => string;
  /** Of the exact value in the cell's title. */
  unit?: string;
}

function Row({ id, name, from, to, format, unit = '' }: RowProps) {
  const exact = (value: number) => value.toLocaleString('en') + unit;
  const change = to === undefined ? '' : formatChange(from, to);
  return (
    <tr>
      <th scope="row">{name}</th>
      <td data-testid={`${id}-original`} title={exact(from)}>
        {format(from)}
      </td>
      <td data-testid={`${id}-pruned`} title={to === undefined ? undefined : exact(to)}>
        {to === undefined ? '…' : format(to)}
      </td>
      <td className={kit.good}>{change}</td>
    </tr>
  );
}

function Status() {
  const { stale, waiting, original, pruned } = useStudio(effectView);
  const on = useStudio(measuredOn);
  const progress = useStudio((state) => state.effect.progress);
  const job = useStudio(engineJob);
  const canScore = useStudio((state) => state.model.current?.summary.canScore ?? false);
  const dtype = useStudio((state) => state.export.dtype);
  const actions = useActions();
  const sizes = `Sizes are those of the export${dtype === null ? '' : ` in ${dtype}`}.`;
  if (!original) {
    return (
      <p className={css.status}>
        {sizes}{' '}
        {canScore ? 'Score the blocks to see perplexity.' : 'This graph gives no perplexity.'}
      </p>
    );
  }
  if (!stale)
    return (
      <p className={css.status}>
        Perplexity measured on {on}. {sizes}
      </p>
    );
  const older = pruned ? ' The number shown is of the previous plan.' : '';
  if (job) {
    return (
      <p className={css.status}>
        This plan will be measured after {JOBS[job].name}.{older}
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
  return (
    <div className={css.status} data-testid="measuring">
      {progress ? (
        <JobProgress progress={progress} label="Measuring the plan" />
      ) : (
        `Measuring this plan.${older}`
      )}
    </div>
  );
}
