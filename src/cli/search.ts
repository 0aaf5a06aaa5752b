// `search`: which blocks to remove, one by one or all at once, with the measured perplexity of
// every step, as JSON with the path in words beside it.

import type { CriterionName } from '../analysis/criteriaTable.ts';
import type { Measure } from '../contract/score.ts';
import type { SearchResult, SearchStep } from '../contract/search.ts';
import { EspalierError } from '../errors.ts';
import type { OpenedModel } from '../model/open/open.ts';
import { missingBlock } from '../model/structure/removable.ts';
import { calibrate, folderTokenizer } from '../runtime/score/calibration.ts';
import type { ScoreSession } from '../runtime/score/session.ts';
import { blockOf, blocksLeft, formatUnits, sortUnits, type Unit } from '../units.ts';
import { decimal, oneOf, parseCommand, parseRemove, UsageError, wholeNumber } from './args.ts';
import { CRITERION_OPTIONS, measureCriterion, readCriterion } from './criteria.ts';
import { checkPlan, openForCommand, openSession, withFolder } from './open.ts';
import { checkJsonTarget, note, showProgress, statusDone, writeJson } from './output.ts';
import { CALIBRATION_OPTIONS, readCalibration, samplingOf } from './texts.ts';

const OPTIONS = {
  ...CALIBRATION_OPTIONS,
  method: { type: 'string' },
  ...CRITERION_OPTIONS,
  'remove-count': { type: 'string' },
  'max-ppl': { type: 'string' },
  lock: { type: 'string' },
  remove: { type: 'string' },
  device: { type: 'string' },
  budget: { type: 'string' },
  model: { type: 'string' },
  json: { type: 'string' },
} as const;

/** One plan of the path, measured; `block` is the one that went, where plans grow by one block. */
export interface PathStep extends Partial<Pick<SearchStep, 'block' | 'candidates'>> {
  removed: Unit[];
  measure: Measure;
  seconds: number;
}

/** What `search` writes. */
export interface SearchReport extends Omit<SearchResult, 'steps'> {
  method: 'one-shot' | 'iterative';
  criterion: CriterionName;
  start: Unit[];
  locked: number[];
  steps: PathStep[];
}

interface Wanted {
  start: Unit[];
  locked: number[];
  count: number;
  maxPpl: number | null;
}

type Path = Pick<SearchReport, 'baseline' | 'steps' | 'stoppedBy' | 'costRatio'>;

export async function search(words: string[]): Promise<number> {
  const { folder: path, values } = parseCommand(words, OPTIONS);
  const method = oneOf(values.method, 'method', ['one-shot', 'iterative']) ?? 'iterative';
  const { criterion, options } = readCriterion(values);
  if (method === 'iterative' && criterion.needs !== 'curve')
    throw new UsageError('--method iterative goes by --criterion ppl.');
  if (values['remove-count'] === undefined)
    throw new UsageError('Give --remove-count <number of blocks>.');
  const wanted: Wanted = {
    start: parseRemove(values.remove),
    locked: lockedOf(values.lock),
    count: wholeNumber(values['remove-count'], 'remove-count', 1),
    maxPpl: values['max-ppl'] === undefined ? null : decimal(values['max-ppl'], 'max-ppl', 0),
  };
  const sampling = samplingOf(values);
  const device = oneOf(values.device, 'device', ['wasm', 'webgpu']) ?? 'wasm';
  const budget =
    values.budget === undefined ? undefined : wholeNumber(values.budget, 'budget', 1) * 1e6;
  const source = readCalibration(values);

  checkJsonTarget(values.json);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model);
    checkPlan(opened, wanted.start);
    checkWanted(opened, wanted);
    const started = performance.now();
    const { windows, settings, notes } = await calibrate(
      source,
      sampling,
      () => folderTokenizer(folder),
      opened.summary,
    );
    const { session, engine, notes: routeNotes } = await openSession(opened, device);
    for (const text of [...routeNotes, ...notes]) note(text);
    await session.setBudget(budget);
    await session.useWindows(windows);
    /** The blocks that go at once, by the criterion. */
    const removals = async (): Promise<Removals> => {
      const onWindows = async () => ({ session, windows });
      const take = (await measureCriterion(criterion, { opened, onWindows })).take(options);
      const touched = wanted.start.map(blockOf);
      const removable = unlockedBlocks(opened, wanted).filter((block) => !touched.includes(block));
      return (count) => take(removable, count);
    };
    const found =
      method === 'iterative'
        ? await iterative(session, windows, wanted)
        : await oneShot(session, wanted, await removals());
    const report: SearchReport = {
      method,
      criterion: criterion.name,
      start: wanted.start,
      locked: wanted.locked,
      ...found,
      windows,
      settings,
      device: { kind: engine.kind, name: engine.name },
      seconds: (performance.now() - started) / 1000,
    };
    statusDone();
    writeJson(values.json, report);
    for (const line of linesOf(report)) note(line);
    await session.dispose();
    await engine.dispose();
    return 0;
  });
}

/** Whole blocks of --lock. @throws UsageError */
function lockedOf(text: string | undefined): number[] {
  return parseRemove(text, 'lock').map((unit) => {
    if (typeof unit !== 'number') throw new UsageError(`--lock takes whole blocks, not ${unit}.`);
    return unit;
  });
}

/**
 * @throws EspalierError `bad-input` for locks that name no block, or one that --remove takes out,
 * and for more removals than there may be
 */
function checkWanted(opened: OpenedModel, wanted: Wanted): void {
  const { start, locked, count } = wanted;
  const numBlocks = opened.structure.blocks.length;
  const missing = missingBlock(numBlocks, locked);
  if (missing !== null) throw new EspalierError('bad-input', missing, 'Change --lock.');
  const both = start.find((unit) => locked.includes(blockOf(unit)));
  if (both !== undefined)
    throw new EspalierError(
      'bad-input',
      `--remove takes ${both}, and --lock keeps block ${blockOf(both)}.`,
      'Name it in one of them.',
    );
  const most = Math.min(unlockedBlocks(opened, wanted).length, blocksLeft(numBlocks, start) - 1);
  if (count > most)
    throw new EspalierError(
      'bad-input',
      `--remove-count is ${count}, but ${most === 0 ? 'no block' : `at most ${most}`} can go.`,
      'Ask for fewer, or unlock blocks; one must stay.',
    );
}

/** Blocks that may be removed after `start`; one of which a sublayer is gone is among them. */
function unlockedBlocks({ structure }: OpenedModel, { start, locked }: Wanted): number[] {
  return structure.blocks
    .filter(
      ({ index, unremovable }) =>
        unremovable === null && !locked.includes(index) && !start.includes(index),
    )
    .map(({ index }) => index);
}

async function iterative(
  session: ScoreSession,
  windows: number[][],
  wanted: Wanted,
): Promise<Path> {
  const found = await session.search(
    { windows, ...wanted },
    undefined,
    undefined,
    (event) => event.type === 'progress' && showProgress(event.progress),
  );
  const removed: Unit[] = [...wanted.start];
  const steps = found.steps.map((step): PathStep => {
    removed.push(step.block);
    return { ...step, removed: sortUnits(removed) };
  });
  return {
    baseline: found.baseline,
    steps,
    stoppedBy: found.stoppedBy,
    costRatio: found.costRatio,
  };
}

/** The blocks of a plan of `count` more removals; fewer where there are fewer. */
type Removals = (count: number) => readonly number[];

/**
 * Scores stay as they were on the intact model; the perplexity of every plan on the way is
 * measured.
 */
async function oneShot(
  session: ScoreSession,
  { start, count, maxPpl }: Wanted,
  removals: Removals,
): Promise<Path> {
  const baseline = await session.plan(start);
  const most = session.programs.blocks.length - new Set(start.map(blockOf)).size - 1;
  const steps: PathStep[] = [];
  let stoppedBy: Path['stoppedBy'] = 'count';
  for (let size = 1; size <= count; size++) {
    const blocks = size <= most ? removals(size) : [];
    if (blocks.length < size) {
      stoppedBy = 'locks';
      break;
    }
    const removed = sortUnits([...start, ...blocks]);
    const { seconds, ...measure } = await session.plan(removed, undefined, showProgress);
    if (maxPpl !== null && !(measure.ppl !== null && measure.ppl <= maxPpl)) {
      stoppedBy = 'bound';
      break;
    }
    const last = steps.at(-1)?.removed ?? start;
    const added = removed.filter((unit) => !last.includes(unit));
    const [block] = added;
    steps.push({
      ...(added.length === 1 && typeof block === 'number' ? { block } : {}),
      removed,
      measure,
      seconds,
    });
  }
  const { seconds: _, ...intact } = baseline;
  return { baseline: intact, steps, stoppedBy, costRatio: null };
}

const STOPS: Record<Path['stoppedBy'], string> = {
  count: 'all that were asked for',
  bound: 'one more would go above --max-ppl',
  locks: 'no other block can go',
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
}: SearchReport): string[] {
  const by = method === 'iterative' ? 'iterative PPL' : `one-shot by ${criterion}`;
  const ppl = (measure: Measure): string =>
    measure.ppl === null ? 'off the scale' : measure.ppl.toPrecision(5);
  return [
    `${by}, ${windows.length} windows of ${windows[0]?.length ?? 0} tokens on ` +
      `${device.name}: PPL ` +
      `${ppl(baseline)}${start.length > 0 ? ` without ${formatUnits(start)}` : ''}`,
    ...steps.map(({ removed, measure }) => `PPL ${ppl(measure)} without ${formatUnits(removed)}`),
    `${steps.length} removed: ${STOPS[stoppedBy]}`,
  ];
}
