// Operators that a value goes through unchanged.

/** They pass their first operand on, at most in other dims. */
export const PASSING: ReadonlySet<string> = new Set([
  'Identity',
  'Cast',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
  'Dropout',
]);
