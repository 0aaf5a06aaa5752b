// Text of foreign origin as Markdown: names that may hold anything.

/** One line without backticks, 200 characters at most. */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}`]/gu, ' ').slice(0, 200);
}

/** A name as code: no backtick or line end of it reaches the Markdown. */
export function code(text: string): string {
  return `\`${plainText(text)}\``;
}

/** A name in a heading. */
export function escapedTitle(text: string): string {
  return plainText(text).replace(/[\\*_[\]<>#]/g, '\\$&');
}

/** A name in a cell of a table. */
export function escapedCell(text: string): string {
  return escapedTitle(text).replaceAll('|', '\\|');
}

/** "a, b and c" */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
