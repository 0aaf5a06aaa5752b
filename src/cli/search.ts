// `search`: which blocks to remove, one by one or all at once, with the measured perplexity of
// every step, as JSON with the path in words beside it.

import { bestWindow } from '../analysis/criteria.ts';
import type { Progress } from '../contract/progress.ts';
import type { Measure } from '../contract/score.ts';
import type { SearchResult, SearchStep } from '../contract/search.ts';
import { EspalierError } from '../errors.ts';
import type { OpenedModel } from '../model/open/open.ts';
import { missingBlock } from '../model/structure/removable.ts';
import { calibrate, folderTokenizer } from '../runtime/score/calibration.ts';
import type { ScoreSession } from '../runtime/score/session.ts';
import { blockOf, blocksLeft, formatUnits, sortUnits, type Unit } from '../units.ts';
import { decimal, oneOf, parseCommand, parseRemove, UsageError, wholeNumber } from './args.ts';
import { influenceOf, scoreMagnitude } from './criteria.ts';
import { checkPlan, openForCommand, openSession, withFolder } from './open.ts';
import { checkJsonTarget, note, showProgress, statusDone, writeJson } from './output.ts';
import { CALIBRATION_OPTIONS, readCalibration, samplingOf } from './texts.ts';

const OPTIONS = {
  ...CALIBRATION_OPTIONS,
  method: { type: 'string' },
  criterion: { type: 'string' },
  norms: { type: 'boolean' },
  'remove-count': { type: 'string' },
  'max-ppl': { type: 'string' },
  lock: { type: 'string' },
  remove: { type: 'string' },
  device: { type: 'string' },
  budget: { type: 'string' },
  model: { type: 'string' },
  json: { type: 'string' },
} as const;

const CRITERIA = ['ppl', 'mag-l1', 'mag-l2', 'block-influence', 'angular'] as const;
type Criterion = (typeof CRITERIA)[number];

/** One plan of the path, measured; `block` is the one that went, where plans grow by one block. */
export interface PathStep extends Partial<Pick<SearchStep, 'block' | 'candidates'>> {
  removed: Unit[];
  measure: Measure;
  seconds: number;
}

/** What `search` writes. */
export interface SearchReport extends Omit<SearchResult, 'steps'> {
  method: 'one-shot' | 'iterative';
  criterion: Criterion;
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
  const criterion = oneOf(values.criterion, 'criterion', CRITERIA) ?? 'ppl';
  if (method === 'iterative' && criterion !== 'ppl')
    throw new UsageError('--method iterative goes by --criterion ppl.');
  if (values.norms && !criterion.startsWith('mag'))
    throw new UsageError('--norms goes with --criterion mag-l1 or mag-l2.');
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
    const found =
      method === 'iterative'
        ? await iterative(session, windows, wanted)
        : await oneShot(
            session,
            wanted,
            await ordersOf(criterion, values.norms ?? false, opened, session, windows, wanted),
          );
    const report: SearchReport = {
      method,
      criterion,
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
function checkWanted(
  { structure: { blocks } }: OpenedModel,
  { start, locked, count }: Wanted,
): void {
  const numBlocks = blocks.length;
  const missing = missingBlock(numBlocks, locked);
  if (missing !== null) throw new EspalierError('bad-input', missing, 'Change --lock.');
  const both = start.find((unit) => locked.includes(blockOf(unit)));
  if (both !== undefined)
    throw new EspalierError(
      'bad-input',
      `--remove takes ${both}, and --lock keeps block ${blockOf(both)}.`,
      'Name it in one of them.',
    );
  const free = blocks.filter(
    ({ index, unremovable }) =>
      unremovable === null && !locked.includes(index) && !start.includes(index),
  );
  const most = Math.min(free.length, blocksLeft(numBlocks, start) - 1);
  if (count > most)
    throw new EspalierError(
      'bad-input',
      `--remove-count is ${count}, but ${most === 0 ? 'no block' : `at most ${most}`} can go.`,
      'Ask for fewer, or unlock blocks; one must stay.',
    );
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

/** For each number of blocks the ones that go, or null when there are not so many. */
type Orders = (count: number) => number[] | null;

async function ordersOf(
  criterion: Criterion,
  norms: boolean,
  opened: OpenedModel,
  session: ScoreSession,
  windows: number[][],
  { start, locked }: Wanted,
): Promise<Orders> {
  const gone = new Set([...start.map(blockOf), ...locked]);
  const from = (order: readonly number[]): Orders => {
    const free = order.filter((block) => !gone.has(block));
    return (count) => (count <= free.length ? free.slice(0, count) : null);
  };
  if (criterion === 'ppl') return from((await session.score(windows, undefined, told)).order);
  if (criterion === 'mag-l1' || criterion === 'mag-l2') {
    const began = performance.now();
    const power = criterion === 'mag-l1' ? 'l1' : 'l2';
    return from(
      (await scoreMagnitude(opened, power, norms, () => (performance.now() - began) / 1000)).order,
    );
  }
  const hidden = await session.hiddenCriteria(windows, undefined, showProgress);
  if (criterion === 'block-influence') return from(influenceOf(opened, hidden).order);
  const stays = opened.structure.blocks.flatMap(({ index, unremovable }) =>
    unremovable === null ? [] : [index],
  );
  return (count) => {
    const best = bestWindow(hidden.angular, count, [...gone, ...stays]);
    return best && Array.from({ length: count }, (_, k) => best.first + k);
  };
}

function told(event: { type: string; progress?: Progress }): void {
  if (event.type === 'progress' && event.progress) showProgress(event.progress);
}

/**
 * Scores stay as they were on the intact model; the perplexity of every plan on the way is
 * measured.
 */
async function oneShot(
  session: ScoreSession,
  { start, count, maxPpl }: Wanted,
  orders: Orders,
): Promise<Path> {
  const baseline = await session.plan(start);
  const most = session.programs.blocks.length - new Set(start.map(blockOf)).size - 1;
  const steps: PathStep[] = [];
  let stoppedBy: Path['stoppedBy'] = 'count';
  for (let size = 1; size <= count; size++) {
    const blocks = size <= most ? orders(size) : null;
    if (!blocks) {
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
