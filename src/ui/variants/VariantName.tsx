// The name of a variant, never cut, and the field in which it is changed.

import { useRef, useState } from 'react';
import { listUnits } from '../../state/plan/unitWords.ts';
import { defaultName } from '../../state/variants/names.ts';
import type { FolderOfRow, VariantRow } from '../../state/variants/variants.ts';
import {
  FOLDER_NAMES,
  madeFromWords,
  nameLabel,
  removesWords,
  renameLabel,
} from '../../words/variants.ts';
import { useActions, useStudio } from '../studioContext.ts';
import css from './variants.module.css';

/** @param among rows of other folders stand beside it */
export function VariantName({ row, among }: { row: VariantRow; among: boolean }) {
  if (row.folder) return <FolderName row={row} folder={row.folder} />;
  return <OwnName row={row} isFolder={among && row.key === ''} />;
}

function FolderName({ row, folder }: { row: VariantRow; folder: FolderOfRow }) {
  const { relation, origin } = folder;
  return (
    <span className={css.folder}>
      {row.name}
      <small className={css.units}>
        {relation === 'source' && FOLDER_NAMES.source}
        {relation === 'at-export' && FOLDER_NAMES.atExport}
        {relation === 'relative' &&
          madeFromWords(origin ?? FOLDER_NAMES.unnamed, listUnits(row.removed))}
      </small>
    </span>
  );
}

function OwnName({ row, isFolder }: { row: VariantRow; isFolder: boolean }) {
  const folder = useStudio((state) => state.model.current?.summary.name ?? '');
  const [editing, setEditing] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  if (editing)
    return (
      <Field
        row={row}
        onEnd={(byKey) => {
          setEditing(false);
          // The button is there again after this render.
          if (byKey) requestAnimationFrame(() => button.current?.focus());
        }}
      />
    );
  return (
    <>
      <button
        ref={button}
        type="button"
        className={css.name}
        aria-label={renameLabel(row.name)}
        onClick={() => setEditing(true)}
      >
        {row.name}
      </button>
      {isFolder && (
        <small className={css.units}>
          {FOLDER_NAMES.this}: {folder}
        </small>
      )}
      {isUnclear(row) && (
        <small className={css.units}>{removesWords(listUnits(row.removed))}</small>
      )}
    </>
  );
}

/** True when the name does not tell what is removed. */
const isUnclear = ({ name, removed }: VariantRow) =>
  removed.length > 0 && (!name.startsWith(defaultName(removed)) || name.includes('…'));

interface FieldProps {
  row: VariantRow;
  /** @param byKey ended from the keyboard: the focus goes back to where it came from */
  onEnd(byKey: boolean): void;
}

/** An empty name restores the default. */
function Field({ row, onEnd }: FieldProps) {
  const actions = useActions();
  /** Escape leaves the name as it was. */
  const ended = useRef(false);
  const end = (name: string | null, byKey: boolean) => {
    if (ended.current) return;
    ended.current = true;
    if (name !== null) actions.nameVariant(row.key, name);
    onEnd(byKey);
  };
  return (
    <input
      ref={(input) => input?.select()}
      type="text"
      className={css.rename}
      defaultValue={row.name}
      maxLength={60}
      aria-label={nameLabel(row.name)}
      onBlur={(event) => end(event.target.value, false)}
      onKeyDown={(event) => {
        if (event.key === 'Escape') end(null, true);
        if (event.key === 'Enter') end(event.currentTarget.value, true);
      }}
    />
  );
}
