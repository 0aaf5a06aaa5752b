// Exporting the pruned model: name and target, progress, the result of verification.

import { useState } from 'react';
import type { ExportResult } from '../../contract/export.ts';
import { formatBytes } from '../../quantities.ts';
import { deviceName } from '../../state/device/selectors.ts';
import { suggestName } from '../../state/export/name.ts';
import { keptWords } from '../../state/plan/selectors.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import { sublayerUnits } from '../../units.ts';
import { formatSeconds, listed, plural } from '../format.ts';
import { Dialog } from '../kit/Dialog.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { JobProgress } from '../kit/JobProgress.tsx';
import kit from '../kit/kit.module.css';
import { saveBlob } from '../saveBlob.ts';
import { useActions, useCanSaveFolder, useStudio } from '../studioContext.ts';
import { PrecisionChoice } from './PrecisionChoice.tsx';

export function ExportDialog() {
  const actions = useActions();
  const running = useStudio((state) => state.export.running);
  const result = useStudio((state) => state.export.result);
  // Kept here, so that the form comes back with it when an export has stopped.
  const [name, setName] = useState<string | null>(null);
  return (
    <Dialog
      title="Export pruned model"
      onClose={() => actions.openDialog(null)}
      testId="export-dialog"
    >
      {running && <Running />}
      {!running && result && <Done result={result} />}
      {!running && !result && <Form named={name} setName={setName} />}
      <ErrorNotice place="export" />
    </Dialog>
  );
}

function Form({ named, setName }: { named: string | null; setName(name: string): void }) {
  const model = useStudio((state) => state.model.current)!;
  const removed = useStudio((state) => state.plan.present.removed);
  const chosen = useStudio((state) => state.export.target);
  const dtype = useStudio((state) => state.export.dtype);
  const canSaveFolder = useCanSaveFolder();
  const actions = useActions();
  const name = named ?? suggestName(model.summary, removed, dtype);
  const target = canSaveFolder ? chosen : 'zip';
  const clean = name.trim();
  const wrong = whyNotName(clean);
  const whole = dtype ? 'the whole model' : 'a copy of the model';
  const others = model.graphs.filter((graph) => graph.path !== model.summary.graph);
  return (
    <form
      className={kit.stack}
      onSubmit={(event) => {
        event.preventDefault();
        actions.setTarget(target);
        void actions.exportModel(clean);
      }}
    >
      <p>
        {removed.length
          ? `Writes ${keptWords(model, removed, 'blocks')}, without ${listUnits(removed)}.`
          : `Nothing is removed: this writes ${whole}.`}{' '}
        {others.length > 0 &&
          `Only ${model.summary.graph} is written, not ` +
            `${listed(others.map((graph) => graph.path))}.`}
      </p>
      <label>
        Name{' '}
        <input
          type="text"
          value={name}
          required
          aria-invalid={wrong !== null}
          aria-describedby="name-problem"
          data-testid="export-name"
          onChange={(event) => setName(event.target.value)}
          size={32}
        />
        <span id="name-problem" className={kit.bad} role="status">
          {wrong && <div>{wrong}</div>}
        </span>
      </label>
      <fieldset className={kit.field}>
        <legend>Save as</legend>
        <label>
          <input
            type="radio"
            name="target"
            checked={target === 'folder'}
            disabled={!canSaveFolder}
            data-testid="target-folder"
            onChange={() => actions.setTarget('folder')}
          />{' '}
          a folder on this computer{' '}
          {!canSaveFolder && <span className={kit.note}>(this browser cannot write folders)</span>}
        </label>
        <br />
        <label>
          <input
            type="radio"
            name="target"
            checked={target === 'zip'}
            data-testid="target-zip"
            onChange={() => actions.setTarget('zip')}
          />{' '}
          a zip file
        </label>
      </fieldset>
      <PrecisionChoice />
      {sublayerUnits(removed).length > 0 && (
        <p className={kit.note} data-testid="export-parts">
          A block without one of its sublayers works wherever the graph itself is run, as in ONNX
          Runtime and transformers.js, but not where a model is built from its config, as in Python
          transformers or by GGUF converters. The README of the export says more.
        </p>
      )}
      <p className={kit.note}>
        The export is verified: opened again, run, and compared with the original.
      </p>
      <div className={kit.row}>
        <button
          type="submit"
          data-primary="true"
          disabled={wrong !== null}
          data-testid="export-start"
        >
          Export
        </button>
      </div>
    </form>
  );
}

/** Why a folder cannot have this name on every system, or null. */
function whyNotName(name: string): string | null {
  if (!name) return 'The export needs a name.';
  const sign = /[\\/:*?"<>|]/.exec(name)?.[0];
  if (sign) return `The name of a folder cannot contain “${sign}”.`;
  return /^\.+$/.test(name) ? 'The name of a folder cannot consist of dots only.' : null;
}

function Running() {
  const progress = useStudio((state) => state.export.progress);
  const actions = useActions();
  return (
    <div className={kit.stack}>
      <JobProgress progress={progress} label="Exporting" />
      <div className={kit.row}>
        <button type="button" data-testid="export-cancel" onClick={() => void actions.cancel()}>
          Cancel
        </button>
      </div>
    </div>
  );
}

const VERDICT: Record<ExportResult['verification']['status'], string> = {
  verified: '✓ Verified',
  'in-parts': '✓ Verified block by block; the whole model is too large to run here',
  unverified: 'Written completely, but not verified',
  failed: '✕ Failed verification: do not use this export',
};

const checkedOn = (name: string) =>
  deviceName({ kind: name.includes('wasm') ? 'wasm' : 'webgpu', name });

function Done({ result }: { result: ExportResult }) {
  const actions = useActions();
  const { verification, blob } = result;
  const notOk = verification.status === 'failed' ? '✕' : 'not run:';
  const verified = verification.status === 'verified' || verification.status === 'in-parts';
  return (
    <div className={kit.stack}>
      <p
        data-testid="verdict"
        data-status={verification.status}
        className={verified ? kit.good : kit.bad}
      >
        {VERDICT[verification.status]}
      </p>
      <p>
        {result.name}: {plural(result.files.length, 'file')}, {formatBytes(result.bytes)} in{' '}
        {formatSeconds(result.seconds)}.
        {verification.device &&
          ` Checked on ${checkedOn(verification.device)} in ` +
            `${formatSeconds(verification.seconds)}.`}
      </p>
      <ul style={{ margin: 0, paddingLeft: 18 }} data-testid="verify-checks">
        {verification.checks.map((check) => (
          <li key={check.name}>
            <span className={check.ok ? kit.good : kit.bad}>{check.ok ? '✓' : notOk}</span>{' '}
            {check.name}
            <div className={kit.note}>{check.detail}</div>
          </li>
        ))}
      </ul>
      {result.leftOut.length > 0 && (
        <p className={kit.note}>Not copied: {listed(result.leftOut)}.</p>
      )}
      <div className={kit.row}>
        {blob && (
          <button
            type="button"
            data-primary={verified}
            data-testid="save-zip"
            onClick={() => saveBlob(blob, `${result.name}.zip`)}
          >
            Save {result.name}.zip{verified ? '' : ' anyway'}
          </button>
        )}
        <button type="button" data-testid="export-again" onClick={actions.forgetExport}>
          Export again
        </button>
        <button type="button" data-primary={!blob} onClick={() => actions.openDialog(null)}>
          Done
        </button>
      </div>
    </div>
  );
}
