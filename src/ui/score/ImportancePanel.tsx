// The importance curve: how to start and stop it, how it was measured, what it says.

import { lazy, Suspense } from 'react';
import {
  type CurveView,
  canScore,
  curveView,
  groupsOf,
  letter,
  measuredOn,
  remarksOf,
  runningOn,
  settingsChanged,
  stoppedAfter,
} from '../../state/score/selectors.ts';
import { nameOfText, windowsOf } from '../../state/score/text.ts';
import type { StudioState } from '../../state/state.ts';
import { canScoreSublayers, showsSublayers } from '../../state/sublayers/selectors.ts';
import { DEVICE_NAMES } from '../../words/device.ts';
import { formatPpl, formatSeconds, listed, plural } from '../format.ts';
import { InterruptedCards } from '../interrupted/InterruptedCard.tsx';
import { KeptLooking, ScoredAgo } from '../kept/KeptNotes.tsx';
import { CommandButton } from '../kit/CommandButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { NotifySwitch } from '../kit/NotifySwitch.tsx';
import { Panel } from '../kit/Panel.tsx';
import { memoryInParts } from '../memoryWords.ts';
import { useStudio } from '../studioContext.ts';
import { SublayersReading, SublayerTools } from '../sublayers/SublayerTools.tsx';
import css from './importance.module.css';

const ImportanceChart = lazy(() => import('../charts/ImportanceChart.tsx'));

const showsCurve = (state: StudioState) =>
  state.score.running !== null ||
  state.score.curve !== null ||
  state.score.stopped !== null ||
  showsSublayers(state);

export function ImportancePanel() {
  const running = useStudio((state) => state.score.running !== null);
  const hasCurve = useStudio((state) => state.score.curve !== null);
  const shows = useStudio(showsCurve);
  const ofSublayers = useStudio(showsSublayers);
  return (
    <Panel
      id="importance"
      title="Importance"
      sub="perplexity without a block; low means the block matters little"
    >
      <Tools running={running} hasCurve={hasCurve} />
      <SublayerTools />
      <ErrorNotice place="score" />
      <ErrorNotice place="sublayers" />
      <InterruptedCards />
      <ErrorNotice place="restore" />
      {hasCurve && !running && <Warnings />}
      <KeptLooking />
      {shows ? (
        <Suspense fallback={<div className={css.space} />}>
          <ImportanceChart />
        </Suspense>
      ) : (
        <BeforeScoring />
      )}
      {shows && <Reading />}
      {hasCurve && !running && !ofSublayers && <Groups />}
    </Panel>
  );
}

function Tools({ running, hasCurve }: { running: boolean; hasCurve: boolean }) {
  const on = useStudio(measuredOn);
  const progress = useStudio((state) => state.score.progress);
  const cancelling = useStudio((state) => state.score.cancelling);
  const changed = useStudio(settingsChanged);
  const seconds = useStudio((state) =>
    state.score.curve?.restored ? null : (state.score.curve?.result.seconds ?? null),
  );
  const stopped = useStudio(stoppedAfter);
  const hasSublayers = useStudio(canScoreSublayers);
  if (!running && !hasCurve && !stopped) return null;
  return (
    <div className={css.tools}>
      {stopped && (
        <span className={kit.sub} data-testid="stopped">
          {stopped}
        </span>
      )}
      {!running && hasCurve && (
        <span className={kit.sub}>
          <ScoredAgo />{' '}
          <span data-testid="measured-on">
            {on}
            {seconds !== null && `, ${formatSeconds(seconds)}`}
          </span>
        </span>
      )}
      <span className={kit.grow} />
      {running ? (
        <>
          {cancelling ? (
            <span className={kit.sub}>stopping…</span>
          ) : (
            <JobProgress progress={progress} label="Scoring" />
          )}
          <NotifySwitch label="Notify me when done" />
          <CommandButton id="cancel" />
        </>
      ) : (
        <>
          {changed && <span className={kit.sub}>Settings have changed since.</span>}
          <div className={css.buttons}>
            <CommandButton id="settings" label="Settings" />
            <CommandButton id="score" label="Score again" />
            {hasSublayers && <CommandButton id="score-sublayers" label="Score sublayers" />}
          </div>
        </>
      )}
    </div>
  );
}

/** What is under the pointer or the focus, in words; of fixed height, so that nothing jumps. */
function Reading() {
  const view = useStudio(curveView);
  const ofSublayers = useStudio(showsSublayers);
  const hover = useStudio((state) => state.view.hover);
  const on = useStudio(runningOn);
  const point = hover === null ? undefined : view.points[hover];
  if (ofSublayers) return <SublayersReading />;
  const idle = view.growing
    ? `The curve grows as blocks are scored, on ${on}.`
    : 'Select a block to remove or restore it; hold Shift for a range.';
  return (
    <p className={css.reading} data-testid="reading">
      {point ? inWords(point) : idle}
    </p>
  );
}

function inWords(point: CurveView['points'][number]): string {
  const words = [`Block ${point.index}`];
  if (point.refused) words.push(`: cannot be scored, ${point.refused}`);
  else if (point.nll === null) words.push(' is not scored yet');
  else {
    words.push(`: perplexity ${formatPpl(point.nll)}`);
    if (Number.isFinite(point.low))
      words.push(` (95 %: ${formatPpl(point.low)} to ${formatPpl(point.high)})`);
    if (point.withinNoise.length > 6)
      words.push(
        `, one of ${point.withinNoise.length + 1} within noise of each other (${point.group})`,
      );
    else if (point.withinNoise.length) words.push(`, within noise of ${listed(point.withinNoise)}`);
  }
  if (point.removed) words.push(', removed');
  if (point.locked) words.push(', locked');
  return `${words.join('')}.`;
}

/** What makes the numbers of this curve doubtful. */
function Warnings() {
  const { warnings } = useStudio(remarksOf);
  return warnings.map((text) => (
    <p key={text} className={`${kit.callout} ${css.warning}`} data-testid="curve-warning">
      <strong>Doubtful numbers.</strong> {text}
    </p>
  ));
}

function Groups() {
  const groups = useStudio(groupsOf);
  const windows = useStudio((state) => state.score.curve?.result.windows.length ?? 0);
  const { notes, details } = useStudio(remarksOf);
  return (
    <>
      {groups.length > 0 && (
        <details className={css.groups}>
          <summary>
            Blocks too close to call{' '}
            <span className={kit.sub}>
              within noise of each other on {plural(windows, 'window')}
            </span>
          </summary>
          <ul>
            {groups.map((group, i) => (
              <li key={group.join()}>
                <b>{letter(i)}</b>{' '}
                {group.length === 1
                  ? `block ${group[0]}`
                  : `blocks ${listed([...group].sort((a, b) => a - b))}`}
              </li>
            ))}
          </ul>
        </details>
      )}
      {windows === 1 && (
        <p className={css.notes}>
          One window gives no interval: use more to see which blocks differ by more than noise.
        </p>
      )}
      {notes.length > 0 && <p className={css.notes}>{notes.join(' ')}</p>}
      {details.length > 0 && (
        <details className={css.groups} data-testid="curve-details">
          <summary>Details</summary>
          <p className={css.notes}>{details.join(' ')}</p>
        </details>
      )}
    </>
  );
}

const NO_TOKENIZER =
  'This folder has no tokenizer. Give windows of token ids in the settings instead.';

/** What scoring will do and need, before it starts. */
function BeforeScoring() {
  const model = useStudio((state) => state.model.current);
  const memory = useStudio((state) => state.score.memory);
  const settings = useStudio((state) => state.score.settings);
  const device = useStudio((state) => state.device.report);
  const scorable = useStudio(canScore);
  if (!model) return null;
  if (!model.summary.canScore) {
    const why = model.summary.problems.map((problem) => problem.message).join(' ');
    return (
      <p className={css.before} data-testid="cannot-score">
        This graph yields no perplexity, so its blocks cannot be scored. {why} You can still choose
        blocks by hand and export.
      </p>
    );
  }
  const chosen = settings.device === 'auto' ? device?.preferred : settings.device;
  const needs = memory ? memoryInParts(memory) : 'Estimating memory…';
  return (
    <div className={css.before}>
      <p>
        Removes each of the {model.summary.numBlocks} blocks in turn and measures perplexity on{' '}
        {windowsOf(settings)}, {nameOfText(settings.text)}, on{' '}
        {chosen ? DEVICE_NAMES[chosen] : 'this device'}.
      </p>
      <p className={kit.note} data-testid="memory">
        {scorable ? needs : NO_TOKENIZER}
      </p>
      <div className={kit.row}>
        <CommandButton id="score" />
        <CommandButton id="settings" label="Settings" />
      </div>
    </div>
  );
}
