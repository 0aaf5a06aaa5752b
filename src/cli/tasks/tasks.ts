// `tasks`: accuracies of the original and of a plan on zero-shot multiple-choice tasks, from files
// of the person; JSON and CSV, with the table on standard error.

import type { TasksEvent, TasksResult, TaskVariant } from '../../contract/comparison/tasks.ts';
import { csvOf } from '../../csv.ts';
import { isCancelled } from '../../errors.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import type { ExportDtype } from '../../model/export/steps.ts';
import { needsFloats } from '../../model/open/made.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { runtimeOf } from '../../runtime/device/ort.ts';
import { folderTokenizer } from '../../runtime/score/calibration.ts';
import type { LikelihoodVariant } from '../../runtime/tasks/likelihoods.ts';
import { scoreTasks } from '../../runtime/tasks/scoreTasks.ts';
import { answersTable } from '../../tasks/answers.ts';
import { TASKS } from '../../tasks/table.ts';
import { VERSION } from '../../version.ts';
import { UsageError } from '../args.ts';
import { defineCommand } from '../command.ts';
import { noteDevice } from '../device.ts';
import { untilInterrupted } from '../interrupt.ts';
import { checkPlan, openForCommand, openSession, withFolder } from '../open.ts';
import type { Options, Values } from '../options.ts';
import {
  checkJsonTarget,
  note,
  noteTable,
  showProgress,
  statusDone,
  writeJson,
  writeText,
} from '../output.ts';
import {
  BUDGET_OPTIONS,
  COMMON_OPTIONS,
  FOLDER,
  PLAN_OPTIONS,
  RUN_OPTIONS,
} from '../sharedOptions.ts';
import { roundedSteps } from '../steps.ts';
import { dataLines, readData } from './data.ts';
import { runLines, tasksReport, tasksTable, variantName } from './report.ts';

const OPTIONS = {
  data: {
    type: 'text',
    value: 'paths',
    help:
      'files of task data (.jsonl, .parquet), or folders to search for them, with commas between ' +
      'them',
  },
  builtin: {
    type: 'flag',
    help: 'take the few rows that come with Espalier, which show the feature and are no benchmark',
  },
  tasks: {
    type: 'text',
    value: 'names',
    help: `only these of the tasks that are found, such as ${TASKS[0].id},${TASKS[4].id}`,
  },
  limit: {
    type: 'whole',
    min: 1,
    value: 'n',
    help: 'rows of each task, drawn at random; by default all',
  },
  seed: { type: 'whole', min: 0, default: 0, value: 'n', help: 'seed of the rows that are drawn' },
  ...PLAN_OPTIONS,
  dtype: {
    type: 'choice',
    value: 'type',
    choices: ['q4', 'q4f16', 'q8'],
    help: 'score the plan in few bits, too, rounded to the nearest',
  },
  csv: { type: 'text', value: 'file', help: 'write every answer to every row as CSV' },
  ...RUN_OPTIONS,
  ...BUDGET_OPTIONS,
  ...COMMON_OPTIONS,
} as const satisfies Options;

export const tasks = defineCommand({
  summary: 'measure accuracies on zero-shot tasks, of the original and of a plan',
  about:
    `Tasks: ${TASKS.map(({ label }) => label).join(', ')}, as the lm-evaluation-harness 0.4 ` +
    'scores them, and own files (docs/tasks.md). Folders are searched downwards, other files are ' +
    'ignored, and rows that come in several files count once. A healed or quantised folder is ' +
    'scored like any other model.',
  argument: FOLDER,
  options: OPTIONS,
  examples: [
    'public/sample --model onnx/model.onnx --data e2e/fixtures/tasks --remove 7,9',
    'public/sample --model onnx/model.onnx --builtin --dtype q4',
  ],
  run,
});

async function run(path: string, values: Values<typeof OPTIONS>): Promise<number> {
  const { remove: removed, limit = null, seed } = values;
  if (values.data !== undefined && values.builtin)
    throw new UsageError('Give --data or --builtin, not both.');
  if (values.data === undefined && !values.builtin)
    throw new UsageError('Give --data <paths>, or --builtin to see the feature.');
  checkJsonTarget(values.json);
  checkJsonTarget(values.csv, '--csv');
  const read = await readData(values);
  for (const line of dataLines(read)) note(line);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model);
    checkPlan(opened, removed);
    const { variants, ways } = await variantsOf(opened, values);
    const names = variants.map((variant) => variantName(variant));
    const tokenizer = await folderTokenizer(opened.root.folder, opened.summary.problems);
    const { session, engine, notes } = await openSession(opened, values);
    for (const line of notes) note(line);
    await session.setBudget(values.budget);
    let partial: TasksResult | null = null;
    const said = new Set<string>();
    const onEvent = (event: TasksEvent): void => {
      if (event.type === 'progress') showProgress(event.progress);
      else if (event.type === 'partial') partial = event.result;
      else {
        said.add(event.text);
        statusDone();
        note(event.text);
      }
    };
    let failure: unknown = null;
    const finished = await untilInterrupted((signal) =>
      scoreTasks({
        ...{ opened, session, tokenizer, tasks: read.tasks, asked: variants, variants: ways },
        ...{ limit, seed, signal, onEvent },
        device: { kind: engine.kind, name: engine.name },
      }),
    ).catch((error: unknown) => {
      if (!partial) throw error;
      failure = error;
      return null;
    });
    const result = finished ?? partial;
    if (!result) return 1;
    statusDone();
    const runtime = runtimeOf(engine);
    const about = { ignored: read.ignored, complete: finished !== null, runtime };
    writeJson(values.json, tasksReport(result, about));
    if (values.csv !== undefined) writeText(values.csv, csvOf(answersTable(result, names)));
    for (const line of result.warnings.filter((warning) => !said.has(warning))) note(line);
    noteTable(tasksTable(result, names));
    for (const line of runLines(result)) note(line);
    if (!finished) note('Stopped: these are the rows that were answered until then.');
    noteDevice(engine.name, runtime);
    await session.dispose();
    await engine.dispose();
    if (failure && !isCancelled(failure)) throw failure;
    return finished ? 0 : 1;
  });
}

/**
 * The variants as the result names them, and what each is. @throws EspalierError for a plan or a
 * precision that cannot be, before anything runs
 */
async function variantsOf(
  opened: OpenedModel,
  { remove: removed, dtype }: Values<typeof OPTIONS>,
): Promise<{ variants: TaskVariant[]; ways: LikelihoodVariant[] }> {
  const variants: TaskVariant[] = [{ kind: 'original', removed: [] }];
  const ways: LikelihoodVariant[] = [{ removed: [], steps: [] }];
  if (removed.length > 0) {
    variants.push({ kind: 'plan', removed });
    ways.push({ removed, steps: [] });
  }
  if (dtype !== undefined) {
    const source = await openedFor(opened, dtype);
    const steps = roundedSteps(source, removed, dtype);
    await exportManifest(source, removed, { app: VERSION, steps, forRunning: true });
    variants.push({ kind: 'quantised', removed, quantised: dtype });
    ways.push({ removed, steps, source });
  }
  return { variants, ways };
}

/** Matrices of a GGUF file in few bits are taken as floats where a precision needs that. */
async function openedFor(opened: OpenedModel, dtype: ExportDtype): Promise<OpenedModel> {
  return needsFloats(opened.summary, [dtype])
    ? openModel(opened.folder, opened.graphPath, true)
    : opened;
}
