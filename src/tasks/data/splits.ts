// Which of several splits of a task is read.

import { EspalierError } from '../../errors.ts';
import { type Split, TASKS, taskOf } from '../table.ts';
import type { IgnoredFile } from './file.ts';
import type { Source } from './sources.ts';

const pathsOf = (sources: readonly Source[]): string[] =>
  sources.flatMap(({ parts }) => parts.map(({ file }) => file.path));

/**
 * Of each task the split that is scored, where files of it are there; else the only one there is.
 * Files that say no split are taken beside it.
 * @throws EspalierError `bad-input` for several other splits
 */
export function chosenSplit(sources: readonly Source[]): {
  sources: Source[];
  dropped: IgnoredFile[];
} {
  const out: Source[] = [];
  const dropped: IgnoredFile[] = [];
  for (const group of groups(sources)) {
    const { task, tasks } = group[0] as Source;
    const wanted = splitOfTask(task, tasks);
    const fits = group.filter(({ split }) => split === null || split === wanted);
    const others = group.filter((source) => !fits.includes(source));
    if (fits.length === 0) {
      checkOneSplit(others, wanted);
      out.push(...others);
      continue;
    }
    out.push(...fits);
    for (const source of others)
      dropped.push(
        ...pathsOf([source]).map((file) => ({
          file,
          why: `Its rows are for ${use(source.split)}; those of the ${wanted} split are scored.`,
        })),
      );
  }
  return { sources: out, dropped };
}

const use = (split: Split | null): string => (split === 'train' ? 'training' : `the ${split}`);

/** The split that is scored; own files have none. */
const splitOfTask = (task: string | null, tasks: readonly string[]): Split | null =>
  TASKS.find(({ id }) => id === (task ?? tasks[0]))?.split ?? null;

function groups(sources: readonly Source[]): Source[][] {
  const byTask = new Map<string, Source[]>();
  for (const source of sources) {
    const key = source.task ?? `? ${source.tasks.join()}`;
    byTask.set(key, [...(byTask.get(key) ?? []), source]);
  }
  return [...byTask.values()];
}

function checkOneSplit(sources: readonly Source[], wanted: Split | null): void {
  if (new Set(sources.map(({ split }) => split)).size < 2) return;
  const { task, tasks } = sources[0] as Source;
  throw new EspalierError(
    'bad-input',
    `${pathsOf(sources).join(' and ')} hold different parts of ` +
      `${taskOf(task ?? tasks[0] ?? '').label}, none of them the ${wanted} split.`,
    `Give the file of the ${wanted} split, or only one of these.`,
  );
}

/** What to know of rows of another split than the one that published scores are of. */
export function splitNote({ task, split }: Source): string | undefined {
  const known = TASKS.find(({ id }) => id === task);
  return !known || split === null || split === known.split
    ? undefined
    : `These are the rows of the ${split} split; published scores of ${known.label} are of the ` +
        `${known.split} split.`;
}
