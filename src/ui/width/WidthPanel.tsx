// Width or depth: one button that prunes by width as many weights as a plan does by depth, and what
// that does to perplexity and speed on this device.

import { widthView } from '../../state/width/selectors.ts';
import { WIDTH, WIDTH_STAGES } from '../../words/comparison/width.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { useStudio } from '../studioContext.ts';
import { WidthForm } from './WidthForm.tsx';
import { WidthResult } from './WidthResult.tsx';

export function WidthPanel() {
  const running = useStudio((state) => state.width.running !== null);
  const view = useStudio(widthView);
  return (
    <Panel id="width" title={WIDTH.title} sub={WIDTH.sub} testId="width-panel">
      <div className={kit.stack}>
        {!view && <p className={kit.sub}>{WIDTH.about}</p>}
        <WidthForm />
        {running && <Running />}
        <ErrorNotice place="width" />
        {view && <WidthResult view={view} />}
      </div>
    </Panel>
  );
}

function Running() {
  const running = useStudio((state) => state.width.running);
  const progress = useStudio(({ width, score }) =>
    width.running?.stage === 'score' ? score.progress : width.progress,
  );
  if (!running) return null;
  return (
    <>
      <div className={kit.row}>
        <JobProgress progress={progress} label={WIDTH.running} />
        <span className={kit.grow} />
        <CommandButton id="cancel" testId="width-cancel" />
      </div>
      <p className={kit.sub} data-testid="width-stage">
        {WIDTH_STAGES[running.stage]} {running.notes.join(' ')}
      </p>
    </>
  );
}
