// `search`: finds the blocks to remove, iterative or one-shot, and measures every plan on the way;
// JSON, with the path in words on standard error.

import type { CriterionName, CriterionOptions } from '../analysis/criteriaTable.ts';
import type { Take } from '../analysis/criterion.ts';
import { hasNumbers, pplWords } from '../analysis/perplexity.ts';
import type { Measure } from '../contract/score.ts';
import type { SearchParameters, SearchResult } from '../contract/search.ts';
import { EspalierError } from '../errors.ts';
import type { OpenedModel } from '../model/open/open.ts';
import { missingBlock } from '../model/structure/removable.ts';
import { runtimeOf } from '../runtime/device/ort.ts';
import { calibrate, folderTokenizer } from '../runtime/score/calibration.ts';
import type { ScoreSession } from '../runtime/score/session.ts';
import { blockOf, blocksLeft, formatUnits, type Unit } from '../units.ts';
import { UsageError } from './args.ts';
import { defineCommand } from './command.ts';
import { CRITERION_OPTIONS, measureCriterion, pplInWords, readCriterion } from './criteria.ts';
import { noteDevice } from './device.ts';
import { checkPlan, openForCommand, openSession, withFolder } from './open.ts';
import type { Options, Values } from './options.ts';
import { checkJsonTarget, note, statusDone, writeJson } from './output.ts';
import { iterativePath, type Orders, oneShotPath, type SearchPath } from './searchPath.ts';
import {
  BUDGET_OPTIONS,
  CALIBRATION_OPTIONS,
  COMMON_OPTIONS,
  FOLDER,
  PLAN_OPTIONS,
  RUN_OPTIONS,
} from './sharedOptions.ts';
import { readCalibration, samplingOf } from './texts.ts';

const OPTIONS = {
  'remove-count': {
    type: 'whole',
    min: 1,
    value: 'n',
    required: true,
    help: 'number of blocks to remove',
  },
  method: {
    type: 'choice',
    value: 'name',
    choices: ['one-shot', 'iterative'],
    default: 'iterative',
    help: 'remove all blocks by one order, or one at a time and score the rest again',
  },
  criterion: {
    ...CRITERION_OPTIONS.criterion,
    help: 'what orders the blocks; iterative takes ppl only',
  },
  norms: CRITERION_OPTIONS.norms,
  'max-ppl': { type: 'decimal', value: 'x', help: 'stop if perplexity exceeds this' },
  lock: { type: 'blocks', value: 'blocks', help: 'blocks to keep, such as 0,15' },
  remove: { ...PLAN_OPTIONS.remove, help: 'units removed before the search, such as 3,7.attn' },
  ...CALIBRATION_OPTIONS,
  ...RUN_OPTIONS,
  ...BUDGET_OPTIONS,
  ...COMMON_OPTIONS,
} as const satisfies Options;

export const search = defineCommand({
  summary: 'find the blocks to remove, with the perplexity of every plan on the way',
  about: 'Give --text or --windows.',
  argument: FOLDER,
  options: OPTIONS,
  examples: [
    'public/sample --model onnx/model.onnx --text public/text/calibration.txt --remove-count 4',
    'public/sample --model onnx/model.onnx --text public/text/calibration.txt --remove-count 4 ' +
      '--method one-shot --criterion block-influence --lock 0,15 --json path.json',
  ],
  run,
});

/** What `search` writes. */
export interface SearchReport extends Omit<SearchResult, 'steps'> {
  method: 'one-shot' | 'iterative';
  criterion: CriterionName;
  start: readonly Unit[];
  locked: readonly number[];
  steps: SearchPath['steps'];
  runtime: string;
  /** Why the plans compare with nothing: the model that the search starts from gives no numbers. */
  warnings?: string[];
}

async function run(
  path: string,
  values: Values<typeof OPTIONS>,
  given: ReadonlySet<string>,
): Promise<number> {
  const { method } = values;
  const { criterion, options } = readCriterion(values, given);
  if (method === 'iterative' && criterion.needs !== 'curve')
    throw new UsageError('--method iterative needs --criterion ppl.');
  const parameters: SearchParameters = {
    start: values.remove,
    locked: values.lock,
    count: values['remove-count'],
    maxPpl: values['max-ppl'] ?? null,
  };
  const sampling = samplingOf(values);
  const source = readCalibration(values);

  checkJsonTarget(values.json);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model);
    checkPlan(opened, parameters.start);
    checkParameters(opened, parameters);
    const started = performance.now();
    const {
      windows,
      settings,
      notes,
      warnings: ofText,
    } = await calibrate(
      source,
      sampling,
      () => folderTokenizer(opened.root.folder, opened.summary.problems),
      opened.summary,
    );
    const { session, engine, notes: routeNotes } = await openSession(opened, values);
    for (const text of [...routeNotes, ...notes]) note(text);
    await session.setBudget(values.budget);
    await session.useWindows(windows);
    const onWindows = async () => ({ session, windows });
    const measured = () => measureCriterion(criterion, { opened, onWindows });
    const found =
      method === 'iterative'
        ? await iterativePath(session, windows, parameters)
        : await oneShotPath(
            session,
            parameters,
            ordersOf(opened, parameters, takeOf(await measured(), options)),
          );
    const numberless = hasNumbers(found.baseline)
      ? []
      : [await whyNotCompared(session, windows, parameters.start)];
    const warnings = [...numberless, ...ofText];
    const report: SearchReport = {
      method,
      criterion: criterion.name,
      start: parameters.start,
      locked: parameters.locked,
      ...found,
      ...(warnings.length > 0 && { warnings }),
      windows,
      settings,
      device: { kind: engine.kind, name: engine.name },
      runtime: runtimeOf(engine),
      seconds: (performance.now() - started) / 1000,
    };
    statusDone();
    writeJson(values.json, report);
    for (const line of linesOf(report)) note(line);
    noteDevice(engine.name, report.runtime);
    await session.dispose();
    await engine.dispose();
    return 0;
  });
}

/**
 * @throws EspalierError `bad-input` for locks that name no block, or one that --remove removes,
 * and for more removals than are possible
 */
function checkParameters(
  { structure: { blocks } }: OpenedModel,
  { start, locked, count }: SearchParameters,
): void {
  const numBlocks = blocks.length;
  const missing = missingBlock(numBlocks, locked);
  if (missing !== null) throw new EspalierError('bad-input', missing, 'Change --lock.');
  const both = start.find((unit) => locked.includes(blockOf(unit)));
  if (both !== undefined)
    throw new EspalierError(
      'bad-input',
      `--remove removes ${both}, but --lock keeps block ${blockOf(both)}.`,
      'Name it in one of the two.',
    );
  const unlocked = blocks.filter(
    ({ index, unremovable }) =>
      unremovable === null && !locked.includes(index) && !start.includes(index),
  );
  const most = Math.min(unlocked.length, blocksLeft(numBlocks, start) - 1);
  if (count > most)
    throw new EspalierError(
      'bad-input',
      `--remove-count is ${count}, but ${most === 0 ? 'no block' : `at most ${most}`} can be ` +
        'removed.',
      'Ask for fewer, or unlock blocks; one must stay.',
    );
}

/** @throws EspalierError `bad-input` where the model gave no numbers to go by */
function takeOf(
  { isRanking, take, warnings = [] }: Awaited<ReturnType<typeof measureCriterion>>,
  options: CriterionOptions,
): Take {
  if (!isRanking)
    throw new EspalierError(
      'bad-input',
      warnings.join(' '),
      'Magnitudes of the weights need no run: --method one-shot --criterion mag-l1.',
    );
  return take(options);
}

/** Plans of an order that needs no run are measured even so. */
async function whyNotCompared(
  session: ScoreSession,
  windows: number[][],
  start: readonly Unit[],
): Promise<string> {
  const so = 'the plans compare with nothing';
  const own = start.length > 0 ? null : await session.whyNoStates(windows, so);
  const without = start.length > 0 ? ` without ${formatUnits(start)}` : '';
  return own ?? `The model${without} gives no numbers, ${so}.`;
}

/** What a criterion takes of the blocks that are neither locked nor touched by --remove. */
function ordersOf(
  { structure }: OpenedModel,
  { start, locked }: SearchParameters,
  take: Take,
): Orders {
  const gone = new Set([...start.map(blockOf), ...locked]);
  const removable = structure.blocks
    .filter(({ index, unremovable }) => unremovable === null && !gone.has(index))
    .map(({ index }) => index);
  return (count) => {
    const blocks = take(removable, count);
    return blocks.length === count ? [...blocks] : null;
  };
}

const STOPS: Record<SearchPath['stoppedBy'], string> = {
  count: 'as many as were asked for',
  bound: 'one more would exceed --max-ppl',
  locks: 'no other block can be removed',
};

function linesOf({
  method,
  criterion,
  start,
  baseline,
  steps,
  stoppedBy,
  windows,
  device,
  warnings = [],
}: SearchReport): string[] {
  const by = method === 'iterative' ? 'iterative by ppl' : `one-shot by ${criterion}`;
  const ppl = (measure: Measure): string =>
    hasNumbers(baseline) ? pplWords(measure.ppl, 5) : pplInWords(measure);
  const without = start.length > 0 ? ` without ${formatUnits(start)}` : '';
  return [
    ...warnings,
    `${by}, ${windows.length} windows of ${windows[0]?.length ?? 0} tokens on ` +
      `${device.name}: PPL ` +
      `${pplInWords(baseline)}${without}`,
    ...steps.map(({ removed, measure }) => `PPL ${ppl(measure)} without ${formatUnits(removed)}`),
    `${steps.length} removed: ${STOPS[stoppedBy]}`,
  ];
}
