// The text of a file that was chosen or dropped.

import { decodeText } from '../decodeText.ts';

/** @throws EspalierError as `decodeText`; DOMException where the file cannot be read any more */
export async function fileText(file: File): Promise<string> {
  return decodeText(file.name, new Uint8Array(await file.arrayBuffer()));
}
