// The name that a mistyped one was probably meant to be.

/** " Did you mean x?", or nothing when no name is close. */
export function didYouMean(written: string, names: readonly string[]): string {
  const name = nearestName(written, names);
  return name === null ? '' : ` Did you mean ${name}?`;
}

/** Close is: one edit for every three letters, or the beginning of the other. */
export function nearestName(written: string, names: readonly string[]): string | null {
  const word = letters(written);
  const most = Math.max(1, Math.floor(word.length / 3));
  let nearest: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const distance = begins(word, letters(name)) ? 0.5 : editDistance(word, letters(name));
    if (distance > most || distance >= least) continue;
    least = distance;
    nearest = name;
  }
  return nearest;
}

/** Dashes in front say nothing about how close two options are. */
function letters(name: string): string {
  return name.toLowerCase().replace(/^-+/, '');
}

function begins(a: string, b: string): boolean {
  return Math.min(a.length, b.length) >= 3 && (a.startsWith(b) || b.startsWith(a));
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i]);
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let j = 1; j <= b.length; j++) (rows[0] as number[])[j] = j;
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      (rows[i] as number[])[j] = Math.min(
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        at(i - 1, j - 1) + (same ? 0 : 1),
        swapped ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
  return at(a.length, b.length);
}
