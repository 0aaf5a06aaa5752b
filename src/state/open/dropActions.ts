// Sorts what people drop on the page: a model folder, a text, a list of token ids, a table of
// another tool, an espalier.json. Must not parse any of them.

import { PROVENANCE_FILE } from '../../model/export/provenance.ts';
import type { Context } from '../context.ts';
import type { PickedFolder } from '../disk.ts';
import type { EvaluateActions } from '../evaluate/actions.ts';
import type { RestoreActions } from '../export/restoreActions.ts';
import type { InteropActions } from '../interop/actions.ts';
import type { ScoreActions } from '../score/actions.ts';
import type { ModelActions } from './actions.ts';

export interface DropActions {
  /** Call within the drop event. */
  drop(data: DataTransfer): Promise<void>;
  /** A file for scoring, as text or token ids; an espalier.json is taken for what it is. */
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

type Parts = Pick<ModelActions, 'openSource'> &
  Pick<ScoreActions, 'setText'> &
  Pick<EvaluateActions, 'setEvaluationText'> &
  Pick<InteropActions, 'takeTable'> &
  RestoreActions;

export function makeDropActions(context: Context, parts: Parts): DropActions {
  const { get, patch } = context;

  /** A text serves two ends that must not be mixed, so whoever drops one is asked. */
  async function takeFile(
    file: File,
    take: (name: string, text: string) => void = parts.setText,
  ): Promise<void> {
    try {
      const text = await file.text();
      if (isProvenance(file.name, text)) await parts.restore(text);
      else if (/\.csv$/i.test(file.name)) parts.takeTable(file.name, text);
      else if (/\.json$/i.test(file.name)) parts.setText(file.name, text);
      else take(file.name, text);
    } catch (error) {
      context.fail('restore', error);
    }
  }

  function ask(name: string, text: string): void {
    if (text.trim()) patch('view', { dropped: { name, text } });
    else parts.setText(name, text);
  }

  const isSmallFile = (folder: PickedFolder) =>
    folder.files.length === 1 && /\.(txt|md|json|csv)$/i.test(folder.files[0]!.path);

  return {
    takeFile: (file) => takeFile(file),
    answerDropped(purpose) {
      const { dropped } = get().view;
      patch('view', { dropped: null });
      if (!dropped) return;
      if (purpose === 'score') parts.setText(dropped.name, dropped.text);
      if (purpose === 'evaluate') parts.setEvaluationText(dropped.name, dropped.text);
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
        else await parts.openSource({ kind: 'files', ...folder });
      } catch (error) {
        context.fail('open', error);
      }
    },
  };
}
