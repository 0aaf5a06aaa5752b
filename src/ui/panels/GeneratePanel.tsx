// Side by side generation: one prompt, two texts that stream, their speeds, and where they part. Model text is text, never markup.

import { divergence, whyNoGenerating } from '../../state/generateActions.ts';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import { GenerateForm } from './GenerateForm.tsx';
import { GenerateSide } from './GenerateSide.tsx';
import css from './generate.module.css';

export function GeneratePanel() {
  const shown = useStudio((state) => state.generate.shown);
  const removed = useStudio((state) => state.plan.present.removed);
  const at = useStudio(divergence);
  const stale = shown !== null && shown.removed.join() !== removed.join();
  return (
    <section className={kit.card} aria-labelledby="generate-title" data-testid="generate-panel">
      <div className={kit.head}>
        <h2 id="generate-title">Side by side</h2>
        <span className={kit.sub}>the same prompt, seed and settings for original and plan</span>
      </div>
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
              <p className={kit.sub}>Nothing is removed: the original goes on alone.</p>
            )}
          </div>
          <p className={kit.sub} data-testid="generate-verdict">
            {stale && 'Generated with another plan. '}
            {shown.removed.length > 0 && at !== null && `The texts part at token ${at + 1}. `}
            {shown.notes.join(' ')}
          </p>
        </>
      )}
    </section>
  );
}

function Tools() {
  const running = useStudio((state) => state.generate.running);
  const progress = useStudio((state) => state.generate.progress);
  const why = useStudio(whyNoGenerating);
  const actions = useActions();
  return (
    <div className={css.tools}>
      {running ? (
        <button type="button" data-testid="stop" onClick={actions.stopGenerating}>
          Stop
        </button>
      ) : (
        <button
          type="button"
          data-testid="generate"
          aria-disabled={why !== ''}
          title={why || undefined}
          onClick={() => void actions.generate()}
        >
          Generate
        </button>
      )}
      {running && progress && <JobProgress progress={progress} label="Loading the variants" />}
      {!running && why !== '' && <span className={kit.sub}>{why}</span>}
    </div>
  );
}
