// What scoring will do and about how long it takes, before it starts: as set, a quick look, or the
// default, each one click. Memory is said first only where it is tight.

import type { ReactNode } from 'react';
import type { ScoreSettings } from '../../contract/score.ts';
import {
  QUICK,
  quickSeconds,
  scoreSeconds,
  USUAL,
  usualSeconds,
} from '../../state/estimate/selectors.ts';
import { canScore } from '../../state/score/selectors.ts';
import { nameOfText, windowsOf } from '../../state/score/text.ts';
import type { StudioState } from '../../state/state.ts';
import { BEFORE, IMPORTANCE, sizeWords, timeWords } from '../../words/choose.ts';
import { DEVICE_NAMES, FASTER_DEVICE } from '../../words/dialogs/device.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import { PaperLink } from '../kit/PaperLink.tsx';
import { Term } from '../kit/Term.tsx';
import { memoryInParts } from '../memoryWords.ts';
import { useActions, useStudio } from '../studioContext.ts';
import css from './importance.module.css';

/** Share of the budget from which on memory is tight. */
const TIGHT = 0.8;

export function BeforeScoring() {
  const summary = useStudio((state) => state.model.current?.summary);
  const scorable = useStudio(canScore);
  if (!summary) return null;
  if (!summary.canScore)
    return (
      <p className={css.before} data-testid="cannot-score">
        {BEFORE.cannot(summary.problems.map((problem) => problem.message).join(' '))}
      </p>
    );
  return (
    <div className={css.before}>
      <What />
      {scorable ? (
        <>
          <Choices />
          <Memory />
        </>
      ) : (
        <p className={kit.note} data-testid="memory">
          {BEFORE.noTokenizer}
        </p>
      )}
      <div className={kit.row}>
        {!scorable && <CommandButton id="score" />}
        <CommandButton id="settings" label={IMPORTANCE.settings} />
      </div>
    </div>
  );
}

function What() {
  const blocks = useStudio((state) => state.model.current?.summary.numBlocks ?? 0);
  const settings = useStudio((state) => state.score.settings);
  const device = useStudio(deviceInWords);
  return (
    <p>
      {BEFORE.what(blocks)} <Term id="perplexity">{IMPORTANCE.perplexity}</Term> {BEFORE.on}{' '}
      <Term id="windows">{BEFORE.windows}</Term> {BEFORE.of(nameOfText(settings.text), device)}{' '}
      {BEFORE.method} <PaperLink />.
    </p>
  );
}

function deviceInWords({ device, score }: StudioState): string {
  const { report, choice } = device;
  const asked = score.settings.device;
  if (asked !== 'auto') return DEVICE_NAMES[asked];
  if (!report) return BEFORE.thisDevice;
  if (report.webgpu && !choice) return FASTER_DEVICE;
  return DEVICE_NAMES[choice?.kind ?? report.preferred];
}

type Size = typeof QUICK | typeof USUAL;

const isOf = ({ text, samples, length }: ScoreSettings, size: Size) =>
  text.kind !== 'ids' && samples === size.samples && length === size.length;

function Choices() {
  const settings = useStudio((state) => state.score.settings);
  const seconds = useStudio(scoreSeconds);
  const quick = useStudio(quickSeconds);
  const usual = useStudio(usualSeconds);
  const timing = useStudio(isTiming);
  const ids = settings.text.kind === 'ids';
  return (
    <ul className={css.choices} aria-label={BEFORE.choices}>
      <Choice what={windowsOf(settings)} time={timeWords(seconds, timing)} testId="score-time">
        <CommandButton id="score" label={IMPORTANCE.score} />
      </Choice>
      {!ids && !isOf(settings, QUICK) && (
        <Choice what={sizeWords(QUICK)} time={timeWords(quick, timing)} testId="quick-time">
          <SizeButton size={QUICK} label={BEFORE.quick} testId="score-quick" />
        </Choice>
      )}
      {!ids && !isOf(settings, USUAL) && (
        <Choice what={sizeWords(USUAL)} time={timeWords(usual, timing)} testId="usual-time">
          <SizeButton size={USUAL} label={BEFORE.usual} testId="score-usual" />
        </Choice>
      )}
    </ul>
  );
}

/** True while the time may still become known. */
const isTiming = ({ estimate, score }: StudioState) =>
  estimate.timing || (score.memory !== null && !estimate.times.has(score.settings.device));

function Choice(props: { what: string; time: string; testId: string; children: ReactNode }) {
  return (
    <li>
      {props.children}
      <span>
        {props.what} <b data-testid={props.testId}>{props.time}</b>
      </span>
    </li>
  );
}

function SizeButton({ size, label, testId }: { size: Size; label: string; testId: string }) {
  const actions = useActions();
  return (
    <button type="button" data-testid={testId} onClick={() => void actions.scoreOn(size)}>
      {label}
    </button>
  );
}

function Memory() {
  const memory = useStudio((state) => state.score.memory);
  const words = memory ? memoryInParts(memory) : BEFORE.memoryUnknown;
  const isTight =
    memory !== null &&
    (memory.obstacle !== undefined ||
      memory.streaming === true ||
      memory.total > TIGHT * (memory.budget ?? Number.POSITIVE_INFINITY));
  if (isTight)
    return (
      <p className={`${kit.callout} ${css.tight}`} data-testid="memory">
        {words}
      </p>
    );
  return (
    <details className={css.groups}>
      <summary>{BEFORE.memory}</summary>
      <p className={kit.note} data-testid="memory">
        {words}
      </p>
    </details>
  );
}
