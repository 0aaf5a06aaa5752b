// The two cards: tokens per second of original and plan, large, with perplexity and bytes below. A
// number that was not measured says so.

import type { VariantMeasure } from '../../contract/speed.ts';
import { effectView } from '../../state/selectors.ts';
import { type SpeedView, speedView } from '../../state/speed/selectors.ts';
import { formatBytes, formatChange, formatPpl, formatRate } from '../format.ts';
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
  const { original: intact } = useStudio(effectView);
  const bytes = useStudio((state) => state.model.current?.summary.bytes ?? 0);
  return (
    <article className={css.card} aria-labelledby="speed-original">
      <h3 id="speed-original">original</h3>
      <p className={css.big} data-testid="toks-original" data-kind={original ? 'measured' : 'none'}>
        {original ? formatRate(original.speed.throughput.mean) : '–'} <small>tok/s</small>
      </p>
      <p className={css.spread}>
        {errors.original ? (
          <Failed message={errors.original.message} />
        ) : original ? (
          spread(original)
        ) : (
          'not measured'
        )}
      </p>
      <p className={css.line}>
        <abbr title="perplexity">PPL</abbr>{' '}
        <b data-testid="speed-ppl-original">{intact ? formatPpl(intact.nll) : '–'}</b> <i />
        <span>files</span>{' '}
        <b data-testid="speed-file-original">{formatBytes(original?.info.fileBytes ?? bytes)}</b>{' '}
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
  const { original: intact, pruned: without } = effect;
  const fileBytes = view.pruned && !view.stale ? view.pruned.info.fileBytes : effect.size?.bytes;
  const ppl =
    hasPlan && without && intact ? formatChange(Math.exp(intact.nll), Math.exp(without.nll)) : '';
  const worse = !!intact && !!without && without.nll > intact.nll;
  return (
    <article className={css.card} aria-labelledby="speed-pruned">
      <h3 id="speed-pruned">
        pruned <Gain view={view} />
      </h3>
      <Figure view={view} hasPlan={hasPlan} />
      <p className={css.line}>
        <abbr title="perplexity">PPL</abbr>{' '}
        <b data-testid="speed-ppl-pruned" className={effect.stale ? css.stale : undefined}>
          {hasPlan && without ? formatPpl(without.nll) : '–'}
        </b>{' '}
        <i className={effect.stale ? css.stale : worse ? kit.bad : kit.good}>{ppl}</i>
        <span>files</span>{' '}
        <b data-testid="speed-file-pruned">{hasPlan && fileBytes ? formatBytes(fileBytes) : '–'}</b>{' '}
        <i className={kit.good}>
          {hasPlan && fileBytes
            ? formatChange(view.original?.info.fileBytes ?? bytes, fileBytes)
            : ''}
        </i>
      </p>
    </article>
  );
}

/** Measured, else predicted, else that of an older plan, else nothing. */
function Figure({ view, hasPlan }: { view: SpeedView; hasPlan: boolean }) {
  const { pruned, stale, prediction, errors } = view;
  const [kind, value, words] =
    pruned && !stale
      ? (['measured', pruned.speed.throughput.mean, spread(pruned)] as const)
      : prediction
        ? (['predicted', prediction.tokensPerSecond, 'predicted'] as const)
        : pruned
          ? (['stale', pruned.speed.throughput.mean, 'of another plan'] as const)
          : (['none', null, hasPlan ? 'not measured' : 'nothing is removed'] as const);
  return (
    <>
      <p className={css.big} data-testid="toks-pruned" data-kind={kind}>
        {value === null ? '–' : formatRate(value)} <small>tok/s</small>
      </p>
      <p className={css.spread}>
        {errors.pruned ? <Failed message={errors.pruned.message} /> : words}
      </p>
    </>
  );
}

function Gain({ view: { gain, stale } }: { view: SpeedView }) {
  if (!gain || stale) return null;
  const sign = gain.noise ? kit.sub : gain.ratio > 1 ? kit.good : kit.bad;
  return (
    <span
      className={`${css.gain} ${sign}`}
      data-testid="gain"
      title={`95 % interval over runs: ${times(gain.ci95[0])} to ${times(gain.ci95[1])}`}
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
