// The result in one line at the bottom of a narrow screen, where cause and effect stay together.

import { formatBytes } from '../../quantities.ts';
import { effectView } from '../../state/effect/selectors.ts';
import { countWords } from '../../state/plan/selectors.ts';
import { speedView } from '../../state/speed/selectors.ts';
import { RESULT } from '../../words/result.ts';
import { formatChange, formatPpl } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';
import css from './strip.module.css';

export function ResultStrip() {
  const kept = useStudio(countWords);
  const { original, pruned, stale, size } = useStudio(effectView);
  const speed = useStudio(speedView);
  const change =
    original && pruned && original !== pruned
      ? ` (${formatChange(Math.exp(original.nll), Math.exp(pruned.nll))})`
      : '';
  return (
    <section className={css.strip} aria-label={RESULT.title} data-testid="result-strip">
      <button type="button" className={css.numbers} title={RESULT.showResult} onClick={show}>
        <b>{kept}</b>
        {pruned && (
          <span className={stale ? kit.stale : undefined}>
            PPL {formatPpl(pruned.nll)}
            {change}
          </span>
        )}
        {size && <span>{formatBytes(size.bytes)}</span>}
        {speed.gain && (
          <span className={speed.stale ? kit.stale : undefined}>
            {speed.gain.ratio.toFixed(2)} ×
          </span>
        )}
      </button>
      <CommandButton id="export" label="Export" testId="strip-export" />
    </section>
  );
}

function show(): void {
  document.getElementById('result-title')?.scrollIntoView({ block: 'start' });
}
