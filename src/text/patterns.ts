// Judges the regular expressions that a tokenizer.json brings, which run on the user's text; must
// not run one.

import { brokenTokenizer } from './config.ts';
import { patternJudge } from './patternForks.ts';

/** Characters of one pattern; the longest known has 500. */
export const MAX_PATTERN_CHARS = 10_000;

/**
 * Refuses patterns that can take time exponential in the text, as (a+)+ and (a|ab)* can. The
 * tokenizers of known models have none. Looks at every `Regex` member of a part of tokenizer.json.
 * @throws EspalierError `tokenizer` with the pattern
 */
export function requireTamePatterns(part: unknown): void {
  const why = patternJudge();
  visit(part, (pattern) => {
    const reason =
      pattern.length > MAX_PATTERN_CHARS
        ? `is longer than ${MAX_PATTERN_CHARS} characters`
        : why(pattern);
    if (reason)
      throw brokenTokenizer(
        `The pattern ${JSON.stringify(pattern.slice(0, 80))} of tokenizer.json ${reason}.`,
        '',
      );
  });
}

function visit(part: unknown, judge: (pattern: string) => void): void {
  if (typeof part !== 'object' || part === null) return;
  for (const [key, value] of Object.entries(part)) {
    if (key === 'Regex' && typeof value === 'string') judge(value);
    else visit(value, judge);
  }
}
