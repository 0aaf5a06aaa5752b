// Resolves the external data of tensors to byte ranges of files in the folder.

import { EspalierError } from '../errors.ts';
import type { ResolveExternal } from './codec.ts';
import { SELF_LOCATION } from './skim.ts';
import { type Folder, isLoneFile, nameInWords } from './source.ts';

/**
 * A resolver of external data locations, which are relative to the graph file.
 * @returns a function that throws EspalierError `bad-input` for a path outside the folder,
 *   `missing-file` for a file that is not there, and `corrupt-file` for a file that is too short.
 */
export function externalResolver(folder: Folder, graphPath: string): ResolveExternal {
  const sizes = new Map(folder.files.map((f) => [f.path, f.size]));
  const known = new Map<string, string>();
  return ({ location, offset, length }, tensor, expected) => {
    const self = location === SELF_LOCATION;
    let file = self ? graphPath : known.get(location);
    if (file === undefined) {
      file = joinPath(graphPath, location);
      known.set(location, file);
    }
    const size = sizes.get(file);
    if (size === undefined) throw withoutWeights(folder, graphPath, file, tensor);
    const bytes = length ?? expected;
    if (bytes === null)
      throw new EspalierError(
        'corrupt-file',
        `The graph does not say how long tensor ${tensor} in ${file} is.`,
        'Export the model again.',
      );
    if (expected !== null && bytes !== expected) {
      throw new EspalierError(
        'corrupt-file',
        `Tensor ${tensor} needs ${expected} bytes, but the graph gives it ${bytes} in ${file}.`,
        'Export the model again.',
      );
    }
    if (offset + bytes > size) {
      throw new EspalierError(
        'corrupt-file',
        `${file} is too short: tensor ${tensor} ends at byte ${offset + bytes} and the file ` +
          `has ${size} bytes.`,
        'The download may have stopped early: get the file again.',
      );
    }
    return { file, offset, length: bytes };
  };
}

function withoutWeights(
  folder: Folder,
  graphPath: string,
  file: string,
  tensor: string,
): EspalierError {
  if (isLoneFile(folder))
    return new EspalierError(
      'missing-file',
      `The file ${graphPath} keeps its weights (${tensor}, for one) in ${file}, which was not ` +
        'opened with it.',
      'Open the whole folder that holds both files.',
    );
  return new EspalierError(
    'missing-file',
    `The weights file ${file} is not in ${nameInWords(folder)}; ${graphPath} keeps ${tensor} ` +
      'in it.',
    'Add the file and open the whole folder again.',
  );
}

/**
 * A location relative to the graph file as a path within the folder.
 * @throws EspalierError `bad-input` when it is outside the folder.
 */
export function joinPath(graphPath: string, location: string): string {
  const parts = graphPath.split('/').slice(0, -1);
  const wrong = (): EspalierError =>
    new EspalierError(
      'bad-input',
      `${graphPath} keeps weights in "${location}", which is outside the model folder; such ` +
        'paths are refused.',
      'Move the weights file beside the graph and export again.',
    );
  if (/^([\\/]|[A-Za-z]:)/.test(location) || location.includes('\u0000')) throw wrong();
  for (const part of location.split(/[\\/]/)) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) throw wrong();
  }
  return parts.join('/');
}
