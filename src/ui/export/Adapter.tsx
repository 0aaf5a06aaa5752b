// The healing by LoRA as an adapter for PEFT: saved as an export is, or why it cannot be one; and
// what to do with it.

import type { AdapterResult } from '../../contract/export.ts';
import { peftSnippet } from '../../model/interop/formats.ts';
import { plural } from '../../quantities.ts';
import { offersAdapter } from '../../state/export/selectors.ts';
import { activeHealing } from '../../state/heal/selectors.ts';
import { ADAPTER, adapterSaved, impossible } from '../../words/dialogs/export.ts';
import kit from '../kit/kit.module.css';
import { saveBlob } from '../saveBlob.ts';
import { useActions, useStudio } from '../studioContext.ts';
import { Code } from './Code.tsx';

/** @param name of the export, null where it cannot be one */
export function Adapter({ name }: { name: string | null }) {
  const offered = useStudio(offersAdapter);
  const id = useStudio((state) => activeHealing(state)?.id ?? null);
  const { obstacle, saving, result } = useStudio((state) => state.export.adapter);
  const actions = useActions();
  if (!offered) return null;
  const known = obstacle?.healing === id ? obstacle : null;
  const saved = result?.healing === id ? result : null;
  return (
    <section className={kit.stack} aria-labelledby="adapter" data-testid="export-adapter">
      <h3 id="adapter">{ADAPTER.title}</h3>
      <p className={kit.note}>{ADAPTER.what}</p>
      {!known && <p className={kit.note}>{ADAPTER.looking}</p>}
      {known?.why && (
        <p className={kit.note} data-testid="adapter-obstacle">
          {impossible(known.why)}
        </p>
      )}
      {known && known.why === null && (
        <div className={kit.row}>
          <button
            type="button"
            aria-disabled={saving || name === null}
            data-testid="adapter-save"
            onClick={() => name !== null && void actions.saveAdapter(`${name}-adapter`)}
          >
            {saving ? ADAPTER.saving : ADAPTER.save}
          </button>
        </div>
      )}
      {saved && <Saved result={saved} />}
    </section>
  );
}

function Saved({ result: { name, files, bytes, notes, blob } }: { result: AdapterResult }) {
  const actions = useActions();
  const prunes = files.some(({ path }) => path === 'prune.py');
  return (
    <div className={kit.stack} data-testid="adapter-saved">
      <p className={kit.good}>{adapterSaved(name, plural(files.length, 'file'), bytes)}</p>
      {blob && (
        <div className={kit.row}>
          <button
            type="button"
            data-testid="adapter-zip"
            onClick={() => saveBlob(blob, `${name}.zip`)}
          >
            {ADAPTER.saveZip(name)}
          </button>
        </div>
      )}
      <Code title={ADAPTER.load} code={peftSnippet(name, prunes)} testId="adapter">
        {prunes && (
          <>
            {ADAPTER.prune}{' '}
            <button
              type="button"
              className={kit.asLink}
              data-testid="adapter-elsewhere"
              onClick={() => actions.openDialog('interop')}
            >
              {ADAPTER.elsewhere}
            </button>
            .
          </>
        )}
      </Code>
      {notes.map((note) => (
        <p key={note} className={kit.note}>
          {note}
        </p>
      ))}
    </div>
  );
}
