// Criteria side by side: computed when someone asks, each with its correlation with perplexity, in
// one chart. The plan changes only when an order is put in force.

import { lazy, Suspense } from 'react';
import { endsProtected } from '../../state/commands.ts';
import { missingCriteria } from '../../state/criteria/actions.ts';
import { CRITERIA, criteriaView, knownCriteria } from '../../state/criteria/selectors.ts';
import type { CriteriaSlice } from '../../state/criteria/state.ts';
import type { StudioState } from '../../state/state.ts';
import { formatBytes, formatSeconds, listed, plural } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import { CriteriaList } from './CriteriaList.tsx';
import { CriteriaTable } from './CriteriaTable.tsx';
import css from './criteria.module.css';

const RankChart = lazy(() => import('../charts/RankChart.tsx'));

const hasMissing = (state: StudioState) =>
  missingCriteria(state).magnitudes || missingCriteria(state).hidden;

export function CriteriaPanel() {
  const running = useStudio((state) => state.criteria.running);
  const compared = useStudio((state) => state.criteria.compared && knownCriteria(state).length > 0);
  const missing = useStudio(hasMissing);
  return (
    <section className={kit.card} aria-labelledby="criteria-title" data-testid="criteria-panel">
      <div className={kit.head}>
        <h2 id="criteria-title">Criteria</h2>
        <span className={kit.sub}>
          other rules that say which blocks matter little, beside perplexity
        </span>
      </div>
      <div className={kit.stack}>
        {running ? <Running what={running} /> : (missing || !compared) && <Compare />}
        <ErrorNotice place="criteria" />
        {compared && (
          <>
            <CriteriaList />
            <Tools />
            <Suspense fallback={<div className={css.space} />}>
              <RankChart />
            </Suspense>
            <Reading />
            <Locks />
            <details>
              <summary>As a table</summary>
              <CriteriaTable />
            </details>
          </>
        )}
      </div>
    </section>
  );
}

function Running({ what }: { what: NonNullable<CriteriaSlice['running']> }) {
  const progress = useStudio((state) => state.criteria.progress);
  return (
    <div className={kit.row}>
      <span className={kit.sub}>{what === 'magnitudes' ? 'Magnitudes' : 'Hidden states'}</span>
      <JobProgress progress={progress} label="Comparing criteria" />
      <span className={kit.grow} />
      <CommandButton id="cancel" testId="criteria-cancel" />
    </div>
  );
}

function Compare() {
  const magnitudes = useStudio((state) => missingCriteria(state).magnitudes);
  const hidden = useStudio((state) => missingCriteria(state).hidden);
  const bytes = useStudio((state) =>
    (state.model.current?.summary.blocks ?? []).reduce((sum, block) => sum + block.bytes, 0),
  );
  const todo = [
    magnitudes && `reads the weights of the blocks once (${formatBytes(bytes)})`,
    hidden && 'runs the intact model once over the windows',
  ].filter((one) => one !== false);
  return (
    <div className={kit.row}>
      <CommandButton id="compare-criteria" />
      <span className={kit.sub}>
        Magnitude, Block Influence and angular distance
        {todo.length > 0 && `; ${todo.join(', and ')}, here`}.
      </span>
    </div>
  );
}

function Tools() {
  const known = useStudio(knownCriteria);
  const { view, norms, magnitudes } = useStudio((state) => state.criteria);
  const actions = useActions();
  const isKnown = known.some(({ name }) => name === view);
  return (
    <div className={kit.row}>
      <label className={css.pair}>
        Chart{' '}
        <select
          value={isKnown ? view : 'ranks'}
          data-testid="criteria-view"
          onChange={(event) =>
            actions.setCriteria({
              view: CRITERIA.find(({ name }) => name === event.target.value)?.name ?? 'ranks',
            })
          }
        >
          <option value="ranks">ranks of all ticked</option>
          {known.map(({ name, label }) => (
            <option key={name} value={name}>
              {label}, on its own axis
            </option>
          ))}
        </select>
      </label>
      {magnitudes && (
        <label className={css.pair}>
          <input
            type="checkbox"
            checked={norms}
            data-testid="criteria-norms"
            onChange={() => actions.setCriteria({ norms: !norms })}
          />
          magnitudes count the norm vectors
        </label>
      )}
      {magnitudes && (
        <span className={kit.sub}>
          {formatBytes(magnitudes.bytesRead)} read in {formatSeconds(magnitudes.seconds)}
        </span>
      )}
    </div>
  );
}

/** Ranks of the block under the pointer or the focus. Of fixed height, so that nothing jumps. */
function Reading() {
  const hover = useStudio((state) => state.view.hover);
  const known = useStudio(criteriaView);
  const ranks =
    hover === null ? [] : known.filter(({ ranks }) => !Number.isNaN(ranks[hover] ?? Number.NaN));
  return (
    <p className={css.reading} data-testid="criteria-reading">
      {hover !== null && ranks.length > 0
        ? `Block ${hover} goes ` +
          `${ranks.map(({ label, ranks: own, scores }) => `${ordinal(own[hover]!)} of ${scores.filter((score) => !Number.isNaN(score)).length} by ${label}`).join(', ')}.`
        : 'Click a block to remove it or put it back.'}
    </p>
  );
}

/** 1st, 2nd, 3rd; 4.5th for a shared rank. */
function ordinal(rank: number): string {
  const tens = rank % 100;
  const ending = tens > 10 && tens < 14 ? 'th' : ['th', 'st', 'nd', 'rd'][rank % 10];
  return `${rank}${ending ?? 'th'}`;
}

/** Protection is a lock that people see; with it, magnitude is what the paper calls Mag+. */
function Locks() {
  const locked = useStudio((state) => state.plan.present.locked);
  const ends = useStudio(endsProtected);
  const hasMagnitudes = useStudio((state) => state.criteria.magnitudes !== null);
  if (locked.length === 0 || !hasMagnitudes) return null;
  return (
    <p className={kit.sub} data-testid="criteria-locks">
      {ends
        ? 'With the first 4 and the last 2 blocks locked, an order by magnitude is ' +
          `Mag+${locked.length > 6 ? `; ${plural(locked.length - 6, 'more block')} locked` : ''}.`
        : `Locked: ${listed(locked)}. An order by magnitude that leaves locked blocks out is ` +
          `Mag+; the paper's locks are the first 4 and the last 2.`}
    </p>
  );
}
