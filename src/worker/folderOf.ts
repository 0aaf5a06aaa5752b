// The folder behind a source that crossed the thread boundary: files, a hosted folder, or a single
// zip.

import { type AnySource, openSource } from '../files/source.ts';
import { openZip } from '../files/zip.ts';
import { withStoredLinks } from '../model/open/storedLinks.ts';
import type { Folder } from '../onnx/source.ts';

/** @throws EspalierError `corrupt-file` when a zip cannot be read in place. */
export async function folderOf(source: AnySource): Promise<Folder> {
  const only = source.kind === 'files' && source.files.length === 1 ? source.files[0] : undefined;
  return withStoredLinks(
    only?.path.toLowerCase().endsWith('.zip')
      ? await openZip(only.file, only.path)
      : openSource(source),
  );
}
