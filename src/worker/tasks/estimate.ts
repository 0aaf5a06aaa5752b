// How many tokens a run of tasks takes: counted on some rows of each task, and scaled.

import type { TasksEstimate, TasksRequest } from '../../contract/comparison/tasks.ts';
import { throwIfCancelled } from '../../errors.ts';
import { countTokens } from '../../runtime/tasks/countTokens.ts';
import { taskRequests } from '../../tasks/requests.ts';
import { chosenRows } from '../../tasks/subset.ts';
import type { TaskData, TaskRequest } from '../../tasks/types.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';

/** Rows of a task that are counted: they say within a few percent what all take. */
const COUNTED = 50;

interface Given {
  tasks: readonly TaskData[];
  tokenizer: Tokenizer;
  maxLength: number;
  signal: AbortSignal;
}

/** @throws EspalierError as `taskRequests`; `cancelled` */
export async function estimateTasks(
  { limit, seed }: Pick<TasksRequest, 'limit' | 'seed'>,
  { tasks, tokenizer, maxLength, signal }: Given,
): Promise<TasksEstimate> {
  let [rows, sequences, run, unshared, predicted] = [0, 0, 0, 0, 0];
  for (const data of tasks) {
    const chosen = chosenRows(data, limit, seed);
    const counted = chosenRows({ ...data, rows: chosen }, COUNTED, seed);
    const scale = chosen.length / Math.max(1, counted.length);
    const requests: TaskRequest[] = [];
    for (const row of counted) {
      // Other calls of the page go on meanwhile.
      await new Promise((resolve) => setTimeout(resolve));
      throwIfCancelled(signal);
      requests.push(...taskRequests(row, tokenizer, { maxLength, task: data.task }));
    }
    const tokens = countTokens(requests);
    rows += chosen.length;
    sequences += scale * requests.length;
    run += scale * tokens.run;
    unshared += scale * tokens.unshared;
    predicted += scale * tokens.predicted;
  }
  return {
    rows,
    sequences: Math.round(sequences),
    tokens: {
      run: Math.round(run),
      unshared: Math.round(unshared),
      predicted: Math.round(predicted),
    },
  };
}
