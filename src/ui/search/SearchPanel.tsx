// The iterative search: its form, its steps, and its path beside the one-shot paths.

import { lazy, Suspense, useState } from 'react';
import { plural } from '../../quantities.ts';
import { remarksOf } from '../../state/score/selectors.ts';
import { isOnCurve } from '../../state/search/measured.ts';
import { hasPaths, pathsView } from '../../state/search/selectors.ts';
import type { SearchPath } from '../../state/search/state.ts';
import { SEARCH_WORDS } from '../../words/compare.ts';
import { formatPpl, formatSeconds } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { Sign } from '../kit/Sign.tsx';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { BestOrder } from './BestOrder.tsx';
import { MeasurePaths } from './MeasurePaths.tsx';
import { SearchForm } from './SearchForm.tsx';
import { SearchTable } from './SearchTable.tsx';
import css from './search.module.css';

const PathChart = lazy(() => import('../charts/PathChart.tsx'));

export function SearchPanel() {
  const running = useStudio((state) => state.search.running);
  const shows = useStudio(hasPaths);
  const [hover, setHover] = useState<string | null>(null);
  return (
    <Panel id="search" title={SEARCH_WORDS.title} sub={SEARCH_WORDS.sub} testId="search-panel">
      <div className={kit.stack}>
        <SearchForm running={running} />
        {running && <Running />}
        <ErrorNotice place="search" />
        <BestOrder />
        <MeasurePaths />
        {shows && (
          <>
            <Legend />
            <div className={css.plot}>
              <Suspense fallback={null}>
                <PathChart hover={hover} onHover={setHover} />
              </Suspense>
            </div>
            <Verdict />
            <SearchTable hover={hover} onHover={setHover} />
          </>
        )}
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
          <span className={kit.sub}>{SEARCH_WORDS.paused}</span>
        ) : (
          <JobProgress progress={progress} label={SEARCH_WORDS.running} />
        )}
        <span className={kit.grow} />
        <button
          type="button"
          data-testid="search-pause"
          onClick={() => actions.pauseSearch(!paused)}
        >
          {paused ? SEARCH_WORDS.continue : SEARCH_WORDS.pause}
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
      {endWords(path)} {news.join(' ')} {alone && SEARCH_WORDS.alone}
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
          <Sign name={name} /> <PathName name={name} label={label} />
        </span>
      ))}
    </p>
  );
}

function PathName({ name, label }: { name: string; label: string }) {
  if (name === 'iterative') return <Term id="iterative">{label}</Term>;
  return name === 'ppl' ? <Term id="oneShot">{label}</Term> : label;
}
