// Sorts what people drop on the page: a model folder, a text, a list of token ids, a table of
// another tool, an espalier.json.

import type { PickedFolder } from '../../files/pickedFolder.ts';
import { PROVENANCE_FILE } from '../../model/export/provenance.ts';
import type { Context } from '../context.ts';
import type { EvaluateActions } from '../evaluate/actions.ts';
import type { RestoreActions } from '../export/restoreActions.ts';
import type { InteropActions } from '../interop/actions.ts';
import type { ScoreActions } from '../score/actions.ts';
import type { ModelActions } from './actions.ts';

export interface DropActions {
  /** Call within the drop event. */
  drop(data: DataTransfer): Promise<void>;
  /** A file for scoring, as text or token ids; an espalier.json is recognised. */
  takeFile(file: File): Promise<void>;
  /** What a dropped text is for; null forgets it. */
  answerDropped(purpose: 'score' | 'evaluate' | null): void;
}

/**
 * An espalier.json says what it is, by name or by format; other JSON files are windows of token
 * ids.
 */
function isProvenance(name: string, text: string): boolean {
  if (name === PROVENANCE_FILE) return true;
  if (!name.endsWith('.json')) return false;
  try {
    return (JSON.parse(text) as { format?: unknown } | null)?.format === 'espalier-export';
  } catch {
    return false;
  }
}

type Others = Pick<ModelActions, 'openSource'> &
  Pick<ScoreActions, 'setText'> &
  Pick<EvaluateActions, 'setEvaluationText'> &
  Pick<InteropActions, 'takeTable'> &
  RestoreActions;

export function makeDropActions(context: Context, others: Others): DropActions {
  const { get, patch } = context;

  /** Scoring and evaluation need different texts, so whoever drops one is asked what it is for. */
  async function takeFile(
    file: File,
    take: (name: string, text: string) => void = others.setText,
  ): Promise<void> {
    try {
      const text = await file.text();
      if (isProvenance(file.name, text)) await others.restore(text);
      else if (/\.csv$/i.test(file.name)) others.takeTable(file.name, text);
      else if (/\.json$/i.test(file.name)) others.setText(file.name, text);
      else take(file.name, text);
    } catch (error) {
      context.fail('restore', error);
    }
  }

  function ask(name: string, text: string): void {
    if (text.trim()) patch('view', { dropped: { name, text } });
    else others.setText(name, text);
  }

  const isSmallFile = (folder: PickedFolder) =>
    folder.files.length === 1 && /\.(txt|md|json|csv)$/i.test(folder.files[0]!.path);

  return {
    takeFile: (file) => takeFile(file),
    answerDropped(purpose) {
      const { dropped } = get().view;
      patch('view', { dropped: null });
      if (!dropped) return;
      if (purpose === 'score') others.setText(dropped.name, dropped.text);
      if (purpose === 'evaluate') others.setEvaluationText(dropped.name, dropped.text);
    },
    async drop(data) {
      try {
        const folder = await context.disk.readDrop(data);
        if (!folder || folder.files.length === 0) return;
        if (isSmallFile(folder)) await takeFile(folder.files[0]!.file, ask);
        else if (get().export.running)
          context.toast(
            `${folder.name} was not opened: an export is running. Wait for it or cancel it, ` +
              'then drop the folder again.',
          );
        else await others.openSource({ kind: 'files', ...folder });
      } catch (error) {
        context.fail('open', error);
      }
    },
  };
}
