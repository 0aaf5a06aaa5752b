// Where something is saved to, asked of the person.

import type { ExportTarget } from '../../contract/export.ts';
import type { Context } from '../context.ts';

/**
 * Must be called in a click: browsers open pickers only then. Null when the picker was closed, and
 * after an error, which is shown.
 */
export async function pickTarget(
  { disk, get, fail }: Pick<Context, 'disk' | 'get' | 'fail'>,
  name: string,
): Promise<ExportTarget | null> {
  try {
    if (get().export.target === 'folder' && disk.canSaveFolder()) {
      const handle = await disk.pickSaveFolder();
      return handle && { kind: 'folder', handle };
    }
    if (!disk.canSaveFile()) return { kind: 'zip-blob' };
    const handle = await disk.pickZipFile(`${name}.zip`);
    return handle && { kind: 'zip-file', handle };
  } catch (error) {
    fail('export', error);
    return null;
  }
}
