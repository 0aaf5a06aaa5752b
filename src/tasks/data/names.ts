// What the names of files and folders tell: which split, which of several tasks, which part.

import type { Split } from '../table.ts';

/** Folders from the outermost, then the name of the file. */
const partsOf = (path: string): string[] => path.split(/[\\/]+/).filter((part) => part !== '');

/** The name without its folders. */
const baseName = (path: string): string => partsOf(path).at(-1) ?? path;

/** Its folders, '' for none. */
const folderOf = (path: string): string => path.slice(0, path.length - baseName(path).length);

/** The name without folders and extension. */
export const stemOf = (path: string): string => baseName(path).replace(/(?<=.)\.[^.]*$/, '');

const SPLIT_WORDS: Readonly<Record<string, Split>> = {
  train: 'train',
  training: 'train',
  dev: 'validation',
  val: 'validation',
  valid: 'validation',
  validation: 'validation',
  test: 'test',
  tests: 'test',
};

/**
 * The split that the words of a file's name, or the whole name of its folder, say; null where they
 * say none, or two.
 */
export function splitOf(path: string): Split | null {
  const [name = '', folder = ''] = partsOf(path).reverse();
  const words = name.split(/[^A-Za-z]+/).map((word) => SPLIT_WORDS[word.toLowerCase()]);
  const found = new Set(words.filter((split) => split !== undefined));
  if (found.size > 0) return found.size === 1 ? ([...found][0] ?? null) : null;
  return SPLIT_WORDS[folder.toLowerCase()] ?? null;
}

/** Names that tell tasks with equal fields apart, in files or folders. */
const TASK_NAMES: readonly (readonly [task: string, name: RegExp])[] = [
  ['openbookqa', /open[^a-z]*book|(^|[^a-z])obqa([^a-z]|$)/i],
  ['arc_easy', /(^|[^a-z])arc[^a-z]*e(asy)?([^a-z]|$)|^easy$/i],
  ['arc_challenge', /(^|[^a-z])arc[^a-z]*c(hallenge)?([^a-z]|$)|^challenge$/i],
];

/** Which of some tasks the name of a file says, or else its folders, the nearest first. */
export function namedTask<T extends string>(path: string, tasks: readonly T[]): T | null {
  for (const part of [stemOf(path), ...partsOf(path).reverse().slice(1)]) {
    const named = TASK_NAMES.filter(([, name]) => name.test(part)).map(([task]) => task);
    const [found, other] = tasks.filter((task) => named.includes(task));
    if (found !== undefined && other === undefined) return found;
  }
  return null;
}

/** A file that is one of several: "validation-00000-of-00002.parquet". */
export interface Shard {
  /** The same for all parts. */
  whole: string;
  index: number;
  count: number;
}

export function shardOf(path: string): Shard | null {
  const found = /^(.*)-(\d{5})-of-(\d{5})(.*)$/.exec(baseName(path));
  if (!found) return null;
  const [, start = '', index, count, end = ''] = found;
  return {
    whole: `${folderOf(path)}${start}-of-${count}${end}`,
    index: Number(index),
    count: Number(count),
  };
}

/** The path of the file that has the answers, as PIQA and WinoGrande name it. */
export const answersPath = (path: string): string => `${folderOf(path)}${stemOf(path)}-labels.lst`;
