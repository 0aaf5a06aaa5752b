// Help: what the page does, the terms, the keys (from the commands themselves), and about.

import { COMMANDS } from '../../state/commands.ts';
import { VERSION } from '../../version.ts';
import { HELP } from '../../words/dialogs/help.ts';
import { TERMS } from '../../words/terms.ts';
import { Dialog } from '../kit/Dialog.tsx';
import { keyName } from '../kit/keyName.ts';
import kit from '../kit/kit.module.css';
import { PaperLink } from '../kit/PaperLink.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { useFirstFocus } from '../useFirstFocus.ts';
import css from './help.module.css';

/** Keys come last, and folded, where there is most likely no keyboard. */
const isTouch = () => window.matchMedia('(pointer: coarse)').matches;

export default function HelpDialog() {
  const actions = useActions();
  const top = useFirstFocus<HTMLElement>();
  return (
    <Dialog title={HELP.title} onClose={() => actions.openDialog(null)} testId="help-dialog">
      <section ref={top} tabIndex={-1} className={css.part} aria-labelledby="help-does">
        <h3 id="help-does">{HELP.does}</h3>
        <ol className={css.steps}>
          {HELP.steps.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ol>
      </section>
      <section className={css.part} aria-labelledby="help-files">
        <h3 id="help-files">{HELP.files}</h3>
        <Pairs pairs={HELP.fileKinds} />
      </section>
      <section className={css.part} aria-labelledby="help-terms" data-testid="help-terms">
        <h3 id="help-terms">{HELP.terms}</h3>
        <dl className={css.terms}>
          {Object.values(TERMS).map(({ name, explanation }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{explanation}</dd>
            </div>
          ))}
        </dl>
      </section>
      <details open={!isTouch()} data-testid="help-keys">
        <summary>{HELP.keys}</summary>
        <Keys />
      </details>
      <section className={css.part} aria-labelledby="help-about" data-testid="about">
        <h3 id="help-about">{HELP.about}</h3>
        <p>{HELP.version(VERSION)}</p>
        <p>
          {HELP.paper} <PaperLink full />.
        </p>
        <p>{HELP.private}</p>
      </section>
    </Dialog>
  );
}

function Keys() {
  const actions = useActions();
  const singleKeys = useStudio((state) => state.view.singleKeys);
  const commands = COMMANDS.filter(({ keys }) => keys.length > 0);
  return (
    <div className={css.part}>
      <h4>{HELP.anywhere}</h4>
      <Pairs pairs={commands.map(({ keys, label }) => [keyName(keys[0]!), label])} keys />
      <label>
        <input
          type="checkbox"
          checked={singleKeys}
          data-testid="single-keys"
          onChange={() => actions.setSingleKeys(!singleKeys)}
        />{' '}
        {HELP.singleKeys}
      </label>
      <h4>{HELP.inList}</h4>
      <Pairs pairs={HELP.listKeys} keys />
    </div>
  );
}

function Pairs({ pairs, keys = false }: { pairs: readonly (readonly string[])[]; keys?: boolean }) {
  return (
    <dl className={keys ? kit.facts : css.terms}>
      {pairs.map(([what, does]) => (
        <div key={what} style={keys ? { display: 'contents' } : undefined}>
          <dt>{keys ? <kbd>{what}</kbd> : what}</dt>
          <dd>{does}</dd>
        </div>
      ))}
    </dl>
  );
}
