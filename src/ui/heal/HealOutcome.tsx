// What a healing has come to: how much came back, on which text, what makes that doubtful, and what
// to do next.

import type { KeptHealing } from '../../contract/heal.ts';
import { deviceName } from '../../state/device/selectors.ts';
import { trainedNothing } from '../../state/heal/outcome.ts';
import { healObstacle, shownHealing, trainingCurve } from '../../state/heal/selectors.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import {
  HEAL,
  howHealed,
  methodsWords,
  NOT_EVIDENCE,
  recoveredWords,
  stoppedWords,
} from '../../words/heal.ts';
import { formatSeconds } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { HealLosses } from './HealLosses.tsx';
import { HealTable } from './HealTable.tsx';
import css from './heal.module.css';

export function HealOutcome() {
  const healing = useStudio(shownHealing);
  if (!healing) return null;
  const { record, recovered, removed, warnings, device, seconds, stoppedAt } = healing;
  const { measured } = record;
  const isEmpty = healing.bytes === 0;
  const steps = record.steps.findLast(({ method }) => method !== 'refit');
  return (
    <section className={kit.stack} aria-label={HEAL.outcome} data-testid="heal-outcome">
      {trainedNothing(healing) && (
        <p data-testid="heal-nothing">
          <b>{HEAL.nothing}</b> {!isEmpty && HEAL.nothingAfterRefit}
        </p>
      )}
      {!isEmpty && recovered !== null && (
        <p className={css.recovered} data-testid="heal-recovered">
          <b>
            {recoveredWords(
              recovered,
              measured.some(({ set }) => set === 'held-out'),
            )}
          </b>{' '}
          <Term id="recovered">{HEAL.recoveredTerm}</Term>
        </p>
      )}
      {!isEmpty && <HealTable measured={measured} />}
      {!isEmpty && measured.some(({ set }) => set === 'fit') && (
        <p className={kit.sub}>{NOT_EVIDENCE}</p>
      )}
      {warnings.map((warning) => (
        <p key={warning} className={kit.callout} data-testid="heal-warning">
          {warning}
        </p>
      ))}
      <p className={kit.sub} data-testid="heal-how">
        {howHealed(methodsWords(healing.methods), listUnits(removed), record.text.name)}{' '}
        {stoppedAt !== null && steps && stoppedWords(stoppedAt, Number(steps.settings.steps))}{' '}
        {deviceName(device)}, {formatSeconds(seconds)}.
      </p>
      <Curve />
      {!isEmpty && <Tools healing={healing} />}
    </section>
  );
}

function Curve() {
  const curve = useStudio(trainingCurve);
  if (!curve || curve.running || curve.losses.length === 0) return null;
  return (
    <HealLosses
      steps={curve.steps}
      training={curve.losses.map(({ loss }) => loss)}
      heldOut={curve.heldOut}
      kept={curve.kept}
    />
  );
}

function Tools({ healing }: { healing: KeptHealing }) {
  const active = useStudio((state) => state.plan.present.healing === healing.id);
  const busy = useStudio((state) => healObstacle(state) !== null);
  const actions = useActions();
  // A hook by its name only.
  const { useHealing: apply } = actions;
  const { canControl, record } = healing;
  const controlled = record.measured.some(({ control }) => control !== null);
  const towardsOriginal = record.steps.some(({ settings }) => Number(settings.kl) > 0);
  return (
    <>
      <div className={kit.row}>
        {active ? (
          <>
            <span>{HEAL.next}</span>
            <button type="button" onClick={() => actions.openWorkspace('speed')}>
              {HEAL.measureSpeed}
            </button>
            <button type="button" onClick={() => actions.openWorkspace('quality')}>
              {HEAL.sideBySide}
            </button>
            <CommandButton id="export" label={HEAL.export} testId="heal-export" />
            <span className={kit.grow} />
            <button type="button" data-testid="heal-undo" onClick={() => apply(null)}>
              {HEAL.undo}
            </button>
          </>
        ) : (
          <button type="button" data-testid="heal-use" onClick={() => apply(healing.id)}>
            {HEAL.use}
          </button>
        )}
      </div>
      {canControl && !controlled && (
        <div className={kit.row}>
          <button
            type="button"
            aria-disabled={busy}
            data-testid="heal-control"
            onClick={() => !busy && void actions.runControl(healing.id)}
          >
            {HEAL.control}
          </button>
          <span className={kit.sub}>
            {HEAL.whyControl} {towardsOriginal && HEAL.whyNextToken}
          </span>
        </div>
      )}
      {controlled && towardsOriginal && <p className={kit.sub}>{HEAL.whyNextToken}</p>}
    </>
  );
}
