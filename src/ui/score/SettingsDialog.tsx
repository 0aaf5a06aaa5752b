// The scoring settings and the memory that they need; changes take effect at once.

import { useState } from 'react';
import type { ScoreSettings } from '../../contract/score.ts';
import { deviceOf } from '../../state/device/selectors.ts';
import { scoreSeconds } from '../../state/estimate/selectors.ts';
import { SETTINGS } from '../../words/choose.ts';
import { DEVICE_NAMES } from '../../words/dialogs/device.ts';
import { BosSelect } from '../kit/BosSelect.tsx';
import { CommandButton } from '../kit/CommandButton.tsx';
import { Dialog } from '../kit/Dialog.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { Field } from '../kit/Field.tsx';
import kit from '../kit/kit.module.css';
import { NotifySwitch } from '../kit/NotifySwitch.tsx';
import { WholeNumber } from '../kit/WholeNumber.tsx';
import { memoryInAll } from '../memoryWords.ts';
import { useActions, useStudio } from '../studioContext.ts';
import { ScoringText } from './ScoringText.tsx';
import css from './settings.module.css';

export function SettingsDialog() {
  const settings = useStudio((state) => state.score.settings);
  const actions = useActions();
  const hasIds = settings.text.kind === 'ids';
  const set = actions.setSettings;
  return (
    <Dialog
      title={SETTINGS.title}
      onClose={() => actions.openDialog(null)}
      testId="settings-dialog"
    >
      <ScoringText text={settings.text} />
      <div className={css.grid}>
        <WindowFields settings={settings} />
        <Field className={css.field} label={SETTINGS.bos}>
          {(id) => (
            <BosSelect
              id={id}
              value={settings.bos}
              noun="window"
              disabled={hasIds}
              testId="bos"
              onChange={(bos) => set({ bos })}
            />
          )}
        </Field>
        <Field className={css.field} label={SETTINGS.device}>
          {(id) => <DeviceSelect id={id} value={settings.device} />}
        </Field>
        <Field className={css.field} label={SETTINGS.budget}>
          {(id) => <BudgetField id={id} />}
        </Field>
      </div>
      <DeviceNote />
      <Needs />
      <NotifySwitch />
      <ErrorNotice place="score" />
      <div className={kit.row}>
        <CommandButton id="score" testId="score-with-settings" />
        <button type="button" onClick={() => actions.openDialog(null)}>
          {SETTINGS.done}
        </button>
      </div>
    </Dialog>
  );
}

/** How many windows, of how many tokens, from where in the text. */
function WindowFields({ settings }: { settings: ScoreSettings }) {
  const context = useStudio((state) => state.model.current?.summary.contextLength ?? null);
  const { setSettings: set } = useActions();
  const hasIds = settings.text.kind === 'ids';
  return (
    <>
      <Field className={css.field} label={SETTINGS.windows}>
        {(id) => (
          <WholeNumber
            id={id}
            value={settings.samples}
            min={1}
            max={1000}
            disabled={hasIds}
            testId="samples"
            onChange={(samples) => set({ samples })}
          />
        )}
      </Field>
      <Field className={css.field} label={SETTINGS.length}>
        {(id) => (
          <WholeNumber
            id={id}
            value={settings.length}
            min={2}
            max={context ?? 4096}
            disabled={hasIds}
            testId="length"
            onChange={(length) => set({ length })}
          />
        )}
      </Field>
      <Field className={css.field} label={SETTINGS.sampling}>
        {(id) => (
          <select
            id={id}
            value={settings.sampler}
            disabled={hasIds}
            data-testid="sampler"
            onChange={(event) => set({ sampler: event.target.value as ScoreSettings['sampler'] })}
          >
            <option value="even">{SETTINGS.even}</option>
            <option value="random">{SETTINGS.random}</option>
          </select>
        )}
      </Field>
      <Field className={css.field} label={SETTINGS.seed}>
        {(id) => (
          <WholeNumber
            id={id}
            value={settings.seed}
            min={0}
            max={2 ** 32 - 1}
            disabled={hasIds || settings.sampler === 'even'}
            testId="seed"
            onChange={(seed) => set({ seed })}
          />
        )}
      </Field>
    </>
  );
}

function DeviceSelect({ id, value }: { id: string; value: ScoreSettings['device'] }) {
  const report = useStudio((state) => state.device.report);
  const auto = useStudio((state) => deviceOf(state, 'auto'));
  const open = useStudio(({ device }) => device.report?.webgpu === true && !device.choice);
  const actions = useActions();
  const name = open ? SETTINGS.faster : auto && DEVICE_NAMES[auto];
  return (
    <select
      id={id}
      value={value}
      data-testid="device-select"
      onChange={(event) =>
        actions.setSettings({ device: event.target.value as ScoreSettings['device'] })
      }
    >
      <option value="auto">{SETTINGS.auto(name)}</option>
      <option value="webgpu" disabled={report?.webgpu === false}>
        {SETTINGS.webgpu}
      </option>
      <option value="wasm">{DEVICE_NAMES.wasm}</option>
    </select>
  );
}

/** What led to the device, where one was chosen for this model. */
function DeviceNote() {
  const isAuto = useStudio((state) => state.score.settings.device === 'auto');
  const choice = useStudio((state) => state.device.choice);
  if (!isAuto || !choice?.measured) return null;
  return (
    <p className={kit.note} data-testid="device-note">
      {choice.reason}
    </p>
  );
}

const NEEDS_ID = 'scoring-needs';
const MB = 1e6;
const MOST_MB = 1e6;

/** Left empty, the budget is what the device is estimated to have room for. */
function BudgetField({ id }: { id: string }) {
  const budget = useStudio((state) => state.score.settings.budgetBytes);
  const usual = useStudio((state) => state.score.memory?.budget);
  const actions = useActions();
  const [typed, setTyped] = useState(budget === undefined ? '' : String(budget / MB));
  const number = Number(typed);
  const valid = typed === '' || (Number.isInteger(number) && number >= 1 && number <= MOST_MB);
  return (
    <>
      <input
        id={id}
        type="number"
        min={1}
        max={MOST_MB}
        value={typed}
        placeholder={SETTINGS.automatic(
          budget === undefined && usual !== undefined ? Math.floor(usual / MB) : null,
        )}
        aria-invalid={!valid}
        aria-describedby={NEEDS_ID}
        data-testid="memory-budget"
        onBlur={() => setTyped(budget === undefined ? '' : String(budget / MB))}
        onChange={(event) => {
          const text = event.target.value;
          setTyped(text);
          const next = event.target.valueAsNumber;
          if (text === '' && !event.target.validity.badInput)
            actions.setSettings({ budgetBytes: undefined });
          else if (Number.isInteger(next) && next >= 1 && next <= MOST_MB)
            actions.setSettings({ budgetBytes: next * MB });
        }}
      />
      <span className={kit.bad} role="status" style={{ minHeight: '1.4em' }}>
        {valid ? '' : SETTINGS.budgetRange(MOST_MB)}
      </span>
    </>
  );
}

/** About how long it takes with these settings, and the memory. */
function Needs() {
  const memory = useStudio((state) => state.score.memory);
  const seconds = useStudio(scoreSeconds);
  return (
    <p className={`${kit.note} ${css.needs}`} id={NEEDS_ID} data-testid="settings-needs">
      {seconds && <b>{SETTINGS.takes(seconds)}</b>}{' '}
      {memory ? memoryInAll(memory) : SETTINGS.memoryUnknown}
    </p>
  );
}
