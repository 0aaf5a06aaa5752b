// The iterative search: its form, its steps, and its path beside the one-shot paths.

import { lazy, Suspense, useState } from 'react';
import { engineJob } from '../../state/jobs.ts';
import { remarksOf } from '../../state/score/selectors.ts';
import { isOnCurve } from '../../state/search/measured.ts';
import { hasPaths, pathsView, unmeasured } from '../../state/search/selectors.ts';
import type { SearchPath } from '../../state/search/state.ts';
import { formatPpl, formatSeconds, plural } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { Sign } from '../kit/Sign.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { SearchForm } from './SearchForm.tsx';
import { SearchTable } from './SearchTable.tsx';
import css from './search.module.css';

const PathChart = lazy(() => import('../charts/PathChart.tsx'));

export function SearchPanel() {
  const running = useStudio((state) => state.search.running);
  const shows = useStudio(hasPaths);
  const [hover, setHover] = useState<string | null>(null);
  return (
    <Panel
      id="search"
      title="Iterative search"
      sub="removes the cheapest block, re-scores the rest, repeats"
      testId="search-panel"
    >
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
    </Panel>
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
          {paused ? 'Continue' : 'Pause'}
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
  const resumed = resumedSteps > 0 ? ` Resumed after ${plural(resumedSteps, 'step')}.` : '';
  const soFar = best
    ? `: ${plural(candidates.length, 'block')} tried, best so far: block ${best.block} ` +
      `(${formatPpl(best.nll)})`
    : '';
  const step = Math.min(steps.length + 1, request.count);
  return `Step ${step} of at most ${request.count}${soFar}.${resumed}`;
}

/** How the last search ended. */
function Verdict() {
  const path = useStudio((state) => state.search.path);
  const alone = useStudio(
    (state) => state.score.curve !== null && state.search.path !== null && !isOnCurve(state),
  );
  const { notes } = useStudio(remarksOf);
  if (!path?.ended) return null;
  // Notes of the curve are shown there.
  const news = path.notes.filter((note) => !notes.includes(note));
  return (
    <p className={kit.sub} data-testid="search-verdict">
      {endWords(path)} {news.join(' ')}{' '}
      {alone &&
        'It ran on other windows or another device than the curve, so the one-shot paths are ' +
          'not drawn.'}
    </p>
  );
}

function endWords({ ended, steps, request, seconds }: SearchPath): string {
  const done = plural(steps.length, 'block');
  const took = seconds === null ? '' : ` Took ${formatSeconds(seconds)}.`;
  switch (ended) {
    case 'count':
      return `All ${done} removed, one at a time.${took}`;
    case 'bound':
      return `${done} removed: one more would exceed a perplexity of ${request.maxPpl}.${took}`;
    case 'locks':
      return `${done} removed: no removable blocks left.${took}`;
    case 'cancelled':
      return `Stopped after ${plural(steps.length, 'step')}.`;
    default:
      return `Failed after ${plural(steps.length, 'step')}.`;
  }
}

function Legend() {
  const { series } = useStudio(pathsView);
  return (
    <p className={kit.legend}>
      {series.map(({ name, label }) => (
        <span key={name}>
          <Sign name={name} /> {label}
        </span>
      ))}
    </p>
  );
}

/** One-shot paths are measured on request, one plan at a time. */
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
      <span className={kit.sub}>Measures perplexity of {plural(missing.length, 'plan')}.</span>
    </div>
  );
}
