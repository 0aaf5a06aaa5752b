// Holds pruned tensor files against the tensors of the golden: names, types, shapes, the bytes by
// their SHA-256, and what changed in config or metadata.

import { createHash } from 'node:crypto';
import { toReport } from '../../errors.ts';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { VERSION } from '../../version.ts';
import { metadataOf, same } from './pruned.ts';
import type { CorpusGolden, Findings } from './types.ts';

/** Most differences that are named. */
const MOST_NAMED = 4;

export async function checkTensors(
  opened: OpenedModel,
  golden: CorpusGolden,
  found: Findings,
): Promise<void> {
  const want = golden.prunedFolder ?? golden.prunedFile;
  if (!want || !opened.tensorSource) return;
  const label = `removed [${want.removed.join(',')}]`;
  try {
    const manifest = await exportManifest(opened, want.removed, { app: VERSION });
    const pruned = await openModel(manifestFolder(manifest, opened.folder), manifest.graph);
    const changes =
      golden.prunedFolder?.configChanges ?? golden.prunedFile?.metadata ?? ({} as const);
    const have = metadataOf(pruned) ?? pruned.config.raw.config;
    for (const [key, value] of Object.entries(changes))
      if (!same(have?.[key], value))
        found.misses.push(
          `${label}: ${key} is ${JSON.stringify(have?.[key])}, expected ${JSON.stringify(value)}`,
        );
    const differences = await tensorDifferences(pruned, want.tensors);
    for (const difference of differences.slice(0, MOST_NAMED))
      found.misses.push(`${label}: ${difference}`);
    if (differences.length > MOST_NAMED)
      found.misses.push(`${label}: ${differences.length} tensors differ in all`);
  } catch (error) {
    found.misses.push(`${label}: ${toReport(error).message}`);
  }
}

/** What differs from the tensors of a golden, a sentence each. */
export async function tensorDifferences(
  { folder, tensorSource }: Pick<OpenedModel, 'folder' | 'tensorSource'>,
  wanted: NonNullable<CorpusGolden['prunedFolder']>['tensors'],
): Promise<string[]> {
  const have = tensorSource?.files.tensors ?? new Map();
  const differences = [...have.keys()]
    .filter((name) => !Object.hasOwn(wanted, name))
    .map((name) => `${name} is not in the golden`);
  for (const [name, want] of Object.entries(wanted)) {
    const tensor = tensorSource?.files.tensors.get(name);
    if (!tensor) {
      differences.push(`there is no ${name}`);
      continue;
    }
    const { type, shape, data } = tensor;
    const bytes = await folder.open(data.file)?.read(data.offset, data.length);
    const sha256 = createHash('sha256')
      .update(bytes ?? '')
      .digest('hex');
    if (type !== (want.dtype ?? want.type) || !same([...shape], want.shape))
      differences.push(`${name} is ${type} [${shape}], expected ${want.dtype ?? want.type}`);
    else if (sha256 !== want.sha256) differences.push(`${name} has other bytes`);
  }
  return differences;
}
