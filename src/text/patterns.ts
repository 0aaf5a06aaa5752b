// Checks the regular expressions in a tokenizer.json before they are run on the user's text.

import { backtrackingCheck } from './backtracking.ts';
import { brokenTokenizer } from './config.ts';

/** Most characters of a pattern; the longest known has 500. */
export const MAX_PATTERN_CHARS = 10_000;

/**
 * Refuses patterns that can take exponential time, as (a+)+ and (a|ab)* can. Tokenizers of known
 * models have none. Checks every member `Regex` of a section of tokenizer.json.
 * @throws EspalierError `tokenizer`, naming the pattern.
 */
export function requireSafePatterns(part: unknown): void {
  const obstacle = backtrackingCheck();
  visit(part, (pattern) => {
    const reason =
      pattern.length > MAX_PATTERN_CHARS
        ? `is longer than ${MAX_PATTERN_CHARS} characters`
        : obstacle(pattern);
    if (reason)
      throw brokenTokenizer(
        `The pattern ${JSON.stringify(pattern.slice(0, 80))} of tokenizer.json ${reason}.`,
        '',
      );
  });
}

function visit(part: unknown, check: (pattern: string) => void): void {
  if (typeof part !== 'object' || part === null) return;
  for (const [key, value] of Object.entries(part)) {
    if (key === 'Regex' && typeof value === 'string') check(value);
    else visit(value, check);
  }
}
