// Criteria side by side: computed on request, each with its correlation with perplexity, in one
// chart. The plan changes only when another order is made the current one.

import { Fragment, lazy, Suspense } from 'react';
import { CRITERIA, isMeasured, type MeasuredSource } from '../../analysis/criteriaTable.ts';
import { formatBytes } from '../../quantities.ts';
import { missingCosts, missingSources } from '../../state/criteria/missing.ts';
import { type CriterionView, criteriaView, knownCriteria } from '../../state/criteria/selectors.ts';
import { MEASURED, SOURCES } from '../../state/criteria/sources.ts';
import { endsLocked } from '../../state/plan/locks.ts';
import { formatSeconds, listed, plural } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { CriteriaList } from './CriteriaList.tsx';
import { CriteriaTable } from './CriteriaTable.tsx';
import css from './criteria.module.css';

const RankChart = lazy(() => import('../charts/RankChart.tsx'));

export function CriteriaPanel() {
  const running = useStudio((state) => state.criteria.running);
  const compared = useStudio((state) => state.criteria.compared && knownCriteria(state).length > 0);
  const isMissing = useStudio((state) => missingSources(state).length > 0);
  return (
    <Panel
      id="criteria"
      title="Criteria"
      sub="ways to rank blocks other than perplexity"
      testId="criteria-panel"
    >
      <div className={kit.stack}>
        {running && <Running source={running} />}
        {!running && (isMissing || !compared) && <Compare />}
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
            <details>
              <summary>How they are computed</summary>
              <Formulas />
            </details>
          </>
        )}
      </div>
    </Panel>
  );
}

function Running({ source }: { source: MeasuredSource }) {
  const progress = useStudio((state) => state.criteria.progress);
  return (
    <div className={kit.row}>
      <span className={kit.sub}>{SOURCES[source].title}</span>
      <JobProgress progress={progress} label="Comparing criteria" />
      <span className={kit.grow} />
      <CommandButton id="cancel" testId="criteria-cancel" />
    </div>
  );
}

const COMPUTED = CRITERIA.filter(({ needs }) => isMeasured(needs));

function Compare() {
  const costs = useStudio(missingCosts);
  const todo = costs.map(({ words, bytes }) =>
    bytes ? `${words} (${formatBytes(bytes)})` : words,
  );
  return (
    <div className={kit.row}>
      <CommandButton id="compare-criteria" />
      <span className={kit.sub}>
        {listed(COMPUTED.map(({ label }) => label))}
        {todo.length > 0 && `; ${listed(todo)}`}.
      </span>
    </div>
  );
}

function Formulas() {
  const known = useStudio(knownCriteria);
  return (
    <dl className={kit.facts} data-testid="criteria-formulas">
      {known.map(({ name, criterion: { label, formula, source } }) => (
        <Fragment key={name}>
          <dt>{label}</dt>
          <dd>
            {formula} ({source})
          </dd>
        </Fragment>
      ))}
    </dl>
  );
}

function Tools() {
  const known = useStudio(knownCriteria);
  const { view, norms } = useStudio((state) => state.criteria);
  const actions = useActions();
  const isKnown = known.some(({ name }) => name === view);
  const hasNorms = known.some(({ criterion }) => criterion.option === 'norms');
  return (
    <div className={kit.row}>
      <label className={css.pair}>
        Chart{' '}
        <select
          value={isKnown ? view : 'ranks'}
          data-testid="criteria-view"
          onChange={(event) =>
            actions.setCriteria({
              view: known.find(({ name }) => name === event.target.value)?.name ?? 'ranks',
            })
          }
        >
          <option value="ranks">ranks by the selected criteria</option>
          {known.map(({ name, label }) => (
            <option key={name} value={name}>
              {label}, on its own axis
            </option>
          ))}
        </select>
      </label>
      {hasNorms && (
        <label className={css.pair}>
          <input
            type="checkbox"
            checked={norms}
            data-testid="criteria-norms"
            onChange={() => actions.setCriteria({ norms: !norms })}
          />
          include norm weights in magnitude
        </label>
      )}
      <BytesRead />
    </div>
  );
}

/** What the sources that read weights by themselves have read. */
function BytesRead() {
  const measured = useStudio((state) => state.criteria.measured);
  return MEASURED.map((source) => {
    const result = measured[source]?.result;
    if (result?.bytesRead === undefined) return null;
    return (
      <span key={source} className={kit.sub}>
        {SOURCES[source].title}: {formatBytes(result.bytesRead)} read in{' '}
        {formatSeconds(result.seconds)}
      </span>
    );
  });
}

/** Ranks of the block under the pointer or the focus. Of fixed height, so that nothing jumps. */
function Reading() {
  const hover = useStudio((state) => state.view.hover);
  const known = useStudio(criteriaView);
  const ranks = hover === null ? [] : known.flatMap((view) => rankIn(view, hover) ?? []);
  return (
    <p className={css.reading} data-testid="criteria-reading">
      {ranks.length > 0
        ? `Block ${hover} is removed ${ranks.join(', ')}.`
        : 'Click a block to remove it or put it back.'}
    </p>
  );
}

/** "3rd of 16 by Mag L1"; null for a block without a score. */
function rankIn({ label, ranks, scores }: CriterionView, block: number): string | null {
  const rank = ranks[block] ?? Number.NaN;
  const count = scores.filter((score) => !Number.isNaN(score)).length;
  return Number.isNaN(rank) ? null : `${ordinal(rank)} of ${count} by ${label}`;
}

/** 1st, 2nd, 3rd; 4.5th for a shared rank. */
function ordinal(rank: number): string {
  const tens = rank % 100;
  const ending = tens > 10 && tens < 14 ? 'th' : ['th', 'st', 'nd', 'rd'][rank % 10];
  return `${rank}${ending ?? 'th'}`;
}

/** The paper's name for criteria with the ends locked: protection is a lock that people see. */
function Locks() {
  const locked = useStudio((state) => state.plan.present.locked);
  const ends = useStudio(endsLocked);
  const known = useStudio(knownCriteria);
  const named = known.filter(({ criterion }) => criterion.withEndsLocked);
  if (locked.length === 0 || named.length === 0) return null;
  const names = listed(
    named.map(({ label, criterion }) => `${label} is ${criterion.withEndsLocked}`),
  );
  const more = locked.length > 6 ? `; ${plural(locked.length - 6, 'more block')} locked` : '';
  return (
    <p className={kit.sub} data-testid="criteria-locks">
      {ends
        ? `With the first 4 and the last 2 blocks locked, ${names}${more}.`
        : `Locked: ${listed(locked)}. With the first 4 and the last 2 blocks locked, ${names}.`}
    </p>
  );
}
