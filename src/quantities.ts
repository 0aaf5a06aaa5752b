// Quantities as people read them: three digits and a unit of 1000; counts and lists in words.

/** "12.1 MB", "512 B". */
export function formatBytes(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB']);
}

/** @param units from 1 upwards, each a thousand of the one before. */
export function scaled(value: number, units: readonly string[], decimals = 1): string {
  let i = 0;
  let v = value;
  while (v >= 999.5 && i < units.length - 1) {
    v /= 1000;
    i++;
  }
  const places = v >= 10 ? Math.min(decimals, 1) : decimals;
  return `${v.toFixed(i === 0 || v >= 100 ? 0 : places)} ${units[i]}`;
}

/** "1 block", "3 blocks". */
export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

/** "1, 2 and 5". */
export function listed(items: readonly (string | number)[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}
