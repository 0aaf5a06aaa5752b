// The other precisions of an open model in its folder, for an export that prunes them all.

import { EspalierError } from '../../errors.ts';
import { graphChoices } from '../graphs/choices.ts';
import { type OpenedModel, openModel } from './open.ts';
import { isOtherPrecision } from './otherPrecision.ts';

/**
 * The other precisions of the model, opened.
 * @throws EspalierError `bad-input` where one of them has other blocks; as `openModel`
 */
export async function otherPrecisions({
  folder,
  graphPath,
  structure,
}: Pick<OpenedModel, 'folder' | 'graphPath' | 'structure'>): Promise<OpenedModel[]> {
  const opened: OpenedModel[] = [];
  for (const { path } of await graphChoices(folder)) {
    if (!isOtherPrecision(path, graphPath)) continue;
    const other = await openModel(folder, path);
    const [have, want] = [other.structure.blocks.length, structure.blocks.length];
    if (have !== want)
      throw new EspalierError(
        'bad-input',
        `${path} has ${have} blocks, but ${graphPath} has ${want}: one plan cannot fit both.`,
        'Export the graphs one by one.',
      );
    opened.push(other);
  }
  return opened;
}
