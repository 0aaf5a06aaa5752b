// The text of a job: the bundled one, one of the user's, or one that is typed or pasted.

import { useId } from 'react';
import { isTokenIds, tokensNeeded } from '../../state/drafts/selectors.ts';
import type { TextField } from '../../state/drafts/state.ts';
import { countWords, TEXTS } from '../../words/texts.ts';
import { useActions, useStudio } from '../studioContext.ts';
import { FileButton } from './FileButton.tsx';
import kit from './kit.module.css';

interface Props {
  /** Whose text it is; what is typed is kept under this name. */
  field: TextField;
  /** Name of the bundled text. */
  bundled: string;
  isBundled: boolean;
  /** Name of the text in use when it is not the bundled one. */
  own: string | null;
  /** Extensions of files, as the input's `accept`. */
  accept: string;
  /** Lines of the field. */
  rows: number;
  testIds: {
    bundled: string;
    own: string;
    paste: string;
    file: string;
    text: string;
    use: string;
    count: string;
  };
  onBundled(): void;
  onFile(file: File): void;
}

export function TextChoice(props: Props) {
  const { field, bundled, isBundled, own, testIds } = props;
  const { open, used } = useStudio((state) => state.drafts[field]);
  const actions = useActions();
  const radio = (label: string, checked: boolean, testId: string, onChange: () => void) => (
    <label>
      <input
        type="radio"
        name={`text-of-${field}`}
        checked={checked}
        data-testid={testId}
        onChange={onChange}
      />
      {` ${label}`}
    </label>
  );
  return (
    <fieldset className={kit.field}>
      <legend>{TEXTS.legend}</legend>
      <div className={kit.stack}>
        <div className={kit.choices}>
          {radio(bundled, !open && isBundled, testIds.bundled, () => {
            actions.closeDraft(field);
            props.onBundled();
          })}
          {own !== null &&
            used === null &&
            radio(own, !open, testIds.own, () => actions.closeDraft(field))}
          {radio(TEXTS.paste, open, testIds.paste, () => actions.openDraft(field))}
          <FileButton
            label={TEXTS.file}
            accept={props.accept}
            testId={testIds.file}
            onFile={(file) => {
              actions.closeDraft(field);
              props.onFile(file);
            }}
          />
        </div>
        {open && <Paste field={field} rows={props.rows} testIds={testIds} />}
        <p className={kit.note}>{TEXTS[field].note}</p>
      </div>
    </fieldset>
  );
}

/** Stays open with what was typed, whatever comes of it. */
function Paste({ field, rows, testIds }: Pick<Props, 'field' | 'rows' | 'testIds'>) {
  const { text, used } = useStudio((state) => state.drafts[field]);
  const actions = useActions();
  const count = useId();
  const words = TEXTS[field];
  const isUsed = text === used;
  const idle = isUsed || text.trim() === '';
  return (
    <div className={kit.paste}>
      <textarea
        rows={rows}
        value={text}
        aria-label={words.label}
        aria-describedby={count}
        placeholder={words.placeholder}
        data-testid={testIds.text}
        onChange={(event) => actions.setDraft(field, event.target.value)}
        onBlur={() => actions.takeDraft(field, true)}
      />
      <div className={kit.row}>
        <button
          type="button"
          aria-disabled={idle}
          data-testid={testIds.use}
          onClick={() => !idle && actions.takeDraft(field)}
        >
          {isUsed ? TEXTS.inUse : TEXTS.use}
        </button>
        <Count id={count} field={field} testId={testIds.count} />
      </div>
    </div>
  );
}

function Count({ id, field, testId }: { id: string; field: TextField; testId: string }) {
  const count = useStudio((state) => state.drafts[field].count);
  const needed = useStudio((state) => tokensNeeded(state, field));
  const ofIds = useStudio((state) => isTokenIds(state, field));
  const noun = field === 'scoring' ? 'window' : 'segment';
  const short = count !== null && count.tokens < needed;
  return (
    <span id={id} className={short ? kit.bad : kit.sub} data-testid={testId}>
      {ofIds && TEXTS.tokenIds}
      {count && countWords(count.tokens, needed, noun)}
    </span>
  );
}
