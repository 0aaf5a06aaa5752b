// Scoring settings: text, windows, sampler, BOS, device, and the memory they need. Changes hold at once; the curve says if it is older.

import { type ReactNode, useId, useState } from 'react';
import { nameOfText } from '../../state/textSource.ts';
import type { ScoreSettings } from '../../worker/api.ts';
import { formatBytes } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { Dialog } from '../kit/Dialog.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './settings.module.css';

export function SettingsDialog() {
  const settings = useStudio((state) => state.score.settings);
  const context = useStudio((state) => state.model.current?.summary.contextLength ?? null);
  const actions = useActions();
  const given = settings.text.kind === 'ids';
  const set = actions.setSettings;
  return (
    <Dialog title="Scoring settings" onClose={() => actions.openDialog(null)} testId="settings-dialog">
      <TextField settings={settings} />
      <div className={css.grid}>
        <Field label="Windows">
          {(id) => (
            <WholeNumber
              id={id}
              value={settings.samples}
              min={1}
              max={1000}
              disabled={given}
              testId="samples"
              onChange={(samples) => set({ samples })}
            />
          )}
        </Field>
        <Field label="Tokens per window">
          {(id) => (
            <WholeNumber
              id={id}
              value={settings.length}
              min={2}
              max={context ?? 4096}
              disabled={given}
              testId="length"
              onChange={(length) => set({ length })}
            />
          )}
        </Field>
        <Field label="Taken">
          {(id) => (
            <select
              id={id}
              value={settings.sampler}
              disabled={given}
              data-testid="sampler"
              onChange={(event) => set({ sampler: event.target.value as ScoreSettings['sampler'] })}
            >
              <option value="even">evenly over the text</option>
              <option value="random">at random, without overlap</option>
            </select>
          )}
        </Field>
        <Field label="Seed">
          {(id) => (
            <WholeNumber
              id={id}
              value={settings.seed}
              min={0}
              max={2 ** 32 - 1}
              disabled={given || settings.sampler === 'even'}
              testId="seed"
              onChange={(seed) => set({ seed })}
            />
          )}
        </Field>
        <Field label="Begin with BOS">
          {(id) => (
            <select
              id={id}
              value={settings.bos ?? 'auto'}
              disabled={given}
              data-testid="bos"
              onChange={(event) => set({ bos: event.target.value === 'auto' ? null : (event.target.value as 'none' | 'every') })}
            >
              <option value="auto">as the tokenizer does</option>
              <option value="none">never</option>
              <option value="every">every window</option>
            </select>
          )}
        </Field>
        <Field label="Device">{(id) => <DeviceSelect id={id} value={settings.device} />}</Field>
      </div>
      <Memory />
      <ErrorNotice place="score" />
      <div className={kit.row}>
        <CommandButton id="score" testId="score-with-settings" />
        <button type="button" onClick={() => actions.openDialog(null)}>
          Done
        </button>
      </div>
    </Dialog>
  );
}

function Field({ label, children }: { label: string; children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <div className={css.field}>
      <label htmlFor={id}>{label}</label>
      {children(id)}
    </div>
  );
}

interface NumberProps {
  id: string;
  value: number;
  min: number;
  max: number;
  disabled?: boolean;
  testId: string;
  onChange(value: number): void;
}

/** Keeps what is typed; only whole numbers within bounds take effect. */
function WholeNumber({ id, value, min, max, disabled, testId, onChange }: NumberProps) {
  const [text, setText] = useState(String(value));
  const number = Number(text);
  const valid = text !== '' && Number.isInteger(number) && number >= min && number <= max;
  return (
    <>
      <input
        id={id}
        type="number"
        min={min}
        max={max}
        value={text}
        disabled={disabled}
        aria-invalid={!valid}
        data-testid={testId}
        onChange={(event) => {
          setText(event.target.value);
          const next = event.target.valueAsNumber;
          if (Number.isInteger(next) && next >= min && next <= max) onChange(next);
        }}
      />
      {!valid && (
        <span className={kit.bad} role="status">
          {min} to {max}
        </span>
      )}
    </>
  );
}

function TextField({ settings }: { settings: ScoreSettings }) {
  const [pasted, setPasted] = useState(settings.text.kind === 'text' ? settings.text.text : '');
  const [pasting, setPasting] = useState(false);
  const actions = useActions();
  const kind = pasting ? 'paste' : settings.text.kind === 'bundled' ? 'bundled' : 'own';
  return (
    <fieldset className={kit.field}>
      <legend>Text</legend>
      <div className={kit.stack}>
        <div className={kit.row}>
          <label>
            <input
              type="radio"
              name="text"
              checked={kind === 'bundled'}
              data-testid="text-bundled"
              onChange={() => {
                setPasting(false);
                actions.setSettings({ text: { kind: 'bundled' } });
              }}
            />{' '}
            bundled text
          </label>
          <label>
            <input type="radio" name="text" checked={kind === 'paste'} data-testid="text-paste" onChange={() => setPasting(true)} /> paste
          </label>
          {kind === 'own' && (
            <label>
              <input type="radio" name="text" checked readOnly /> {nameOfText(settings.text)}
            </label>
          )}
          <label className={css.file}>
            <span>Choose a file</span>
            <input
              type="file"
              accept=".txt,.md,.json"
              data-testid="text-file"
              onChange={(event) => {
                const file = event.target.files?.[0];
                setPasting(false);
                if (file) void actions.takeFile(file);
              }}
            />
          </label>
        </div>
        {pasting && (
          <>
            <textarea
              rows={5}
              value={pasted}
              aria-label="Calibration text"
              placeholder="A few thousand words, or windows of token ids as [[1, 2, 3], [4, 5, 6]]"
              data-testid="pasted-text"
              onChange={(event) => setPasted(event.target.value)}
            />
            <div className={kit.row}>
              <button
                type="button"
                disabled={!pasted.trim()}
                data-testid="use-pasted"
                onClick={() => {
                  setPasting(false);
                  actions.setText(/^\s*[[{]/.test(pasted) ? 'pasted ids.json' : 'pasted text', pasted);
                }}
              >
                Use this text
              </button>
            </div>
          </>
        )}
        <p className={kit.note}>
          Never score on the text that you will judge the pruned model by. A .txt file can also be dropped on the page.
        </p>
      </div>
    </fieldset>
  );
}

function DeviceSelect({ id, value }: { id: string; value: ScoreSettings['device'] }) {
  const report = useStudio((state) => state.device.report);
  const actions = useActions();
  return (
    <select
      id={id}
      value={value}
      data-testid="device-select"
      onChange={(event) => actions.setSettings({ device: event.target.value as ScoreSettings['device'] })}
    >
      <option value="auto">best here{report && ` (${report.preferred === 'webgpu' ? 'WebGPU' : 'WebAssembly'})`}</option>
      <option value="webgpu" disabled={report?.webgpu === false}>
        WebGPU
      </option>
      <option value="wasm">WebAssembly</option>
    </select>
  );
}

function Memory() {
  const memory = useStudio((state) => state.score.memory);
  return (
    <p className={kit.note} role="status">
      {memory
        ? `Needs about ${formatBytes(memory.total)}, largest buffer ${formatBytes(memory.largestBuffer)}.`
        : 'Memory is not known yet.'}
    </p>
  );
}
