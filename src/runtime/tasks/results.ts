// What variants of a model made of the rows of tasks so far.

import type {
  TaskOutcome,
  TaskResult,
  TasksResult,
  TaskVariant,
} from '../../contract/comparison/tasks.ts';
import { difference, meanDifferences, means } from '../../tasks/compare.ts';
import { itemOf, rowsWithoutNumbers, scoresOf } from '../../tasks/scores.ts';
import { taskOf } from '../../tasks/table.ts';
import type { TaskData, TaskItem, TaskRow } from '../../tasks/types.ts';

/** A task, and the rows of it that are scored. */
export interface AskedTask {
  data: TaskData;
  rows: readonly TaskRow[];
}

interface About extends Pick<TasksResult, 'settings' | 'device'> {
  seconds: () => number;
}

export class TaskResults {
  /** Of what is scored; see `Likelihoods`. */
  tokens: TasksResult['tokens'] = { run: 0, unshared: 0 };
  private readonly tasks: readonly AskedTask[];
  private readonly variants: readonly TaskVariant[];
  /** By sequence: of context and continuation. */
  private readonly lengths: readonly (readonly [number, number])[];
  private readonly about: About;
  /** By variant and sequence, nats; what is not there is not scored yet. */
  private readonly sums: Map<number, number>[];
  private readonly warnings: string[] = [];
  /** By task, row and variant, once all choices are known. */
  private readonly items: (TaskItem | undefined)[][][];
  /** Where the choices of each row begin among the sequences, by task. */
  private readonly starts: number[][];
  private readonly rowOf: { task: number; row: number }[] = [];

  /** @param lengths tokens of each choice, in the order of tasks, rows and choices */
  constructor(
    tasks: readonly AskedTask[],
    variants: readonly TaskVariant[],
    lengths: readonly (readonly [number, number])[],
    about: About,
  ) {
    this.tasks = tasks;
    this.variants = variants;
    this.lengths = lengths;
    this.about = about;
    this.sums = variants.map(() => new Map());
    this.items = tasks.map(({ rows }) => rows.map(() => []));
    this.starts = tasks.map(({ rows }, task) =>
      rows.map(({ choices }, row) => {
        const start = this.rowOf.length;
        for (const _ of choices) this.rowOf.push({ task, row });
        return start;
      }),
    );
  }

  warn(warning: string): void {
    if (!this.warnings.includes(warning)) this.warnings.push(warning);
  }

  /** Takes log-likelihoods of the sequences at `indices`. */
  add(variant: number, indices: readonly number[], sums: Float64Array): void {
    const own = this.sums[variant]!;
    for (const [k, index] of indices.entries()) own.set(index, sums[k]!);
    for (const index of indices) this.answer(variant, index);
  }

  /** The result over the rows that are scored so far. */
  result(): TasksResult {
    const tasks = this.tasks.map((asked, k) => this.ofTask(asked, k));
    const count = this.variants.length;
    const { settings, device, seconds } = this.about;
    return {
      variants: [...this.variants],
      tasks,
      means: means(tasks, count),
      meanDifferences: meanDifferences(tasks, count),
      settings,
      tokens: this.tokens,
      device,
      warnings: [...this.warnings, ...this.withoutNumbers(tasks)],
      seconds: seconds(),
    };
  }

  /** Makes the item of a row when the last of its choices is known. */
  private answer(variant: number, index: number): void {
    const { task, row } = this.rowOf[index]!;
    const items = this.items[task]![row]!;
    if (items[variant]) return;
    const asked = this.tasks[task]!.rows[row]!;
    const start = this.starts[task]![row]!;
    const sums = asked.choices.map((_, choice) => this.sums[variant]!.get(start + choice));
    if (sums.includes(undefined)) return;
    items[variant] = itemOf(
      asked,
      taskOf(this.tasks[task]!.data.task),
      sums.map((logLikelihood, choice) => ({
        tokens: this.lengths[start + choice]!,
        logLikelihood: logLikelihood!,
      })),
    );
  }

  private ofTask({ data }: AskedTask, at: number): TaskResult {
    const { task, source, rows, sha256 } = data;
    const { metric, hasAccNorm } = taskOf(task);
    const answered = this.variants.map((_, variant) =>
      this.items[at]!.flatMap((items) => items[variant] ?? []),
    );
    const outcomes = answered.flatMap((items, variant): TaskOutcome[] =>
      items.length === 0
        ? []
        : [
            {
              ...scoresOf(items, rows.length, hasAccNorm),
              variant,
              difference: variant === 0 ? null : difference(answered[0]!, items, metric),
            },
          ],
    );
    return { task, source, rows: rows.length, sha256, metric, outcomes };
  }

  /** A sentence for each variant that gives no numbers for some rows. */
  private withoutNumbers(tasks: readonly TaskResult[]): string[] {
    return this.variants.flatMap((_, variant) => {
      const items = tasks.flatMap(
        ({ outcomes }) => outcomes.find((outcome) => outcome.variant === variant)?.items ?? [],
      );
      const count = rowsWithoutNumbers(items);
      if (count === 0) return [];
      const which = this.variants.length === 1 ? 'The model' : `Variant ${variant + 1}`;
      return [
        `${which} gave no likelihood for ${count} of ${items.length} rows (it computed what is ` +
          'not a number); they count as wrong.',
      ];
    });
  }
}
