// The text of a job: the bundled one, one of the user's, or one that is pasted.

import { useState } from 'react';
import { FileButton } from './FileButton.tsx';
import kit from './kit.module.css';

interface Props {
  /** Of the radio buttons. */
  name: string;
  /** Name of the bundled text. */
  bundled: string;
  isBundled: boolean;
  /** Name of the text in use when it is not the bundled one. */
  own: string | null;
  /** Extensions of files, as the input's `accept`. */
  accept: string;
  note: string;
  paste: PasteField;
  testIds: { bundled: string; own: string; paste: string; file: string };
  onBundled(): void;
  onFile(file: File): void;
}

interface PasteField {
  label: string;
  placeholder: string;
  rows: number;
  /** Puts the button beside the field instead of below. */
  beside?: boolean;
  testIds: { text: string; use: string };
  /** What stands in the field at first. */
  draft: string;
  onUse(text: string): void;
  /** Takes what has been typed so far, when the field is opened or left. */
  onDraft?(text: string): void;
}

export function TextChoice(props: Props) {
  const { name, bundled, isBundled, own, testIds, paste } = props;
  const [pasting, setPasting] = useState(false);
  const [draft, setDraft] = useState(paste.draft);
  // A draft that takes effect while it is typed is itself the text in use.
  const showsOwn = own !== null && !(pasting && paste.onDraft);
  const radio = (label: string, checked: boolean, testId: string, onChange: () => void) => (
    <label>
      <input type="radio" name={name} checked={checked} data-testid={testId} onChange={onChange} />
      {` ${label}`}
    </label>
  );
  return (
    <fieldset className={kit.field}>
      <legend>Text</legend>
      <div className={paste.beside ? undefined : kit.stack}>
        <div className={kit.choices}>
          {radio(bundled, !pasting && isBundled, testIds.bundled, () => {
            setPasting(false);
            props.onBundled();
          })}
          {showsOwn && radio(own, !pasting, testIds.own, () => setPasting(false))}
          {radio('paste', pasting, testIds.paste, () => {
            setPasting(true);
            paste.onDraft?.(draft);
          })}
          <FileButton
            label="Choose a file"
            accept={props.accept}
            testId={testIds.file}
            onFile={(file) => {
              setPasting(false);
              props.onFile(file);
            }}
          />
        </div>
        {pasting && (
          <Paste field={paste} draft={draft} onDraft={setDraft} onUsed={() => setPasting(false)} />
        )}
        <p className={kit.note}>{props.note}</p>
      </div>
    </fieldset>
  );
}

interface PasteProps {
  field: PasteField;
  draft: string;
  onDraft(text: string): void;
  onUsed(): void;
}

function Paste({ field, draft, onDraft, onUsed }: PasteProps) {
  const isEmpty = !draft.trim();
  return (
    <div className={field.beside ? kit.pasteBeside : kit.stack}>
      <textarea
        rows={field.rows}
        value={draft}
        aria-label={field.label}
        placeholder={field.placeholder}
        data-testid={field.testIds.text}
        onChange={(event) => onDraft(event.target.value)}
        onBlur={() => field.onDraft?.(draft)}
      />
      <div className={kit.row}>
        <button
          type="button"
          aria-disabled={isEmpty}
          data-testid={field.testIds.use}
          onClick={() => {
            if (isEmpty) return;
            onUsed();
            field.onUse(draft);
          }}
        >
          Use this text
        </button>
      </div>
    </div>
  );
}
