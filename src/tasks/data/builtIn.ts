// The small set of rows that comes with Espalier, asked as the rows of files are.

import { boolq, hellaswag, type Prompt, prompt, questionAnswer, winogrande } from '../prompts.ts';
import { TASKS, type TaskId } from '../table.ts';
import type { TaskData, TaskRow } from '../types.ts';
import * as items from './builtInItems.ts';
import { taskDataOf } from './taskData.ts';

type Rows = readonly Omit<TaskRow, 'doc'>[];

const asked = (
  some: readonly items.Item[],
  ask: (text: string, choices: readonly string[]) => Prompt | null,
): Rows =>
  some.flatMap(([text, choices, target]) => {
    const made = ask(text, choices);
    return made ? [{ ...made, target }] : [];
  });

const ROWS: Readonly<Record<TaskId, () => Rows>> = {
  boolq: () =>
    items.BOOLQ.map(([passage, question, answer]) => ({
      ...boolq(passage, question),
      target: Number(answer),
    })),
  piqa: () => asked(items.PIQA, questionAnswer),
  hellaswag: () =>
    items.HELLASWAG.map(([activity, a, b, endings, target]) => ({
      ...hellaswag({ activity, a, b }, endings),
      target,
    })),
  winogrande: () => asked(items.WINOGRANDE, winogrande),
  arc_easy: () => asked(items.ARC_EASY, questionAnswer),
  arc_challenge: () => asked(items.ARC_CHALLENGE, questionAnswer),
  openbookqa: () => asked(items.OPENBOOKQA, prompt),
};

/** Four rows of each task of the table, written for Espalier: they are no benchmark. */
export function builtInTasks(): Promise<TaskData[]> {
  return Promise.all(
    TASKS.map(({ id }) => taskDataOf(id, { files: [], builtIn: true }, ROWS[id]())),
  );
}
