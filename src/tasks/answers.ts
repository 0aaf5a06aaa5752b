// The answers of several variants to rows of tasks as one table: a line for each choice.

import type { Cell } from '../csv.ts';
import { formatUnits, type Unit } from '../units.ts';
import type { TaskItem } from './types.ts';

/** The variants of a run, and what each made of the rows of a task. */
export interface Answers {
  variants: readonly { removed: readonly Unit[] }[];
  tasks: readonly {
    task: string;
    sha256: string;
    /** `variant` is an index into the variants. */
    outcomes: readonly { variant: number; items: readonly TaskItem[] }[];
  }[];
}

const COLUMNS = [
  'task',
  'doc',
  'variant',
  'removed',
  'choice',
  'is_right',
  'is_chosen',
  'is_chosen_by_character',
  'context_tokens',
  'continuation_tokens',
  'log_likelihood_nats',
  'rows_sha256',
] as const;

/**
 * Task by task, row by row (`doc`: its place in the file, from 0), variant by variant, choice by
 * choice. `is_chosen` is what acc looks at, `is_chosen_by_character` what accNorm does; empty
 * where a task has none.
 * @param names of the variants, in their order
 */
export function answersTable(
  { variants, tasks }: Answers,
  names: readonly string[],
): { columns: { name: string }[]; rows: Cell[][] } {
  const rows = tasks.flatMap(({ task, sha256, outcomes }) =>
    outcomes
      .flatMap(({ variant, items }) => items.map((item) => ({ variant, item })))
      .sort((a, b) => a.item.doc - b.item.doc || a.variant - b.variant)
      .flatMap(({ variant, item }) =>
        item.choices.map(({ tokens, logLikelihood }, choice): Cell[] => [
          task,
          item.doc,
          names[variant] ?? '',
          formatUnits(variants[variant]?.removed ?? []),
          choice,
          choice === item.target,
          choice === item.chosen,
          item.chosenNorm === null ? null : choice === item.chosenNorm,
          tokens[0],
          tokens[1],
          logLikelihood,
          sha256,
        ]),
      ),
  );
  return { columns: COLUMNS.map((name) => ({ name })), rows };
}
