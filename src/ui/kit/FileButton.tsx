// A button that asks for one file. The input covers it, so that keyboard and drop work natively.

import css from './kit.module.css';

interface Props {
  label: string;
  /** Extensions, as the input's `accept`. */
  accept: string;
  testId: string;
  onFile(file: File): void;
}

export function FileButton({ label, accept, testId, onFile }: Props) {
  return (
    <label className={css.file}>
      <span>{label}</span>
      <input
        type="file"
        accept={accept}
        data-testid={testId}
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (file) onFile(file);
          // The same file can be chosen again after it was changed.
          event.target.value = '';
        }}
      />
    </label>
  );
}
