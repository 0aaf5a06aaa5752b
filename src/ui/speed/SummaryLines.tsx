// The speed of the plan in a few lines, for beside the plan: gain, tokens per second, and what
// state these numbers are in.

import { formatBySpread, formatEnds, formatGain } from '../../spread.ts';
import { asksToMeasure } from '../../state/speed/auto.ts';
import { runsPlan, type SpeedView, speedView } from '../../state/speed/selectors.ts';
import { TIMES } from '../../state/speed/time.ts';
import { variantRows } from '../../state/variants/variants.ts';
import { measuredWords, SPEED_SUMMARY, staleNumbers, withTime } from '../../words/speedSummary.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useStudio } from '../studioContext.ts';
import { type Figures, figuresOf } from './figures.ts';
import { SpeedProgress } from './SpeedProgress.tsx';
import { SpeedQuestion } from './SpeedQuestion.tsx';
import css from './speedSummary.module.css';

export function SummaryLines() {
  const view = useStudio(speedView);
  const hasPlan = useStudio(runsPlan);
  const figures = figuresOf(view, hasPlan);
  return (
    <section className={css.summary} aria-label={SPEED_SUMMARY.label} data-testid="speed-summary">
      <p className={css.line} data-kind={figures.kind}>
        <Term id="gain">{SPEED_SUMMARY.title}</Term>
        <Gain figures={figures} />
      </p>
      <p className={css.line}>
        <Term id="tokensPerSecond">{SPEED_SUMMARY.wholeRun}</Term>
        <Rates view={view} figures={figures} />
      </p>
      <State view={view} figures={figures} hasPlan={hasPlan} />
    </section>
  );
}

function Gain({ figures: { kind, gain, noise } }: { figures: Figures }) {
  if (!gain) return <b data-testid="summary-gain">–</b>;
  const sign = gain.ratio > 1 ? kit.good : kit.bad;
  const look = { measured: noise ? css.plain : sign, predicted: css.predicted, stale: kit.stale };
  return (
    <span>
      <b
        className={kind === 'none' ? undefined : look[kind]}
        data-testid="summary-gain"
        data-kind={kind}
      >
        {formatGain(gain.ratio, gain.ends)}
      </b>{' '}
      {gain.ends[1] > gain.ends[0] && <small className={css.ends}>({formatEnds(gain.ends)})</small>}
    </span>
  );
}

function Rates({
  view: { original },
  figures: { rate, kind },
}: {
  view: SpeedView;
  figures: Figures;
}) {
  // The numbers of the Variants table, on one original: those of other minutes would contradict
  // them.
  const rows = useStudio(variantRows);
  const ofPlan = rows.find((row) => row.present)?.rebased;
  const ofOriginal = rows.find((row) => row.key === '')?.rebased;
  // The table has no other precisions.
  const isOfTable = useStudio((state) => state.export.dtype === null);
  const isRebased = isOfTable && kind === 'measured' && ofPlan && ofOriginal;
  const measured = original && {
    mean: original.speed.throughput.mean,
    ends: [original.speed.throughput.min, original.speed.throughput.max] as const,
  };
  const from = isRebased ? { mean: ofOriginal.throughput, ends: ofOriginal.ends } : measured;
  const to = isRebased ? { mean: ofPlan.throughput, ends: ofPlan.ends } : rate;
  const look = { stale: kit.stale, predicted: css.predicted, measured: undefined, none: undefined };
  return (
    <span data-testid="summary-toks">
      {from ? formatBySpread(from.mean, from.ends) : '–'}
      {to && (
        <>
          <span aria-hidden="true"> → </span>
          <span className={kit.hidden}> {SPEED_SUMMARY.arrow} </span>
          <b className={look[kind]}>{formatBySpread(to.mean, to.ends)}</b>
        </>
      )}
    </span>
  );
}

interface StateProps {
  view: SpeedView;
  figures: Figures;
  hasPlan: boolean;
}

function State({ view, figures, hasPlan }: StateProps) {
  const running = useStudio((state) => state.speed.running !== null);
  const asks = useStudio(asksToMeasure);
  if (running) return <SpeedProgress cancelTestId="summary-cancel" />;
  if (asks) return <SpeedQuestion testId="summary-question" />;
  if (view.errors.pruned || view.errors.original)
    return <p className={`${css.state} ${kit.bad}`}>{SPEED_SUMMARY.failed}</p>;
  if (!hasPlan) return <p className={css.state}>{SPEED_SUMMARY.nothingRemoved}</p>;
  if (figures.kind === 'measured')
    return (
      <p className={css.state}>
        {figures.noise
          ? SPEED_SUMMARY.noise
          : measuredWords(view.pruned?.speed.runs ?? 0, view.mode)}
      </p>
    );
  return <Unmeasured view={view} figures={figures} />;
}

function Unmeasured({ view: { staleWords }, figures: { kind } }: Omit<StateProps, 'hasPlan'>) {
  const needed = useStudio(TIMES.quick);
  const words = {
    predicted: SPEED_SUMMARY.predicted,
    stale: staleNumbers(staleWords),
    none: SPEED_SUMMARY.notMeasured,
    measured: '',
  };
  return (
    <div className={css.state}>
      <span>{words[kind]}</span>{' '}
      <CommandButton
        id="measure"
        label={withTime(SPEED_SUMMARY.measure, needed)}
        testId="summary-measure"
      />
    </div>
  );
}
