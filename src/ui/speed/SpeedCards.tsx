// Tokens per second of original and pruned, each on a card with its perplexity and size.

import type { VariantMeasure } from '../../contract/speed.ts';
import { formatBytes } from '../../quantities.ts';
import { effectView } from '../../state/effect/selectors.ts';
import { type SpeedView, speedView } from '../../state/speed/selectors.ts';
import { formatChange, formatPpl, formatRate } from '../format.ts';
import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';
import css from './speed.module.css';

export function SpeedCards() {
  return (
    <div className={css.cards}>
      <OriginalCard />
      <PrunedCard />
    </div>
  );
}

function OriginalCard() {
  const { original, errors } = useStudio(speedView);
  const { original: baseline } = useStudio(effectView);
  const bytes = useStudio((state) => state.model.current?.summary.bytes ?? 0);
  const runs = original ? spread(original) : 'not measured';
  return (
    <article className={css.card} aria-labelledby="speed-original">
      <h3 id="speed-original">original</h3>
      <p className={css.big} data-testid="toks-original" data-kind={original ? 'measured' : 'none'}>
        {original ? formatRate(original.speed.throughput.mean) : '–'} <small>tok/s</small>
      </p>
      <p className={css.spread}>
        {errors.original ? <Failed message={errors.original.message} /> : runs}
      </p>
      <p className={css.line}>
        <abbr title="perplexity">PPL</abbr>{' '}
        <b data-testid="speed-ppl-original">{baseline ? formatPpl(baseline.nll) : '–'}</b> <i />
        <span>size</span>{' '}
        <b data-testid="speed-file-original">{formatBytes(original?.info.fileBytes ?? bytes)}</b>
        <i />
      </p>
    </article>
  );
}

function PrunedCard() {
  const view = useStudio(speedView);
  const effect = useStudio(effectView);
  const hasPlan = useStudio((state) => state.plan.present.removed.length > 0);
  const bytes = useStudio((state) => state.model.current?.summary.bytes ?? 0);
  const { original: baseline, pruned } = effect;
  const fileBytes = view.pruned && !view.stale ? view.pruned.info.fileBytes : effect.size?.bytes;
  const ppl =
    hasPlan && pruned && baseline ? formatChange(Math.exp(baseline.nll), Math.exp(pruned.nll)) : '';
  const worse = !!baseline && !!pruned && pruned.nll > baseline.nll;
  const sign = worse ? kit.bad : kit.good;
  return (
    <article className={css.card} aria-labelledby="speed-pruned">
      <h3 id="speed-pruned">
        pruned <Gain view={view} />
      </h3>
      <Figure view={view} hasPlan={hasPlan} />
      <p className={css.line}>
        <abbr title="perplexity">PPL</abbr>{' '}
        <b data-testid="speed-ppl-pruned" className={effect.stale ? kit.stale : undefined}>
          {hasPlan && pruned ? formatPpl(pruned.nll) : '–'}
        </b>{' '}
        <i className={effect.stale ? kit.stale : sign}>{ppl}</i>
        <span>size</span>{' '}
        <b data-testid="speed-file-pruned">{hasPlan && fileBytes ? formatBytes(fileBytes) : '–'}</b>
        <i className={kit.good}>
          {hasPlan && fileBytes
            ? formatChange(view.original?.info.fileBytes ?? bytes, fileBytes)
            : ''}
        </i>
      </p>
    </article>
  );
}

function Figure({ view, hasPlan }: { view: SpeedView; hasPlan: boolean }) {
  const { kind, rate, words } = figureOf(view, hasPlan);
  const { pruned: failure } = view.errors;
  const stale = kind === 'stale' ? kit.stale : '';
  return (
    <>
      <p className={`${css.big} ${stale}`} data-testid="toks-pruned" data-kind={kind}>
        {rate === null ? '–' : formatRate(rate)} <small>tok/s</small>
      </p>
      <p className={css.spread}>{failure ? <Failed message={failure.message} /> : words}</p>
    </>
  );
}

/** Measured, else predicted, else that of an older plan, else nothing. */
function figureOf({ pruned, stale, staleWords, prediction }: SpeedView, hasPlan: boolean) {
  if (pruned && !stale)
    return { kind: 'measured', rate: pruned.speed.throughput.mean, words: spread(pruned) };
  if (prediction)
    return { kind: 'predicted', rate: prediction.tokensPerSecond, words: 'predicted' };
  if (pruned) return { kind: 'stale', rate: pruned.speed.throughput.mean, words: staleWords };
  return { kind: 'none', rate: null, words: hasPlan ? 'not measured' : 'nothing is removed' };
}

function Gain({ view: { gain, stale } }: { view: SpeedView }) {
  if (!gain || stale) return null;
  const sign = gain.ratio > 1 ? kit.good : kit.bad;
  return (
    <span
      className={`${css.gain} ${gain.noise ? kit.sub : sign}`}
      data-testid="gain"
      title={`95 % interval over the runs: ${times(gain.ci95[0])} to ${times(gain.ci95[1])}`}
    >
      {times(gain.ratio)}
    </span>
  );
}

const times = (ratio: number) => `${ratio.toFixed(2)} ×`;

function Failed({ message }: { message: string }) {
  return (
    <span className={kit.bad} title={message}>
      failed, see below
    </span>
  );
}

function spread({ speed: { throughput, runs } }: VariantMeasure): string {
  return runs > 1 ? `${formatRate(throughput.min)} to ${formatRate(throughput.max)}` : 'one run';
}
