// Opens a folder from the description of it that is sent to a worker.

import { type CountingFolder, fileFolder } from './folder.ts';
import { type HostedFiles, hostedFolder } from './hosted.ts';

/** A folder as it is sent to a worker (`FolderSource` in contract/). */
export type AnySource =
  | { kind: 'files'; name: string; files: readonly { path: string; file: Blob }[] }
  | ({ kind: 'hosted' } & HostedFiles);

/** The folder over local files or on a web host. */
export function openSource(source: AnySource): CountingFolder {
  return source.kind === 'files' ? fileFolder(source.name, source.files) : hostedFolder(source);
}
