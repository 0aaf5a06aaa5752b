// Once sublayers are scored: the switch between blocks and sublayers, and what the marks say.

import type { StudioState } from '../../state/state.ts';
import {
  currentSublayers,
  type SublayerPoint,
  showsSublayers,
  sublayersData,
} from '../../state/sublayers/selectors.ts';
import { sublayerOf } from '../../units.ts';
import { formatPpl, formatSeconds } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import css from '../score/importance.module.css';
import { useActions, useStudio } from '../studioContext.ts';

const VIEWS: readonly { view: StudioState['sublayers']['view']; label: string }[] = [
  { view: 'blocks', label: 'blocks' },
  { view: 'sublayers', label: 'attention and feed-forward' },
];

export function SublayerTools() {
  const { running, progress } = useStudio((state) => state.sublayers);
  const result = useStudio(currentSublayers);
  const scoring = useStudio((state) => state.score.running !== null);
  if (scoring || (!running && !result)) return null;
  return (
    <div className={css.sublayerTools} data-testid="parts-tools">
      <Switch />
      <span className={kit.grow} />
      {running ? (
        <>
          <JobProgress progress={progress} label="Scoring sublayers" />
          <CommandButton id="cancel" testId="cancel-parts" />
        </>
      ) : (
        result && (
          <span className={kit.sub}>sublayers scored in {formatSeconds(result.seconds)}</span>
        )
      )}
    </div>
  );
}

function Switch() {
  const shown = useStudio(showsSublayers);
  const actions = useActions();
  return (
    <fieldset className={css.switch}>
      <legend className={kit.hidden}>What the chart shows</legend>
      {VIEWS.map(({ view, label }) => (
        <label key={view}>
          <input
            type="radio"
            name="units"
            checked={shown === (view === 'sublayers')}
            data-testid={`units-${view}`}
            onChange={() => actions.setSublayersView(view)}
          />
          {label}
        </label>
      ))}
    </fieldset>
  );
}

/** Both sublayers of the block under the pointer; otherwise what the marks mean. */
export function SublayersReading() {
  const { blocks, growing } = useStudio(sublayersData);
  const hover = useStudio((state) => state.view.hover);
  const pair = hover === null ? undefined : blocks[hover];
  if (pair === null) {
    return <p className={css.reading}>The sublayers of block {hover} could not be separated.</p>;
  }
  return (
    <p className={css.reading} data-testid="reading">
      {pair ? (
        `Block ${hover}: ${pair.map(inWords).join('; ')}.`
      ) : (
        <>
          <span className={css.legend}>
            <i data-part="attn" /> attention
          </span>{' '}
          <span className={css.legend}>
            <i data-part="ffn" /> feed-forward
          </span>{' '}
          {growing
            ? 'The curves grow as sublayers are scored.'
            : 'Select a sublayer to remove or restore it.'}
        </>
      )}
    </p>
  );
}

function inWords({ unit, nll, low, high }: SublayerPoint): string {
  const name = sublayerOf(unit) === 'attn' ? 'attention' : 'feed-forward';
  if (nll === null) return `${name} not scored yet`;
  const interval = Number.isFinite(low) ? ` (95 %: ${formatPpl(low)} to ${formatPpl(high)})` : '';
  return `perplexity ${formatPpl(nll)} without ${name}${interval}`;
}
