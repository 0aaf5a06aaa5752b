// Files of rows as sources of a task: parts joined, the task told, the split told.

import { EspalierError } from '../../errors.ts';
import type { Split } from '../table.ts';
import { namedTask, shardOf, splitOf, stemOf } from './names.ts';
import type { Recognised } from './sniff.ts';

/** One copy of the rows of a task: a file, or several parts of one. */
export interface Source {
  /** Of the table; the name of an own file; null where nothing tells which of `tasks` it is. */
  task: string | null;
  /** Whose form it has. */
  tasks: readonly string[];
  split: Split | null;
  /** In the order of its parts. */
  parts: readonly Recognised[];
}

/**
 * @throws EspalierError `bad-input` where a part is missing, or an own file has the name of a task
 */
export function sourcesOf(files: readonly Recognised[], taken: readonly string[]): Source[] {
  const wholes = new Map<string, Recognised[]>();
  for (const recognised of files) {
    const { path } = recognised.file;
    const key = shardOf(path)?.whole ?? path;
    // Two files of the same name are two copies, unless they are parts.
    const free = wholes.has(key) && !shardOf(path) ? `${key}\0${wholes.size}` : key;
    wholes.set(free, [...(wholes.get(free) ?? []), recognised]);
  }
  return [...wholes.values()]
    .flatMap((parts) => inOrder(parts))
    .map((parts) => sourceOf(parts, taken));
}

/** Parts by their numbers; a part that is there twice makes a copy of its own. */
function inOrder(parts: readonly Recognised[]): Recognised[][] {
  const shard = shardOf(parts[0]?.file.path ?? '');
  if (!shard) return [[...parts]];
  if (shard.count === 1) return parts.map((part) => [part]);
  const byIndex = new Map(parts.map((part) => [shardOf(part.file.path)?.index, part]));
  const missing = Array.from({ length: shard.count }, (_, k) => k).filter((k) => !byIndex.has(k));
  if (missing.length > 0 || parts.length !== shard.count)
    throw new EspalierError(
      'bad-input',
      `${shard.whole} has ${shard.count} parts, of which ` +
        (missing.length > 0
          ? `${missing.map((k) => k + 1).join(', ')} (counted from 1) are missing.`
          : `some are there more than once.`),
      'Give every part once.',
    );
  return [Array.from({ length: shard.count }, (_, k) => byIndex.get(k) as Recognised)];
}

function sourceOf(parts: readonly Recognised[], taken: readonly string[]): Source {
  const first = parts[0] as Recognised;
  const { path } = first.file;
  const { tasks } = first.form;
  if (tasks[0] === 'own') return { task: ownName(path, taken), tasks, split: null, parts };
  return { task: taskOfFile(first), tasks, split: splitOf(path), parts };
}

function ownName(path: string, taken: readonly string[]): string {
  const name = stemOf(path);
  if (taken.includes(name.toLowerCase()))
    throw new EspalierError(
      'bad-input',
      `${path} has rows of its own form (context, choices, answer), but the name of a task.`,
      'Give the file another name.',
    );
  return name;
}

function taskOfFile({ file, form, id }: Recognised): string | null {
  const [only, other] = form.tasks;
  if (only !== undefined && other === undefined) return only;
  const named = namedTask(file.path, form.tasks);
  if (named) return named;
  // OpenBookQA numbers its rows, "7-980"; ARC names the examination, "Mercury_7175875".
  return form.tasks.includes('openbookqa') && /^\d+-\w+$/.test(id) ? 'openbookqa' : null;
}
