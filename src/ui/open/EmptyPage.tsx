// The first page: what Espalier is, three ways in, and the importance curve of the sample.

import { CommandButton } from '../kit/CommandButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import kit from '../kit/kit.module.css';
import { Opening } from '../kit/Opening.tsx';
import { Earlier } from '../recents/Earlier.tsx';
import { useStudio } from '../studioContext.ts';
import css from './empty.module.css';
import { SamplePicture } from './SamplePicture.tsx';

export function EmptyPage() {
  const opening = useStudio((state) => state.model.opening);
  return (
    <main className={css.empty}>
      <section className={css.story}>
        <p className={css.lead}>Which blocks can your language model do without?</p>
        <p>
          Open an ONNX model folder. Espalier removes each transformer block in turn, shows what
          that does to perplexity, and exports a smaller model that runs wherever the original runs.
        </p>
        <div className={css.doors} aria-busy={opening !== null}>
          <CommandButton id="sample" testId="open-sample" />
          <CommandButton id="open" testId="open-folder" />
          <span className={css.dropHint}>or drop a folder anywhere on this page</span>
        </div>
        {opening ? (
          <Opening />
        ) : (
          <p className={kit.note}>
            Folders for transformers.js, ONNX Runtime GenAI and Optimum, or a zip of one. Nothing
            leaves this tab.
          </p>
        )}
        <ErrorNotice place="open" />
        <ErrorNotice place="restore" />
        <Earlier />
      </section>
      <SamplePicture />
    </main>
  );
}
