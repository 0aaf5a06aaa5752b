// The calibration study: its runs, and how stable the order of blocks is across them.

import { useId } from 'react';
import { CRITERIA } from '../../analysis/criteriaTable.ts';
import { plural } from '../../quantities.ts';
import { studyRange } from '../../state/estimate/selectors.ts';
import { nameOfText } from '../../state/score/text.ts';
import {
  missingRuns,
  plannedRuns,
  STUDY_SIZES,
  stabilityView,
  studyObstacle,
} from '../../state/stability/selectors.ts';
import { STUDY_CRITERIA } from '../../state/stability/state.ts';
import { runWords, STUDY_WORDS } from '../../words/compare.ts';
import { aboutSeconds } from '../../words/duration.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { Field } from '../kit/Field.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { WholeNumber } from '../kit/WholeNumber.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { StabilityRanks, StabilityRuns, StabilitySummary } from './StabilityTable.tsx';
import css from './stability.module.css';

/** More seeds add little. */
const MOST_SEEDS = 10;

export function StabilityPanel() {
  const running = useStudio((state) => state.stability.running !== null);
  const view = useStudio(stabilityView);
  return (
    <Panel id="stability" title={STUDY_WORDS.title} sub={STUDY_WORDS.sub} testId="stability-panel">
      <div className={kit.stack}>
        <Form running={running} />
        {running && <Running />}
        <ErrorNotice place="stability" />
        {view && (
          <>
            <StabilitySummary view={view} />
            <div className={css.details}>
              <StabilityRanks view={view} />
              <StabilityRuns view={view} />
            </div>
          </>
        )}
      </div>
    </Panel>
  );
}

function Running() {
  const { running, progress } = useStudio((state) => state.stability);
  if (!running) return null;
  return (
    <div className={kit.row}>
      <JobProgress progress={progress} label={STUDY_WORDS.running} />
      <span className={kit.sub} data-testid="stability-run">
        {runWords(running.at, running.of, running.label)}
      </span>
      <span className={kit.grow} />
      <CommandButton id="cancel" testId="stability-cancel" />
    </div>
  );
}

/** Stays while the study runs: what it holds is for the next one. */
function Form({ running }: { running: boolean }) {
  const form = useStudio((state) => state.stability.form);
  const obstacle = useStudio(studyObstacle);
  const { setStudy } = useActions();
  const hint = useId();
  const toggle = (size: number) =>
    setStudy({
      sizes: form.sizes.includes(size)
        ? form.sizes.filter((one) => one !== size)
        : [...form.sizes, size],
    });
  return (
    <form
      className={css.form}
      aria-label={STUDY_WORDS.form}
      onSubmit={(event) => event.preventDefault()}
    >
      <Criterion />
      <fieldset className={css.choices}>
        <legend>{STUDY_WORDS.windows}</legend>
        {STUDY_SIZES.map((size) => (
          <label key={size}>
            <input
              type="checkbox"
              checked={form.sizes.includes(size)}
              data-testid={`study-size-${size}`}
              onChange={() => toggle(size)}
            />
            {size}
          </label>
        ))}
      </fieldset>
      <Field label={STUDY_WORDS.seeds}>
        {(id) => (
          <WholeNumber
            id={id}
            value={form.seeds}
            min={1}
            max={MOST_SEEDS}
            testId="study-seeds"
            onChange={(seeds) => setStudy({ seeds })}
          />
        )}
      </Field>
      <Texts />
      {!running && (
        <>
          <CommandButton
            id="stability"
            label={STUDY_WORDS.start}
            testId="study-start"
            describedBy={hint}
          />
          <p id={hint} className={kit.sub} data-testid="study-estimate">
            {obstacle ?? <Estimate />}
          </p>
        </>
      )}
    </form>
  );
}

/** Whose order is studied. */
function Criterion() {
  const criterion = useStudio((state) => state.stability.criterion);
  const { setStudyCriterion } = useActions();
  return (
    <Field label={STUDY_WORDS.criterion}>
      {(id) => (
        <select
          id={id}
          value={criterion}
          data-testid="study-criterion"
          onChange={({ target }) =>
            setStudyCriterion(STUDY_CRITERIA.find((name) => name === target.value) ?? 'ppl')
          }
        >
          {STUDY_CRITERIA.map((name) => (
            <option key={name} value={name}>
              {CRITERIA.find((one) => one.name === name)?.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** Which texts, where there is one besides the bundled one. */
function Texts() {
  const { own, bundled } = useStudio((state) => state.stability.form);
  const text = useStudio((state) => state.score.settings.text);
  const { setStudy } = useActions();
  if (text.kind !== 'text') return null;
  return (
    <fieldset className={css.choices}>
      <legend>{STUDY_WORDS.from}</legend>
      <label>
        <input
          type="checkbox"
          checked={own}
          data-testid="study-own"
          onChange={() => setStudy({ own: !own })}
        />
        {nameOfText(text)}
      </label>
      <label>
        <input
          type="checkbox"
          checked={bundled}
          data-testid="study-bundled"
          onChange={() => setStudy({ bundled: !bundled })}
        />
        {STUDY_WORDS.bundled}
      </label>
    </fieldset>
  );
}

function Estimate() {
  const missing = useStudio((state) => missingRuns(state).length);
  const planned = useStudio((state) => plannedRuns(state).length);
  const range = useStudio(studyRange);
  const done = planned > missing ? `, ${planned - missing} of ${planned} are done` : '';
  const time = range === null ? '' : `, ${aboutSeconds(range)}`;
  return `${plural(missing, 'run')}${done}${time}. ${STUDY_WORDS.random}`;
}
