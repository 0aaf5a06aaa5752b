// Says when a tokenizer cannot write much of a text.

/** Share of unknown tokens from which it is said. */
const MOST_UNKNOWN = 0.01;

/**
 * A warning when more than 1 % of the tokens of a text are the unknown token; null otherwise, and
 * for a tokenizer that has none.
 * @param what the text, as in "calibration text"
 */
export function unknownWarning(
  ids: readonly number[],
  unknownId: number | null,
  what: string,
): string | null {
  if (unknownId === null || ids.length === 0) return null;
  const share = ids.filter((id) => id === unknownId).length / ids.length;
  if (share <= MOST_UNKNOWN) return null;
  const percent = (share * 100).toFixed(share < 0.1 ? 1 : 0);
  return (
    `${percent} % of the tokens of the ${what} are the unknown token (id ${unknownId}): the ` +
    'vocabulary of this tokenizer cannot write them, so the perplexity says little about this ' +
    'text. Use a text in the language of the model, or check that the tokenizer belongs to it.'
  );
}
