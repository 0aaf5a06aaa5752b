// Criteria side by side: computed on request, each with its correlation with perplexity, in one
// chart. The plan changes only when another order is made the current one.

import { lazy, Suspense, useId } from 'react';
import {
  CRITERIA,
  isMeasured,
  MEASURED_SOURCES,
  type MeasuredSource,
} from '../../analysis/criteriaTable.ts';
import { formatBytes, listed, plural } from '../../quantities.ts';
import { gradientObstacle } from '../../state/criteria/gradients.ts';
import { unmeasuredLowest } from '../../state/criteria/lowest.ts';
import { missingCosts, missingSources, sourceWarnings } from '../../state/criteria/missing.ts';
import { knownCriteria } from '../../state/criteria/selectors.ts';
import { SOURCES, type SourceCost } from '../../state/criteria/sources.ts';
import { criteriaSeconds, plansSeconds } from '../../state/estimate/selectors.ts';
import { engineJob } from '../../state/jobs.ts';
import { derive } from '../../state/memo.ts';
import { endsLocked } from '../../state/plan/locks.ts';
import { canScore } from '../../state/score/selectors.ts';
import type { StudioState } from '../../state/state.ts';
import {
  CRITERIA_WORDS,
  leftOut,
  measuresPlans,
  memoryWords,
  plusWords,
} from '../../words/compare.ts';
import { aboutSeconds } from '../../words/duration.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { CriteriaDetails } from './CriteriaDetails.tsx';
import { CriteriaList } from './CriteriaList.tsx';
import { CriteriaReading, CriteriaTools } from './CriteriaTools.tsx';
import css from './criteria.module.css';

const RankChart = lazy(() => import('../charts/RankChart.tsx'));

export function CriteriaPanel() {
  const running = useStudio((state) => state.criteria.running);
  const compared = useStudio((state) => state.criteria.compared && knownCriteria(state).length > 0);
  const isMissing = useStudio((state) => missingSources(state).length > 0);
  return (
    <Panel
      id="criteria"
      title={CRITERIA_WORDS.title}
      sub={CRITERIA_WORDS.sub}
      testId="criteria-panel"
    >
      <div className={kit.stack}>
        {running && <Running source={running} />}
        {!running && (isMissing || !compared) && <Compare />}
        {!running && <LeftOut />}
        <ErrorNotice place="criteria" />
        {compared && (
          <>
            <CriteriaList />
            <Measure />
            <Warnings />
            <Locks />
            <CriteriaTools />
            <div className={css.plot}>
              <Suspense fallback={null}>
                <RankChart />
              </Suspense>
            </div>
            <CriteriaReading />
            <CriteriaDetails />
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
      <JobProgress progress={progress} label={CRITERIA_WORDS.running} />
      <span className={kit.grow} />
      <CommandButton id="cancel" testId="criteria-cancel" />
    </div>
  );
}

/** Criteria that a press of the button gives. */
const computed = derive(
  (state: StudioState) => [canScore(state), gradientObstacle(state) === null],
  (scorable, differentiable): string[] =>
    CRITERIA.filter(
      ({ needs }) =>
        isMeasured(needs) &&
        (scorable || !MEASURED_SOURCES[needs].onWindows) &&
        (differentiable || needs !== 'taylor'),
    ).map(({ label }) => label),
);

const costWords = ({ words, bytes, memory }: SourceCost): string => {
  const read = memory?.streaming && memory.bytesRead ? formatBytes(memory.bytesRead) : null;
  const more = memory ? memoryWords(formatBytes(memory.total), read) : bytes && formatBytes(bytes);
  return more ? `${words} (${more})` : words;
};

/** Why the criterion from gradients is not compared, where the model has none. */
function LeftOut() {
  const why = useStudio(gradientObstacle);
  const names = CRITERIA.filter(({ needs }) => needs === 'taylor').map(({ label }) => label);
  if (why === null) return null;
  return (
    <p className={kit.sub} data-testid="no-gradients">
      {leftOut(listed(names), why)}
    </p>
  );
}

function Compare() {
  const costs = useStudio(missingCosts);
  const criteria = useStudio(computed);
  const seconds = useStudio(criteriaSeconds);
  const hint = useId();
  const todo = costs.map(costWords);
  if (costs.length > 0 && seconds) todo.push(aboutSeconds(seconds));
  return (
    <div className={kit.row}>
      <CommandButton id="compare-criteria" describedBy={hint} />
      <span id={hint} className={kit.sub} data-testid="compare-cost">
        {listed(criteria)}
        {todo.length > 0 && `; ${todo.join(', ')}`}.
      </span>
    </div>
  );
}

/** What makes the numbers of a criterion doubtful, or differ from what runs. */
function Warnings() {
  const warnings = useStudio(sourceWarnings);
  return warnings.map((warning) => (
    <p key={warning} className={kit.sub} data-testid="criteria-warning">
      {warning}
    </p>
  ));
}

/** The perplexity of what each criterion would remove. */
function Measure() {
  const plans = useStudio(unmeasuredLowest);
  const busy = useStudio((state) => engineJob(state) !== null);
  const time = useStudio((state) => {
    const seconds = plansSeconds(state, unmeasuredLowest(state).length);
    return seconds && aboutSeconds(seconds);
  });
  const actions = useActions();
  const hint = useId();
  if (plans.length === 0 || busy) return null;
  return (
    <div className={kit.row}>
      <button
        type="button"
        aria-describedby={hint}
        data-testid="measure-lowest"
        onClick={() => void actions.measurePlans(plans)}
      >
        {CRITERIA_WORDS.measure}
      </button>
      <span id={hint} className={kit.sub}>
        {measuresPlans(plural(plans.length, 'plan'), time)}
      </span>
    </div>
  );
}

/** The paper's name for criteria with the ends locked: protection is a lock that people see. */
function Locks() {
  const locked = useStudio((state) => state.plan.present.locked);
  const ends = useStudio(endsLocked);
  const known = useStudio(knownCriteria);
  const named = known.filter(({ criterion }) => criterion.withEndsLocked);
  if (locked.length === 0 || named.length === 0) return null;
  const names = [...new Set(named.map(({ criterion }) => criterion.withEndsLocked!))].map(
    (plus) => {
      const of = named.filter(({ criterion }) => criterion.withEndsLocked === plus);
      return { names: listed(of.map(({ label }) => label)), several: of.length > 1, plus };
    },
  );
  const where = ends && locked.length === 6 ? '' : `Locked: ${listed(locked)}. `;
  return (
    <p className={kit.sub} data-testid="criteria-locks">
      {where}
      {plusWords(names)}
    </p>
  );
}
