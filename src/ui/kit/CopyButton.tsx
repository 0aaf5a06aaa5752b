// A button that copies a text and says whether it did.

import { useRef, useState } from 'react';
import { copyText } from './copyText.ts';
import css from './kit.module.css';

interface Props {
  label?: string;
  /** Read aloud: what is copied. */
  name?: string;
  text: string | (() => string);
  testId: string;
}

export function CopyButton({ label = 'Copy', name, text, testId }: Props) {
  const [said, setSaid] = useState('');
  const button = useRef<HTMLButtonElement>(null);
  const copy = async () => {
    const ok = await copyText(typeof text === 'string' ? text : text(), button.current);
    setSaid(ok ? 'Copied.' : 'The browser does not allow this page to copy.');
  };
  return (
    <span className={css.copy}>
      <button
        ref={button}
        type="button"
        aria-label={name && `${label} ${name}`}
        data-testid={testId}
        onClick={() => void copy()}
        onBlur={() => setSaid('')}
      >
        {label}
      </button>
      <span className={css.sub} role="status">
        {said}
      </span>
    </span>
  );
}
