// What the page says of zero-shot tasks: the Tasks workspace, its announcements and obstacles.

import { listed, plural } from '../../quantities.ts';
import type { Refusal } from '../open.ts';

type Kind = 'original' | 'plan' | 'healed' | 'quantised';

/** Names of variants hold commas: "original; −2: 7, 9". */
const named = (names: readonly string[]) => names.join('; ');

export const TASKS_PANEL = {
  title: 'Zero-shot tasks',
  sub: 'multiple choice, scored as the lm-evaluation-harness scores it',
  form: 'What to answer',
  running: 'Answering',
  pause: 'Pause',
  continue: 'Continue',
  paused: 'Paused. Other jobs wait until it is continued or cancelled.',
  start: 'Run tasks',
} as const;

export const TASK_FILES = {
  legend: 'Tasks',
  files: 'Choose files',
  folder: 'Choose a folder',
  builtIn: 'Use the built-in rows',
  accepted:
    'BoolQ, PIQA, HellaSwag, WinoGrande, ARC and OpenBookQA as their authors publish them ' +
    '(JSONL) or as Hugging Face has them (parquet), or your own questions: JSONL with context, ' +
    'choices and answer. Drop them anywhere on the page; nothing is downloaded or sent.',
  builtInNote:
    'The built-in rows were written to show how this works. They are far too few to judge a model.',
  reading: 'Reading the files.',
  rows: (count: number) => plural(count, 'row'),
  /** Labels of rows (`.lst`) go without saying. */
  from: (files: readonly string[]): string => {
    const [first = '', ...others] = files.filter((file) => !file.endsWith('.lst'));
    const more = plural(others.length, 'file');
    return others.length === 0 ? first : `${first} and ${more} with the same rows`;
  },
  builtInMark: 'built-in, no benchmark',
  use: (task: string) => `Run ${task}`,
  forget: 'Forget',
  forgetAll: 'Forget all',
  ignored: (count: number) => `${plural(count, 'file')} not used`,
} as const;

export const TASK_FIELDS = {
  rows: 'Rows of each task',
  subset: 'some, drawn at random',
  all: 'all',
  number: 'At most',
  seed: 'Seed',
  variants: 'Variants',
  onlyOriginal:
    'Remove a block, heal or quantise to compare a variant with the original on the same rows.',
} as const;

/** What a run takes: rows and tokens, with what sharing contexts saves. */
export const costWords = (cost: {
  rows: number;
  variants: number;
  tokens: number;
  shared: number;
  time: string | null;
}): string => {
  const { rows, variants, tokens, shared, time } = cost;
  const saved = shared >= 0.01 ? `, ${Math.round(shared * 100)} % saved by shared contexts` : '';
  const each = variants > 1 ? ` for each of ${variants} variants` : '';
  const text = `${plural(rows, 'row')}, ${roughly(tokens)} tokens${each}${saved}`;
  return time ? `${text}: ${time}.` : `${text}.`;
};

/** "about 12,000": two digits are known. */
function roughly(count: number): string {
  if (count < 100) return String(count);
  const step = 10 ** (Math.floor(Math.log10(count)) - 1);
  return `about ${(Math.round(count / step) * step).toLocaleString('en')}`;
}

export const TASK_RESULT = {
  title: 'Answers',
  sub: 'accuracy in % ± standard error',
  caption: 'Accuracy by task and variant',
  task: 'task',
  meanOf: (count: number) => `mean of ${plural(count, 'task')}`,
  meanOfSeven: 'mean of the seven',
  metrics: { acc: 'acc', accNorm: 'acc_norm' },
  zeroShotTerm: 'zero-shot tasks',
  explained:
    'Differences are to the first variant, on the same rows, in percentage points, with a 95 % ' +
    'interval. An interval that holds 0 means that these rows do not tell the two apart.',
  subset: (rows: number, total: number) =>
    rows === total
      ? plural(total, 'row')
      : `${rows.toLocaleString('en')} of ${plural(total, 'row')}`,
  /** Beside a score of fewer rows than that of another variant. */
  ofRows: (rows: number) => `of ${plural(rows, 'row')}`,
  /** In place of an interval, which would have no width: every row was judged alike. */
  allAlike: 'all alike',
  soFar: 'So far. A variant may be some rows ahead; differences are over the rows of both.',
  stopped: 'Stopped before all rows were answered.',
  stale: 'These answers are of other variants than those of the current plan.',
  builtIn:
    'The built-in rows show the feature and are no benchmark: do not compare these numbers with ' +
    'published ones.',
  ofSubset:
    'Rows were drawn at random: another seed gives other numbers, within about two standard ' +
    'errors.',
  earlier: 'Earlier runs',
  show: 'Show',
} as const;

/** How it was run. */
export const tasksRunWords = (run: {
  limit: number | null;
  seed: number;
  maxLength: number;
  addsBos: boolean;
  tokens: { run: number; unshared: number };
}): string => {
  const { limit, seed, maxLength, addsBos, tokens } = run;
  const rows =
    limit === null ? 'All rows' : `At most ${plural(limit, 'row')} of each, seed ${seed}`;
  const saved = 1 - tokens.run / Math.max(1, tokens.unshared);
  const shared =
    saved >= 0.005
      ? `contexts shared between choices saved ${Math.round(saved * 100)} % of the tokens`
      : 'no context was shared between choices';
  return (
    `${rows}; zero-shot, at most ${maxLength.toLocaleString('en')} tokens, ` +
    `${addsBos ? 'BOS in front' : 'no BOS'}; ${shared}.`
  );
};

export const TASK_ROWS = {
  title: 'Rows',
  sub: 'what each variant answered',
  task: 'Task',
  which: 'Rows',
  /** A task and how many of its rows are answered differently. */
  option: (task: string, count: number) =>
    count === 0 ? task : `${task} (${count.toLocaleString('en')})`,
  different: (count: number) => `answered differently (${count.toLocaleString('en')})`,
  all: 'all',
  noneDifferent: 'All variants give the same answers to this task.',
  oneVariant: 'With one variant there is nothing to differ.',
  row: (doc: number) => `Row ${(doc + 1).toLocaleString('en')}`,
  noneRight: 'none right',
  choice: (at: number) => `Choice ${at + 1}`,
  rightAnswer: 'right',
  chosenBy: (names: readonly string[]) => `chosen by ${named(names)}`,
  rightIs: (names: readonly string[]) => `right: ${named(names)}`,
  noAnswer: (names: readonly string[]) =>
    `No answer of ${named(names)}: a log-likelihood is not a number.`,
  notHere: (task: string) => `To read the rows, load the file of ${task} again.`,
  notKept: 'The answers of this run, row by row, are no longer kept. Run it again to read them.',
  page: (page: number, pages: number) => `Page ${page + 1} of ${pages}`,
  previous: 'Previous',
  next: 'Next',
} as const;

export const SAID = {
  started: 'The tasks have started.',
  paused: 'The tasks are paused.',
  continues: 'The tasks continue.',
  forgotten: 'The rows are forgotten.',
} as const;

/** After files were given: "BoolQ: 3,270 rows. 2 files hold no rows of a task." */
export function loadedWords(
  added: readonly { label: string; rows: number }[],
  ignored: number,
): string {
  const found = added.map(({ label, rows }) => `${label}: ${plural(rows, 'row')}`).join(', ');
  const rest = ignored === 0 ? '' : `${TASK_FILES.ignored(ignored)}.`;
  return [found === '' ? 'No new rows.' : `${found}.`, rest].filter((one) => one !== '').join(' ');
}

/** Of a result: the means of its variants, where all tasks were answered. */
export function doneWords(tasks: number, means: readonly (number | null)[]): string {
  const shares = means.flatMap((mean) => (mean === null ? [] : [`${(100 * mean).toFixed(1)} %`]));
  const mean = tasks === 1 ? 'Accuracy' : `Mean of ${tasks} tasks`;
  return `The tasks are done.${shares.length > 0 ? ` ${mean} ${listed(shares)}.` : ''}`;
}

export const stoppedWords = (rows: number): string =>
  rows === 0
    ? 'The tasks were cancelled.'
    : `The tasks were cancelled after ${plural(rows, 'answer')}. They can be resumed.`;

/** Why nothing can be run now. */
export const OBSTACLES = {
  noModel: 'No model is open.',
  noTokenizer: 'Tasks are texts: they need a tokenizer, and this folder has none.',
  loading: 'Files are being read.',
  nothingLoaded: 'Give the files of a task, or use the built-in rows.',
  noTask: 'Choose at least one task.',
  noVariant: 'Choose at least one variant.',
  limit: 'The number of rows is a whole number above 0.',
  seed: 'The seed is a whole number, 0 or more.',
} as const;

export const tasksWait = (name: string): string =>
  `The rows of ${name} are kept. Open a model to answer them.`;

/** @param ignored the files, each with the reason as a sentence */
export function noRows(name: string, ignored: readonly { file: string; why: string }[]): Refusal {
  const [first] = ignored;
  const rest =
    ignored.length > 1 ? ` The same goes for ${plural(ignored.length - 1, 'other')}.` : '';
  return {
    message: `No rows of a task were found in ${name}.`,
    hint: first ? `${first.file}: ${first.why}${rest}` : 'Drop the files of a task.',
  };
}

export const rowsMissing = (files: readonly string[]): Refusal => ({
  message: `The rows that the interrupted run was answering are not loaded: ${listed(files)}.`,
  hint: 'Load the same files again, then resume.',
});

export const variantMissing = (kind: Kind): Refusal => ({
  message:
    kind === 'quantised'
      ? 'The quantisation that the interrupted run was measuring is no longer kept.'
      : 'The healing that the interrupted run was measuring is no longer kept.',
  hint: 'Discard the run, or make it again and start anew.',
});

/** Beside a kept interrupted run: "BoolQ and PIQA, at most 200 rows of each, 2 variants". */
export const interruptedTasks = (
  labels: readonly string[],
  limit: number | null,
  variants: number,
): string => {
  const rows = limit === null ? 'all rows' : `at most ${plural(limit, 'row')} of each`;
  return `${listed(labels)}, ${rows}, ${plural(variants, 'variant')}`;
};
