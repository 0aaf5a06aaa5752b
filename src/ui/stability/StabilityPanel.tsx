// The calibration study: its runs, and how stable the order of blocks is across them.

import { nameOfText } from '../../state/score/text.ts';
import {
  missingRuns,
  plannedRuns,
  STUDY_SIZES,
  stabilityView,
  studyObstacle,
  studySeconds,
} from '../../state/stability/selectors.ts';
import { formatSeconds, plural } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { Field } from '../kit/Field.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { WholeNumber } from '../kit/WholeNumber.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { StabilityRuns, StabilityTable } from './StabilityTable.tsx';
import css from './stability.module.css';

/** More seeds add little. */
const MOST_SEEDS = 10;

export function StabilityPanel() {
  const running = useStudio((state) => state.stability.running !== null);
  const view = useStudio(stabilityView);
  return (
    <Panel
      id="stability"
      title="How stable is this order?"
      sub="re-scores on other windows; your curve is kept"
      testId="stability-panel"
    >
      <div className={kit.stack}>
        {running ? <Running /> : <Form />}
        <ErrorNotice place="stability" />
        {view && (
          <>
            <StabilityTable view={view} />
            <StabilityRuns view={view} />
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
    <>
      <div className={kit.row}>
        <JobProgress progress={progress} label="Studying the order" />
        <span className={kit.grow} />
        <CommandButton id="cancel" testId="stability-cancel" />
      </div>
      <p className={kit.sub} data-testid="stability-run">
        Run {running.at + 1} of {running.of}: {running.label}.
      </p>
    </>
  );
}

function Form() {
  const form = useStudio((state) => state.stability.form);
  const text = useStudio((state) => state.score.settings.text);
  const obstacle = useStudio(studyObstacle);
  const { setStudy } = useActions();
  const toggle = (size: number) =>
    setStudy({
      sizes: form.sizes.includes(size)
        ? form.sizes.filter((one) => one !== size)
        : [...form.sizes, size],
    });
  return (
    <div className={css.form}>
      <fieldset className={css.choices}>
        <legend>Windows</legend>
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
      <Field label="Seeds per size">
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
      {text.kind === 'text' && (
        <fieldset className={css.choices}>
          <legend>from</legend>
          <label>
            <input
              type="checkbox"
              checked={form.own}
              data-testid="study-own"
              onChange={() => setStudy({ own: !form.own })}
            />
            {nameOfText(text)}
          </label>
          <label>
            <input
              type="checkbox"
              checked={form.bundled}
              data-testid="study-bundled"
              onChange={() => setStudy({ bundled: !form.bundled })}
            />
            bundled text
          </label>
        </fieldset>
      )}
      <CommandButton id="stability" label="Run study" testId="study-start" />
      <p className={`${kit.sub} ${css.wide}`} role="status" data-testid="study-estimate">
        {obstacle ?? <Estimate />}
      </p>
    </div>
  );
}

function Estimate() {
  const missing = useStudio((state) => missingRuns(state).length);
  const planned = useStudio((state) => plannedRuns(state).length);
  const seconds = useStudio(studySeconds);
  const done = planned > missing ? `, ${planned - missing} of ${planned} are done` : '';
  const time = seconds === null ? '' : `, about ${formatSeconds(seconds)}`;
  return (
    `${plural(missing, 'run')}${done}${time}. ` +
    'Windows are sampled at random; every run is kept.'
  );
}
