// The plan in the address bar, `#plan=3,7-9`; must not decide what a model makes of it.

/** `[3, 7, 8, 9]` as `3,7-9`; runs of two stay apart. */
export function formatBlocks(blocks: readonly number[]): string {
  const runs: string[] = [];
  for (let i = 0; i < blocks.length; ) {
    let j = i;
    while (blocks[j + 1] === blocks[j]! + 1) j++;
    if (j - i >= 2) runs.push(`${blocks[i]}-${blocks[j]}`);
    else for (let k = i; k <= j; k++) runs.push(String(blocks[k]));
    i = j + 1;
  }
  return runs.join(',');
}

/** The blocks of `3,7-9`, ascending, or null when the text is not such a list. */
export function parseBlocks(text: string): number[] | null {
  const blocks = new Set<number>();
  for (const run of text.split(',')) {
    const match = /^\s*(\d{1,4})(?:\s*-\s*(\d{1,4}))?\s*$/.exec(run);
    if (!match) return null;
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    if (last < first) return null;
    for (let block = first; block <= last; block++) blocks.add(block);
  }
  return [...blocks].sort((a, b) => a - b);
}

export function planToHash(removed: readonly number[]): string {
  return removed.length ? `#plan=${formatBlocks(removed)}` : '';
}

/** The plan of a hash: none removed when the hash is empty, null when it cannot be read. */
export function planFromHash(hash: string): number[] | null {
  const text = /(?:^#|&)plan=([^&]*)/.exec(hash)?.[1] ?? (hash.length < 2 ? '' : null);
  if (!text) return text === '' ? [] : null;
  try {
    return parseBlocks(decodeURIComponent(text));
  } catch {
    return null;
  }
}
