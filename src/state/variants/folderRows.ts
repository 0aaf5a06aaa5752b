// Other folders of the lineage as rows beside the variants of the open one: the source, what was
// exported of it, and what another tool made of that.

import { blocksLeft } from '../../units.ts';
import { asExported, FOLDER_NAMES } from '../../words/variants.ts';
import type { Restored } from '../export/provenance.ts';
import { nllAtExport, writtenBytes } from '../kept/selectors.ts';
import type { Relative } from '../kept/state.ts';
import { measuredOn, ownNll, reference, type Windows } from '../lineage/selectors.ts';
import { derive } from '../memo.ts';
import { keyOfIdentity } from '../open/sameModel.ts';
import { protocolWords } from '../speed/settings.ts';
import type { Measured } from '../speed/state.ts';
import type { StudioState } from '../state.ts';
import { sameWindows } from '../sublayers/selectors.ts';
import { meansAtExport, type TasksMeans, tasksMeans } from '../tasks/means.ts';
import { defaultName } from './names.ts';
import { type FolderOfRow, type VariantRow, variantRows } from './variants.ts';

/** Stands before what tells a folder in the key of its row. */
const FOLDER_SIGN = 'folder ';

const AT_EXPORT = 'at export';

interface Facts
  extends Pick<VariantRow, 'removed' | 'name' | 'blocks' | 'nll' | 'tasks' | 'fileBytes'> {
  /** Its speed as it is, or that of the plan at export. */
  speed: Pick<VariantRow, 'measure' | 'settings'> | null;
}

function rowOf(id: string, folder: FolderOfRow, { speed, ...facts }: Facts): VariantRow {
  return {
    ...facts,
    key: FOLDER_SIGN + id,
    healing: null,
    quantised: null,
    speedIsOfPruned: false,
    measure: speed?.measure ?? null,
    settings: speed?.settings ?? null,
    // Another original stood beside it.
    gain: null,
    ci95: null,
    rebased: null,
    protocol: speed?.settings ? protocolWords(speed.settings) : '',
    predicted: null,
    predictedGain: null,
    present: false,
    pinned: false,
    onFront: false,
    folder,
  };
}

/** The newest speed of a kept folder as it is. */
function ownSpeed(speeds: Iterable<Measured>): Facts['speed'] {
  const found = [...speeds].findLast(({ result }) => result.original)?.result;
  return found ? { measure: found.original, settings: found.settings } : null;
}

/** The speed at export of what the open folder was made as. */
function planSpeed(speeds: Iterable<Measured>, { removed, dtype }: Restored): Facts['speed'] {
  const found = [...speeds].findLast(
    (one) => one.removed.join() === removed.join() && (one.dtype ?? null) === dtype,
  )?.result;
  return found?.pruned ? { measure: found.pruned, settings: found.settings } : null;
}

/** The source, and the plan as it was when it was exported, by the espalier.json of the folder. */
function rowsOfOrigin(
  madeFrom: Restored,
  source: Relative | undefined,
  windows: Windows | null,
  tasks: TasksMeans | null,
): VariantRow[] {
  const { removed, sourceName, numBlocks, score } = madeFrom;
  const key = keyOfIdentity(madeFrom.identity);
  const speeds = [...(source?.speeds.values() ?? [])];
  const recorded = score && windows && sameWindows(score.windows, windows) ? score : null;
  const kept = windows && source ? measuredOn(source.measured, source.curve, windows) : null;
  const answered = meansAtExport(madeFrom, tasks);
  const original = rowOf(
    key,
    { name: sourceName, relation: 'source', origin: null, model: key },
    {
      removed: [],
      name: sourceName,
      blocks: numBlocks,
      nll: recorded?.baseline.nll ?? kept,
      tasks: answered.original,
      fileBytes: source?.fileBytes ?? null,
      speed: ownSpeed(speeds),
    },
  );
  const nll = recorded ? nllAtExport(madeFrom) : null;
  const speed = planSpeed(speeds, madeFrom);
  if (nll === null && speed === null && !answered.plan) return [original];
  const plan = rowOf(
    `${key} ${AT_EXPORT}`,
    { name: sourceName, relation: 'at-export', origin: sourceName, model: null },
    {
      removed: [],
      name: asExported(defaultName(removed)),
      blocks: blocksLeft(numBlocks, removed),
      nll,
      tasks: answered.plan,
      fileBytes: writtenBytes(speed?.measure, madeFrom),
      speed,
    },
  );
  return [original, plan];
}

function rowOfRelative(
  { key, name, origin, numBlocks, fileBytes, curve, measured, speeds }: Relative,
  isSource: boolean,
  windows: Windows | null,
): VariantRow {
  const relation = isSource ? 'source' : 'relative';
  return rowOf(
    key,
    { name, relation, origin: origin?.name ?? null, model: key },
    {
      removed: isSource ? [] : (origin?.removed ?? []),
      name: name || FOLDER_NAMES.unnamed,
      blocks: numBlocks ?? curve?.result.blocks.length ?? 0,
      nll: windows && measuredOn(measured, curve, windows),
      tasks: null,
      fileBytes: fileBytes ?? null,
      speed: ownSpeed(speeds.values()),
    },
  );
}

/** Other folders of the lineage: the source first. */
const folderRows = derive(
  (state: StudioState) => [
    state.model.current,
    state.kept.origin,
    state.kept.lineage,
    reference(state),
    tasksMeans(state),
    state.variants,
  ],
  (model, origin, lineage, of, tasks, { hidden, pinned }): VariantRow[] => {
    const windows = of?.windows ?? null;
    const source = lineage.find(({ key }) => key === origin?.key);
    const madeFrom = model?.madeFrom ?? null;
    const ofSource = source ? [rowOfRelative(source, true, windows)] : [];
    const first = madeFrom ? rowsOfOrigin(madeFrom, source, windows, tasks) : ofSource;
    const others = lineage
      .filter((relative) => relative !== source)
      .map((relative) => rowOfRelative(relative, false, windows));
    return [...first, ...others]
      .filter(({ key }) => !hidden.has(key))
      .map((row) => ({ ...row, pinned: pinned.includes(row.key) }));
  },
);

/** The variants of the open folder, then other folders of its lineage. */
export const tableRows = derive(
  (state: StudioState) => [variantRows(state), folderRows(state), ownNll(state)],
  (own, folders, nll): readonly VariantRow[] =>
    // Without a curve it was measured on the windows of another folder.
    [...own.map((row) => (row.key === '' ? { ...row, nll: row.nll ?? nll } : row)), ...folders],
);
