// `heal`: refits or trains the weights of a plan, measures what came of it, and writes the healed
// folder; JSON, with the numbers in words on standard error.

import { extname, resolve, sep } from 'node:path';
import type { HealEvent, HealResult } from '../../contract/heal.ts';
import { isCancelled } from '../../errors.ts';
import type { StepChoice } from '../../model/export/steps.ts';
import type { Healing } from '../../model/healing/healing.ts';
import { peftAdapter, peftObstacle } from '../../model/healing/peft/adapter.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { requireFree, writeFolder } from '../../node/writeFolder.ts';
import { runtimeOf } from '../../runtime/device/ort.ts';
import { controlHealing, heal as healPlan } from '../../runtime/heal/heal.ts';
import type { HealJob, HealSources } from '../../runtime/heal/healJob.ts';
import { formsOnTexts } from '../../runtime/heal/outcome/forms.ts';
import { withControl } from '../../runtime/heal/outcome/outcome.ts';
import { countInstructions } from '../../runtime/heal/texts/texts.ts';
import { blocksLeft, type Unit } from '../../units.ts';
import { UsageError } from '../args.ts';
import { defineCommand } from '../command.ts';
import { noteDevice } from '../device.ts';
import { concluded, printChecks, writeExport } from '../export/write.ts';
import { untilInterrupted } from '../interrupt.ts';
import { checkPlan, openForCommand, openSession, withFolder } from '../open.ts';
import type { Options, Values } from '../options.ts';
import { checkJsonTarget, note, showProgress, status, statusDone, writeJson } from '../output.ts';
import { quantisePrecisions, requirePrecisions } from '../quantise/lastStep.ts';
import {
  checkQuantiseOptions,
  RENAMED_QUANTISE_OPTIONS,
  renamedValues,
} from '../quantise/options.ts';
import { quantiseReport } from '../quantise/report.ts';
import {
  BUDGET_OPTIONS,
  COMMON_OPTIONS,
  FOLDER,
  FORMAT_OPTIONS,
  PLAN_OPTIONS,
  RUN_OPTIONS,
} from '../sharedOptions.ts';
import { precisionsOf, quantisedAmong, requireFormat, STEP_OPTIONS } from '../steps.ts';
import { readTextFile } from '../texts.ts';
import { HEAL_OPTIONS, heldOutOf, methodsOf, settingsOf } from './options.ts';
import { formLines, linesOf, reportOf } from './report.ts';

const OPTIONS = {
  remove: { ...PLAN_OPTIONS.remove, required: true },
  text: {
    type: 'text',
    value: 'file',
    required: true,
    help:
      'what the healing learns from: plain text, or rows of instructions (.json, .jsonl), whose ' +
      'answers alone are learned',
  },
  ...HEAL_OPTIONS,
  evaluate: { type: 'text', value: 'file', help: 'another plain text to measure on' },
  control: {
    type: 'flag',
    help:
      'train the original on the same text to predict the next token, too, with the same ' +
      'settings, and measure it beside the healed plan',
  },
  quantised: {
    type: 'choice',
    value: 'how',
    choices: ['again', 'float'],
    default: 'again',
    help:
      'changed matrices of a quantised graph: quantised again, or left as floats; what both ' +
      'cost is measured',
  },
  out: { type: 'text', value: 'dir', help: 'folder to write the healed model to, new or empty' },
  adapter: {
    type: 'text',
    value: 'dir',
    help: 'folder to write the adapters of LoRA to, as PEFT reads them',
  },
  ...STEP_OPTIONS,
  ...FORMAT_OPTIONS,
  ...RENAMED_QUANTISE_OPTIONS,
  ...RUN_OPTIONS,
  ...BUDGET_OPTIONS,
  ...COMMON_OPTIONS,
} as const satisfies Options;

/** What to do where the text of a healing cannot calibrate few bits. */
const WITHOUT_PLAIN_TEXT =
  '--text holds rows of instructions. Heal with --out first, and quantise what is written with a ' +
  'plain text.';

export const heal = defineCommand({
  summary: 'give a pruned model its quality back: refit or train its weights, measure, write',
  about:
    'Original, pruned and healed are measured on a sample of the text, on the part of it that is ' +
    'held out and on --evaluate. A training lowers the loss on its own kind of text even where ' +
    'nothing was removed: --control shows by how much. Ctrl-C ends a training early, with its ' +
    'best state so far; a second one ends the command. Precisions of few bits are quantised last, ' +
    'and measured on --text and --evaluate.',
  argument: FOLDER,
  options: OPTIONS,
  examples: [
    'public/sample --model onnx/model.onnx --remove 2,7,8,9 --text public/text/calibration.txt ' +
      '--evaluate public/text/evaluation.txt --out healed-sample',
    'public/sample --model onnx/model.onnx --remove 2,7-9 --method refit,lora --steps 20 ' +
      '--text public/text/calibration.txt --json healed.json',
  ],
  run,
});

async function run(
  path: string,
  values: Values<typeof OPTIONS>,
  given: ReadonlySet<string>,
): Promise<number> {
  const { remove: removed, out, json } = values;
  if (removed.length === 0)
    throw new UsageError('--remove is empty: name the units that are removed, such as 2,7-9.');
  const methods = methodsOf(values.method);
  const sources = sourcesOf(values, heldOutOf(values, methods));
  const { text } = sources;
  const rows = text.kind === 'instructions' ? countInstructions(text) : null;
  if (values.adapter !== undefined && values.method !== 'lora')
    throw new UsageError('--adapter writes the adapters of LoRA alone: it needs --method lora.');
  if (values.control && methods.every((method) => method === 'refit'))
    throw new UsageError('--control trains the original: add a training to --method.');
  settingsOf(values, given, { params: 0, rows });
  const precisions = precisionsOf(values.dtype);
  const asked = renamedValues(values, given);
  checkQuantiseOptions(asked, quantisedAmong(precisions), rows === null, WITHOUT_PLAIN_TEXT);

  checkJsonTarget(json);
  const targets = [out, values.adapter].filter((target) => target !== undefined);
  requireApart(targets);
  for (const target of targets) await requireFree(target);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model, precisions);
    checkPlan(opened, removed);
    const settings = settingsOf(values, given, { params: opened.summary.params, rows });
    if (out !== undefined) requireFormat(opened, removed, precisions, values.format, values.kit);
    requirePrecisions(opened, precisions, asked);
    if (values.adapter !== undefined) requireAdapter(opened, removed);
    const { session, engine, notes } = await openSession(opened, values);
    for (const line of notes) note(line);
    await session.setBudget(values.budget);
    const runtime = runtimeOf(engine);
    const noted = new Set<string>();
    const trains = methods.some((method) => method !== 'refit');
    const job: HealJob = {
      ...{ opened, session, removed, methods: settings, sources, quantised: values.quantised },
      onEvent(event) {
        if (event.type === 'note') noted.add(event.text);
        report(event);
      },
    };
    const healed = await untilStopped(trains, (stop, signal) => healPlan({ ...job, signal, stop }));
    const forms = await orWithout('the other form of quantised matrices', (signal) =>
      formsOnTexts({ ...job, signal }, healed),
    );
    const result = values.control ? await besideControl(healed, job) : healed;
    statusDone();
    await session.dispose();
    await engine.dispose();
    for (const line of linesOf(result, settings)) if (!noted.has(line)) note(line);
    for (const line of formLines(forms ?? [])) note(line);
    if (out === undefined) noteDevice(engine.name, runtime);

    const { healing } = result;
    const { quantised, adapter } = values;
    if (adapter !== undefined) await writeAdapter(opened, healing, adapter);
    const changed: StepChoice[] =
      healing.changes.length > 0 ? [{ step: 'healing', healing, quantised }] : [];
    const { steps: last, results } = await quantisePrecisions(
      {
        ...{ opened, removed, healed: quantised, precisions, asked },
        healing: changed.length > 0 ? healing : null,
        texts: { calibration: text.kind === 'text' ? text : null, heldOut: sources.foreign },
      },
      values,
    );
    const [steps = [], ...also] = last.map((own) => [...changed, ...own]);
    const written =
      out === undefined
        ? null
        : await writeExport(
            {
              opened,
              removed,
              steps,
              also,
              others: [],
              format: values.format,
              kit: values.kit,
              out,
            },
            values,
          );
    if (json !== undefined || !written)
      writeJson(json, {
        ...reportOf(result, settings, runtime, written, forms),
        ...(results.length > 0 ? { quantised: results.map(quantiseReport) } : {}),
      });
    else printChecks(written, blocksLeft(opened.summary.numBlocks, removed));
    return concluded(written, results);
  });
}

/** @throws UsageError where one folder is the other, or lies in it: both have to be empty */
function requireApart(targets: readonly string[]): void {
  const [out, adapter] = targets.map((target) => `${resolve(target)}${sep}`);
  if (out !== undefined && adapter !== undefined)
    if (out.startsWith(adapter) || adapter.startsWith(out))
      throw new UsageError('--out and --adapter need a folder each, neither inside of the other.');
}

/** @throws EspalierError `missing-file`, `bad-input` */
function sourcesOf(values: Values<typeof OPTIONS>, heldOut: number): HealSources {
  const { name, text } = readTextFile(values.text);
  const isRows = /^\.(json|jsonl|ndjson)$/i.test(extname(name));
  return {
    text: { kind: isRows ? 'instructions' : 'text', name, text },
    heldOut,
    foreign: values.evaluate === undefined ? null : readTextFile(values.evaluate),
  };
}

/** The first Ctrl-C ends a training early, the second one the command, as the first of a refit. */
function untilStopped<T>(
  trains: boolean,
  work: (stop: AbortSignal, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const onFirst = (): void => {
    statusDone();
    note('The training ends with its best state so far. Ctrl-C again ends the command.');
    stop.abort();
  };
  return untilInterrupted((signal) => work(stop.signal, signal), trains ? onFirst : undefined);
}

/** With the original beside it, unless Ctrl-C ends that. */
async function besideControl(healed: HealResult, job: HealJob): Promise<HealResult> {
  statusDone();
  note('The original, trained on the same text to predict the next token:');
  const control = await orWithout('the training of the original', (signal) =>
    controlHealing({ ...job, signal }, healed.stoppedAt),
  );
  return control ? withControl(healed, control) : healed;
}

/** What is measured beside a healing that is done: Ctrl-C leaves it out and keeps the healing. */
async function orWithout<T>(
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | null> {
  try {
    return await untilInterrupted(work);
  } catch (error) {
    if (!isCancelled(error)) throw error;
    statusDone();
    note(`Ended: ${what} is not among the results.`);
    return null;
  }
}

function report(event: HealEvent): void {
  if (event.type === 'progress') showProgress(event.progress);
  else if (event.type === 'note') {
    statusDone();
    note(event.text);
  } else if (event.type === 'held-out')
    note(`Held-out part after ${event.step} steps: loss ${event.loss.toFixed(4)}`);
  else
    status(
      `step ${event.step} of ${event.steps}: loss ${event.loss.toFixed(4)}, ` +
        `norm of the gradients ${event.norm.toPrecision(3)}`,
    );
}

/** @throws EspalierError for a model whose adapters PEFT could not read */
function requireAdapter(opened: OpenedModel, removed: readonly Unit[]): void {
  const none = new Uint8Array();
  const change = { kind: 'low-rank', tensor: '', rank: 1, scale: 1, a: none, b: none } as const;
  const obstacle = peftObstacle(opened, {
    removed,
    changes: [{ ...change, block: 0, columns: [0, 0] }],
  });
  if (obstacle) throw obstacle;
}

async function writeAdapter(opened: OpenedModel, healing: Healing, out: string): Promise<void> {
  const { files, notes } = peftAdapter(opened, healing, opened.summary.name);
  const manifest = files.map(({ path, bytes }) => ({ path, size: bytes.length, parts: [bytes] }));
  await writeFolder(out, manifest, opened.folder, () => {});
  note(`${out}: ${files.map(({ path }) => path).join(', ')}`);
  for (const text of notes) note(text);
}
