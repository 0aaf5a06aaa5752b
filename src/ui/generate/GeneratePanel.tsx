// Generation side by side: one prompt, the texts of both models, and where they first differ.

import { useId, useRef } from 'react';
import { continued } from '../../state/generate/prompt.ts';
import {
  divergence,
  generateObstacle,
  textsAreSame,
  waitsForPerplexity,
} from '../../state/generate/selectors.ts';
import { continueWith, firstDifferenceWords, SIDE_BY_SIDE } from '../../words/quality.ts';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { GenerateForm } from './GenerateForm.tsx';
import { GenerateSide } from './GenerateSide.tsx';
import { focusPrompt } from './GenerateTurns.tsx';
import css from './generate.module.css';

export function GeneratePanel() {
  const shown = useStudio((state) => state.generate.shown);
  const plan = useStudio((state) => state.plan.present);
  const at = useStudio(divergence);
  const isSame = useStudio(textsAreSame);
  const stale =
    shown !== null &&
    (shown.removed.join() !== plan.removed.join() || shown.healing !== plan.healing);
  return (
    <Panel id="generate" title={SIDE_BY_SIDE.title} sub={SIDE_BY_SIDE.sub} testId="generate-panel">
      <GenerateForm />
      <Tools />
      <ErrorNotice place="generate" />
      {shown && (
        <>
          <div className={css.sides} data-stale={stale}>
            <GenerateSide which="original" shown={shown} divergesAt={at} />
            {shown.removed.length > 0 ? (
              <GenerateSide which="pruned" shown={shown} divergesAt={at} />
            ) : (
              <p className={kit.sub}>{SIDE_BY_SIDE.onlyOriginal}</p>
            )}
          </div>
          <p className={kit.sub} data-testid="generate-verdict">
            {stale && `${SIDE_BY_SIDE.anotherPlan} `}
            {shown.removed.length > 0 && at !== null && `${firstDifferenceWords(at + 1)} `}
            {isSame && `${SIDE_BY_SIDE.same} `}
            {shown.notes.join(' ')}
          </p>
          <Continue />
        </>
      )}
    </Panel>
  );
}

/** A click this soon after the start is the second of a double click, not meant to stop. */
const DOUBLE_CLICK_MS = 400;

function Tools() {
  const running = useStudio((state) => state.generate.running);
  const progress = useStudio((state) => state.generate.progress);
  const waiting = useStudio(waitsForPerplexity);
  const obstacle = useStudio(generateObstacle);
  const actions = useActions();
  const started = useRef(0);
  const hint = useId();
  return (
    <div className={css.tools}>
      {running ? (
        <button
          type="button"
          data-testid="stop"
          onClick={() =>
            performance.now() - started.current > DOUBLE_CLICK_MS && actions.stopGenerating()
          }
        >
          {SIDE_BY_SIDE.stop}
        </button>
      ) : (
        <button
          type="button"
          data-testid="generate"
          aria-disabled={obstacle !== null}
          aria-describedby={hint}
          onClick={() => {
            started.current = performance.now();
            void actions.generate();
          }}
        >
          {SIDE_BY_SIDE.start}
        </button>
      )}
      {running && progress && <JobProgress progress={progress} label={SIDE_BY_SIDE.loading} />}
      {waiting && <span className={kit.sub}>{SIDE_BY_SIDE.waiting}</span>}
      {!running && (
        <span id={hint} className={kit.sub}>
          {obstacle}
        </span>
      )}
    </div>
  );
}

/** A chat continues from one of the two answers. */
function Continue() {
  const { shown, running, form } = useStudio((state) => state.generate);
  const actions = useActions();
  const sides = (['original', 'pruned'] as const).filter((which) => continued(shown, which));
  if (running || sides.length === 0) return null;
  const last = form.turns.at(-1);
  const isLast = form.turns.length > (shown?.form.turns.length ?? 0);
  return (
    <fieldset className={css.modes}>
      <legend className={kit.hidden}>{SIDE_BY_SIDE.continueChat}</legend>
      {sides.map((which) => (
        <button
          key={which}
          type="button"
          aria-pressed={
            isLast && last?.which === which && last.assistant === shown?.sides[which]?.text
          }
          data-testid={`continue-${which}`}
          onClick={() => {
            actions.continueChat(which);
            focusPrompt();
          }}
        >
          {sides.length > 1 ? continueWith(which) : SIDE_BY_SIDE.continue}
        </button>
      ))}
    </fieldset>
  );
}
