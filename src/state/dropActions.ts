// Sorts what people drop on the page: a model folder, a text, a list of token ids, an espalier.json. Must not parse any of them.

import { PROVENANCE_FILE } from '../model/provenance.ts';
import type { Context } from './context.ts';
import type { PickedFolder } from './disk.ts';
import type { ModelActions } from './modelActions.ts';
import type { RestoreActions } from './restoreActions.ts';
import type { ScoreActions } from './scoreActions.ts';

export interface DropActions {
  /** Call within the drop event. */
  drop(data: DataTransfer): Promise<void>;
  /** A file from a picker or a drop, as text, token ids or espalier.json. */
  takeFile(file: File): Promise<void>;
}

/** An espalier.json says what it is, by name or by format; other JSON files are windows of token ids. */
function isProvenance(name: string, text: string): boolean {
  if (name === PROVENANCE_FILE) return true;
  if (!name.endsWith('.json')) return false;
  try {
    return (JSON.parse(text) as { format?: unknown } | null)?.format === 'espalier-export';
  } catch {
    return false;
  }
}

type Parts = Pick<ModelActions, 'openSource'> & Pick<ScoreActions, 'setText'> & RestoreActions;

export function makeDropActions(context: Context, parts: Parts): DropActions {
  async function takeFile(file: File): Promise<void> {
    try {
      const text = await file.text();
      if (isProvenance(file.name, text)) return await parts.restore(text);
      parts.setText(file.name, text);
    } catch (error) {
      context.fail('restore', error);
    }
  }

  const isSmallFile = (folder: PickedFolder) => folder.files.length === 1 && /\.(txt|md|json)$/i.test(folder.files[0]!.path);

  return {
    takeFile,
    async drop(data) {
      try {
        const folder = await context.disk.readDrop(data);
        if (!folder || folder.files.length === 0) return;
        if (isSmallFile(folder)) await takeFile(folder.files[0]!.file);
        else if (context.get().export.running)
          context.toast(`${folder.name} was not opened: an export is running. Wait for it or cancel it, then drop the folder again.`);
        else await parts.openSource({ kind: 'files', ...folder });
      } catch (error) {
        context.fail('open', error);
      }
    },
  };
}
