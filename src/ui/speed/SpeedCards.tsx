// Speed of original and pruned, and the gain, each on a card with its spread.

import type { Ends } from '../../spread.ts';
import { formatBySpread, formatEnds, formatGain } from '../../spread.ts';
import { runsPlan, type SpeedView, speedView } from '../../state/speed/selectors.ts';
import { interval, rangeOfRuns, SPEED } from '../../words/speed.ts';
import { SPEED_SUMMARY } from '../../words/speedSummary.ts';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useStudio } from '../studioContext.ts';
import { figuresOf } from './figures.ts';
import css from './speed.module.css';

export function SpeedCards() {
  const view = useStudio(speedView);
  const hasPlan = useStudio(runsPlan);
  return (
    <div className={css.cards}>
      <OriginalCard view={view} />
      <PrunedCard view={view} hasPlan={hasPlan} />
      <GainCard view={view} hasPlan={hasPlan} />
    </div>
  );
}

const Rate = () => <Term id="tokensPerSecond">{SPEED_SUMMARY.tokensPerSecond}</Term>;

function OriginalCard({ view: { original, errors } }: { view: SpeedView }) {
  const stat = original?.speed.throughput;
  return (
    <article className={css.card} aria-labelledby="speed-original">
      <h3 id="speed-original">
        {SPEED.original}, {SPEED.wholeRun}
      </h3>
      <p className={css.big} data-testid="toks-original" data-kind={stat ? 'measured' : 'none'}>
        {stat ? formatBySpread(stat.mean, [stat.min, stat.max]) : '–'} <Rate />
      </p>
      <p className={css.spread}>
        <Failed message={errors.original?.message}>
          {stat ? runs([stat.min, stat.max], original.speed.runs) : SPEED.notMeasured}
        </Failed>
      </p>
    </article>
  );
}

interface Props {
  view: SpeedView;
  hasPlan: boolean;
}

function PrunedCard({ view, hasPlan }: Props) {
  const { kind, rate } = figuresOf(view, hasPlan);
  const words = {
    measured: runs(rate?.ends ?? [0, 0], view.pruned?.speed.runs ?? 0),
    predicted: SPEED.predicted,
    stale: view.staleWords,
    none: hasPlan ? SPEED.notMeasured : SPEED.nothingRemoved,
  };
  return (
    <article className={css.card} aria-labelledby="speed-pruned">
      <h3 id="speed-pruned">
        {SPEED.pruned}, {SPEED.wholeRun}
      </h3>
      <p
        className={`${css.big} ${kind === 'stale' ? kit.stale : ''}`}
        data-testid="toks-pruned"
        data-kind={kind}
      >
        {rate ? formatBySpread(rate.mean, rate.ends) : '–'} <Rate />
      </p>
      <p className={css.spread}>
        <Failed message={view.errors.pruned?.message}>{words[kind]}</Failed>
      </p>
    </article>
  );
}

function GainCard({ view, hasPlan }: Props) {
  const { kind, gain, noise } = figuresOf(view, hasPlan);
  const sign = gain && gain.ratio > 1 ? kit.good : kit.bad;
  const hasInterval = gain !== null && gain.ends[1] > gain.ends[0];
  const words = {
    measured: hasInterval ? interval(formatEnds(gain.ends)) : SPEED.oneRun,
    predicted: SPEED.predicted,
    stale: view.staleWords,
    none: SPEED.afterMeasuring,
  };
  return (
    <article className={css.card} aria-labelledby="speed-gain-title">
      <h3 id="speed-gain-title">
        <Term id="gain">{SPEED.gain}</Term>, {SPEED.wholeRun}
      </h3>
      <p
        className={`${css.big} ${kind === 'stale' ? kit.stale : ''}`}
        data-testid="gain"
        data-kind={gain ? kind : 'none'}
      >
        <span className={kind === 'measured' && !noise ? sign : undefined}>
          {gain ? formatGain(gain.ratio, gain.ends) : '–'}
        </span>
      </p>
      <p className={css.spread}>{gain ? words[kind] : SPEED.afterMeasuring}</p>
    </article>
  );
}

function Failed({ message, children }: { message: string | undefined; children: string }) {
  return message ? (
    <span className={kit.bad} title={message}>
      {SPEED.failed}
    </span>
  ) : (
    children
  );
}

const runs = (ends: Ends, count: number): string =>
  count > 1 ? rangeOfRuns(formatEnds(ends), count) : SPEED.oneRun;
