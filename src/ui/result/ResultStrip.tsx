// What stays in view at the bottom of a narrow screen: the running job, how many blocks to remove,
// the result in one line.

import { formatBytes } from '../../quantities.ts';
import { formatGain } from '../../spread.ts';
import { effectView } from '../../state/effect/selectors.ts';
import { countWords } from '../../state/plan/selectors.ts';
import { speedView } from '../../state/speed/selectors.ts';
import { BLOCKS } from '../../words/blocks.ts';
import { RESULT } from '../../words/result.ts';
import { formatChange, formatPruned } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import { hasOrder, LowestSlider, lowestCount } from '../plan/LowestSlider.tsx';
import { useStudio } from '../studioContext.ts';
import { useWide } from '../useWide.ts';
import { JobBar } from '../workspaces/JobBar.tsx';
import css from './strip.module.css';

export function ResultStrip() {
  const kept = useStudio(countWords);
  const wide = useWide();
  const usable = useStudio(hasOrder);
  const count = useStudio(lowestCount);
  const { original, pruned: bare, healed, quantised, stale, size } = useStudio(effectView);
  const pruned = quantised ?? healed ?? bare;
  const speed = useStudio(speedView);
  const change =
    original && pruned && original !== pruned
      ? ` (${formatChange(Math.exp(original.nll), Math.exp(pruned.nll))})`
      : '';
  return (
    <section className={css.dock} aria-label={RESULT.title} data-testid="result-strip">
      <JobBar />
      {!wide && usable && (
        <div className={css.slider}>
          <span>{BLOCKS.removeShort}</span>
          <LowestSlider testId="strip-lowest" />
          <b>{count}</b>
        </div>
      )}
      <div className={css.strip}>
        <button type="button" className={css.numbers} title={RESULT.showResult} onClick={show}>
          <b>{kept}</b>
          {pruned && (
            <span className={stale ? kit.stale : undefined}>
              PPL {formatPruned(pruned.nll, original?.nll)}
              {change}
            </span>
          )}
          {size && <span>{formatBytes(size.bytes)}</span>}
          {speed.gain && (
            <span className={speed.stale ? kit.stale : undefined}>
              {formatGain(speed.gain.ratio, speed.gain.ci95)}
            </span>
          )}
        </button>
        <CommandButton id="export" label="Export" testId="strip-export" />
      </div>
    </section>
  );
}

function show(): void {
  document.getElementById('result-title')?.scrollIntoView({ block: 'start' });
}
