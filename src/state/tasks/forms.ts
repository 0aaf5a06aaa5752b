// The form of results of tasks, as far as the page relies on it.

import type {
  TaskOutcome,
  TaskResult,
  TasksResult,
  TaskVariant,
} from '../../contract/comparison/tasks.ts';
import type { ChoiceScore, TaskItem, TaskSource } from '../../tasks/types.ts';
import { flag, listOf, maybe, number, oneOf, orNull, shape, text } from '../kept/form.ts';
import { device, pair, texts, units } from '../kept/forms.ts';

/** A finished run, or as far as it came. */
export interface ScoredTasks {
  result: TasksResult;
  /** False when it was stopped or failed before all rows were answered by all variants. */
  whole: boolean;
  /** What the engine remarked. */
  notes: readonly string[];
  /** ms since 1970. */
  at: number;
}

const difference = orNull(
  shape<NonNullable<TaskOutcome['difference']>>({ value: number, ci95: pair }),
);

const variant = shape<TaskVariant>({
  kind: oneOf('original', 'plan', 'healed', 'quantised'),
  removed: units,
  healing: maybe(text),
  quantised: maybe(text),
});

const item = shape<TaskItem>({
  doc: number,
  target: number,
  chosen: number,
  chosenNorm: orNull(number),
  choices: listOf(shape<ChoiceScore>({ tokens: pair, logLikelihood: number })),
});

const outcome = shape<TaskOutcome>({
  variant: number,
  rows: number,
  total: number,
  acc: number,
  accStderr: number,
  accNorm: orNull(number),
  accNormStderr: orNull(number),
  items: listOf(item),
  difference,
});

const task = shape<TaskResult>({
  task: text,
  source: shape<TaskSource>({ files: texts, builtIn: flag }),
  rows: number,
  sha256: text,
  metric: oneOf('acc', 'accNorm'),
  outcomes: listOf(outcome),
});

const result = shape<TasksResult>({
  variants: listOf(variant),
  tasks: listOf(task),
  means: listOf(orNull(number)),
  meanDifferences: listOf(difference),
  settings: shape<TasksResult['settings']>({
    limit: orNull(number),
    seed: number,
    maxLength: number,
    addsBos: flag,
  }),
  tokens: shape<TasksResult['tokens']>({ run: number, unshared: number }),
  device,
  warnings: texts,
  seconds: number,
});

export const scoredTasks = shape<ScoredTasks>({ result, whole: flag, notes: texts, at: number });
