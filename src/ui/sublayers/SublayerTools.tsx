// Once sublayers are scored: the switch between blocks and sublayers, and what the marks say.

import { numBlocksOf } from '../../state/open/selectors.ts';
import type { StudioState } from '../../state/state.ts';
import {
  currentSublayers,
  type SublayerPoint,
  showsSublayers,
  sublayersData,
} from '../../state/sublayers/selectors.ts';
import { sublayerOf } from '../../units.ts';
import { blockOf, SUBLAYERS } from '../../words/choose.ts';
import { formatPpl, formatSeconds } from '../format.ts';
import { JobRow } from '../kit/JobRow.tsx';
import kit from '../kit/kit.module.css';
import css from '../score/importance.module.css';
import { useActions, useStudio } from '../studioContext.ts';

const VIEWS: readonly { view: StudioState['sublayers']['view']; label: string }[] = [
  { view: 'blocks', label: SUBLAYERS.blocks },
  { view: 'sublayers', label: SUBLAYERS.both },
];

export function SublayerTools() {
  const { running, progress } = useStudio((state) => state.sublayers);
  const result = useStudio(currentSublayers);
  const scoring = useStudio((state) => state.score.running !== null);
  const scored = running?.parts.length ?? 0;
  const all = useStudio(numBlocksOf);
  if (!running && !result) return null;
  // Its place stays while the curve is scored again.
  if (scoring) return <div className={css.sublayerTools} />;
  return (
    <div className={css.sublayerTools} data-testid="parts-tools">
      <Switch />
      <span className={kit.grow} />
      {running ? (
        <JobRow
          progress={progress}
          label={SUBLAYERS.scoring}
          at={blockOf(Math.floor(scored / 2), all)}
          testId="cancel-parts"
        />
      ) : (
        result && (
          <span className={kit.sub}>{SUBLAYERS.scoredIn(formatSeconds(result.seconds))}</span>
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
      <legend className={kit.hidden}>{SUBLAYERS.what}</legend>
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
    return <p className={css.reading}>{SUBLAYERS.inseparable(hover ?? 0)}</p>;
  }
  return (
    <p className={css.reading} data-testid="reading">
      {pair ? (
        SUBLAYERS.block(hover ?? 0, pair.map(inWords).join('; '))
      ) : (
        <>
          <span className={css.legend}>
            <i data-part="attn" /> {SUBLAYERS.attention}
          </span>{' '}
          <span className={css.legend}>
            <i data-part="ffn" /> {SUBLAYERS.feedForward}
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
  const name = sublayerOf(unit) === 'attn' ? SUBLAYERS.attention : SUBLAYERS.feedForward;
  if (nll === null) return SUBLAYERS.notScored(name);
  const hasInterval = Number.isFinite(low);
  return SUBLAYERS.without(
    formatPpl(nll),
    name,
    hasInterval ? [formatPpl(low), formatPpl(high)] : null,
  );
}
