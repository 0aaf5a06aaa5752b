// Iterative search: what to look for, the steps as they come, and its path against the one-shot
// paths. The plan changes only when a point is taken.

import { lazy, Suspense, useState } from 'react';
import { engineJob } from '../../state/jobs.ts';
import { hasPaths, isOnCurve, pathsView, unmeasured } from '../../state/search/selectors.ts';
import type { SearchPath } from '../../state/search/state.ts';
import { remarksOf } from '../../state/selectors.ts';
import { formatPpl, formatSeconds, plural } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { Sign } from '../kit/Sign.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { SearchForm } from './SearchForm.tsx';
import { SearchTable } from './SearchTable.tsx';
import css from './search.module.css';

const PathChart = lazy(() => import('../charts/PathChart.tsx'));

export function SearchPanel() {
  const canScore = useStudio((state) => state.model.current?.summary.canScore ?? false);
  const running = useStudio((state) => state.search.running);
  const shows = useStudio(hasPaths);
  const [hover, setHover] = useState<string | null>(null);
  if (!canScore) return null;
  return (
    <section className={kit.card} aria-labelledby="search-title" data-testid="search-panel">
      <div className={kit.head}>
        <h2 id="search-title">Iterative search</h2>
        <span className={kit.sub}>
          the block that costs least goes, and what is left is scored again
        </span>
      </div>
      <div className={kit.stack}>
        {running ? <Running /> : <SearchForm />}
        <ErrorNotice place="search" />
        {shows && (
          <>
            <Legend />
            <Suspense fallback={<div className={css.space} />}>
              <PathChart hover={hover} onHover={setHover} />
            </Suspense>
            <Verdict />
            <SearchTable hover={hover} onHover={setHover} />
          </>
        )}
        <Paths />
      </div>
    </section>
  );
}

function Running() {
  const { path, progress, paused } = useStudio((state) => state.search);
  const actions = useActions();
  if (!path) return null;
  return (
    <>
      <div className={kit.row}>
        {paused ? (
          <span className={kit.sub}>paused</span>
        ) : (
          <JobProgress progress={progress} label="Searching" />
        )}
        <span className={kit.grow} />
        <button
          type="button"
          data-testid="search-pause"
          onClick={() => actions.pauseSearch(!paused)}
        >
          {paused ? 'Go on' : 'Pause'}
        </button>
        <CommandButton id="cancel" testId="search-cancel" />
      </div>
      <p className={kit.sub} data-testid="search-step">
        {stepWords(path)}
      </p>
    </>
  );
}

function stepWords({ steps, request, candidates, resumedSteps }: SearchPath): string {
  const best = candidates.reduce<(typeof candidates)[number] | null>(
    (a, b) => (a && a.nll <= b.nll ? a : b),
    null,
  );
  const resumed =
    resumedSteps > 0 ? ` It goes on after ${plural(resumedSteps, 'step')} of an earlier run.` : '';
  const soFar = best
    ? `: ${plural(candidates.length, 'block')} tried, best so far block ${best.block} ` +
      `(${formatPpl(best.nll)})`
    : '';
  return (
    `Step ${Math.min(steps.length + 1, request.count)} of at most ` +
    `${request.count}${soFar}.${resumed}`
  );
}

/** How the last search ended, and what it cost. */
function Verdict() {
  const path = useStudio((state) => state.search.path);
  const alone = useStudio(
    (state) => state.score.curve !== null && state.search.path !== null && !isOnCurve(state),
  );
  const { notes } = useStudio(remarksOf);
  if (!path?.ended) return null;
  // What stands below the curve is not said again.
  const news = path.notes.filter((note) => !notes.includes(note));
  return (
    <p className={kit.sub} data-testid="search-verdict">
      {endWords(path)} {news.join(' ')}{' '}
      {alone &&
        'It ran on other windows than the curve in force, or on another device: nothing is ' +
          'drawn against it.'}
    </p>
  );
}

function endWords({ ended, steps, request, seconds, costRatio }: SearchPath): string {
  const done = plural(steps.length, 'block');
  const cost = costRatio === null ? '' : `, ${costRatio.toFixed(2)} × the ideal cost`;
  const took = seconds === null ? '' : ` It took ${formatSeconds(seconds)}${cost}.`;
  switch (ended) {
    case 'count':
      return `All ${done} removed, one at a time.${took}`;
    case 'bound':
      return `${done} removed: one more would go above a perplexity of ${request.maxPpl}.${took}`;
    case 'locks':
      return `${done} removed: nothing else may go.${took}`;
    case 'cancelled':
      return `Stopped after ${plural(steps.length, 'step')}.`;
    default:
      return `Failed after ${plural(steps.length, 'step')}.`;
  }
}

function Legend() {
  const { series } = useStudio(pathsView);
  return (
    <p className={css.legend}>
      {series.map(({ name, label }) => (
        <span key={name}>
          <Sign name={name} /> {label}
        </span>
      ))}
    </p>
  );
}

/** One-shot paths are measured when someone asks: one plan each, as the effect measures them. */
function Paths() {
  const measuring = useStudio((state) => state.search.measuring);
  const missing = useStudio(unmeasured);
  const busy = useStudio((state) => engineJob(state) !== null);
  const hasCurve = useStudio((state) => state.score.curve !== null);
  const actions = useActions();
  if (measuring) {
    return (
      <div className={kit.row}>
        <div className={kit.progress}>
          <progress
            aria-label="Measuring one-shot paths"
            max={measuring.total}
            value={measuring.done}
          />
          <span data-testid="paths-progress">
            {measuring.done} of {plural(measuring.total, 'plan')}
          </span>
        </div>
        <span className={kit.grow} />
        <CommandButton id="cancel" testId="paths-cancel" />
      </div>
    );
  }
  if (!hasCurve || missing.length === 0 || busy) return null;
  return (
    <div className={kit.row}>
      <button type="button" data-testid="measure-paths" onClick={() => void actions.measurePaths()}>
        Measure one-shot paths
      </button>
      <span className={kit.sub}>
        {plural(missing.length, 'plan')}, each as the effect measures one
      </span>
    </div>
  );
}
