// The folder behind a FolderSource, wherever its bytes are; must not read any of them.

import { type CountingFolder, fileFolder } from './folder.ts';
import { type HostedFiles, hostedFolder } from './hosted.ts';

/** What crosses the thread boundary: the worker's `FolderSource`. */
export type AnySource =
  | { kind: 'files'; name: string; files: readonly { path: string; file: Blob }[] }
  | ({ kind: 'hosted' } & HostedFiles);

/** Opens files or a hosted folder. */
export function openSource(source: AnySource): CountingFolder {
  return source.kind === 'files' ? fileFolder(source.name, source.files) : hostedFolder(source);
}
