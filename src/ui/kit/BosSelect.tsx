// Whether token sequences begin with the BOS token.

type Bos = 'none' | 'every' | null;

interface Props {
  id: string;
  /** Null leaves it to the tokenizer. */
  value: Bos;
  /** What one token sequence is called here. */
  noun: 'window' | 'segment';
  disabled?: boolean;
  testId: string;
  onChange(value: Bos): void;
}

export function BosSelect({ id, value, noun, disabled, testId, onChange }: Props) {
  return (
    <select
      id={id}
      value={value ?? 'auto'}
      disabled={disabled}
      data-testid={testId}
      onChange={({ target }) => onChange(target.value === 'auto' ? null : (target.value as Bos))}
    >
      <option value="auto">as the tokenizer does</option>
      <option value="none">never</option>
      <option value="every">every {noun}</option>
    </select>
  );
}
