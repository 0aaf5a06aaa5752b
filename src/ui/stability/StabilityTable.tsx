// What the calibration study found: per block how often it is among the lowest and the range of its
// ranks, and how far the runs agree.

import { useId } from 'react';
import type { StabilityView } from '../../state/stability/selectors.ts';
import { wholeBlocks } from '../../units.ts';
import css from '../criteria/criteria.module.css';
import { plural } from '../format.ts';
import kit from '../kit/kit.module.css';
import { Scroll } from '../kit/Scroll.tsx';
import { WholeNumber } from '../kit/WholeNumber.tsx';
import { useActions, useStudio } from '../studioContext.ts';

export function StabilityTable({ view }: { view: StabilityView }) {
  const removed = useStudio((state) => state.plan.present.removed);
  const actions = useActions();
  const id = useId();
  const gone = wholeBlocks(removed);
  const { blocks, runs, k } = view;
  return (
    <>
      <div className={kit.row}>
        <span className={`${css.pair} ${css.form}`}>
          <label htmlFor={id}>Lowest blocks that are counted</label>
          <WholeNumber
            id={id}
            value={k}
            min={1}
            max={Math.max(1, blocks.length)}
            testId="study-count"
            onChange={(next) => actions.setStudyCount(next)}
          />
        </span>
        <span className={kit.sub} data-testid="study-agreement">
          {agreement(view)}
        </span>
      </div>
      <Scroll label="Stability of the blocks">
        <table className={css.table} data-testid="stability-table">
          <thead>
            <tr>
              <th scope="col">block</th>
              <th scope="col">among the {k} lowest</th>
              <th scope="col">mean rank</th>
              <th scope="col">ranks</th>
              <th scope="col">
                <span className={kit.hidden}>range of ranks</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {blocks.map(({ block, chosen, meanRank, lowestRank, highestRank }) => (
              <tr
                key={block}
                data-removed={gone.includes(block)}
                data-testid={`stability-${block}`}
              >
                <th scope="row">{block}</th>
                <td>
                  {Math.round(chosen * runs.length)} of {plural(runs.length, 'run')}
                </td>
                <td>{meanRank.toFixed(1)}</td>
                <td>
                  {lowestRank === highestRank ? lowestRank : `${lowestRank} to ${highestRank}`}
                </td>
                <td className={css.bar}>
                  <Range from={lowestRank - 1} to={highestRank} of={blocks.length} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}

function Range({ from, to, of }: { from: number; to: number; of: number }) {
  return (
    <span className={css.track} aria-hidden="true">
      <i style={{ left: `${(100 * from) / of}%`, width: `${(100 * (to - from)) / of}%` }} />
    </span>
  );
}

function agreement({ range, runs }: StabilityView): string {
  if (!range) return '';
  const [low, high] = range.map((value) => value.toFixed(2));
  return `Spearman between ${runs.length} runs: ${low === high ? low : `${low} to ${high}`}.`;
}

/** Each run by itself: what it chose, and how far it agrees with the others. */
export function StabilityRuns({
  view: { runs, agreement: of, k, lowest },
}: {
  view: StabilityView;
}) {
  const actions = useActions();
  return (
    <details>
      <summary>The runs</summary>
      <Scroll label="Runs of the study">
        <table className={css.table} data-testid="study-runs">
          <thead>
            <tr>
              <th scope="col" className={css.left}>
                run
              </th>
              <th scope="col">Spearman with the others</th>
              <th scope="col">its {k} lowest</th>
            </tr>
          </thead>
          <tbody>
            {runs.map(({ label }, i) => (
              <tr key={label}>
                <th scope="row" className={css.left}>
                  {label}
                </th>
                <td>{of[i]?.toFixed(2) ?? '–'}</td>
                <td>{lowest[i]?.join(', ')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <button
        type="button"
        className={kit.quiet}
        data-testid="study-forget"
        onClick={actions.forgetStudy}
      >
        Forget these runs
      </button>
    </details>
  );
}
