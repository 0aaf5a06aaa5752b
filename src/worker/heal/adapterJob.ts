// The adapter of a healing for PEFT, written where an export would be.

import type { AdapterRequest, AdapterResult } from '../../contract/export.ts';
import { toReport } from '../../errors.ts';
import { totalBytes } from '../../files/chunks.ts';
import type { Healing } from '../../model/healing/healing.ts';
import { peftAdapter } from '../../model/healing/peft/adapter.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { write } from '../exportJob.ts';

/** Why there is none, in sentences; null where there is one. It is made, to know. */
export function adapterObstacle(opened: OpenedModel, healing: Healing): string | null {
  try {
    peftAdapter(opened, healing, opened.summary.name);
    return null;
  } catch (error) {
    const { code, message, hint } = toReport(error);
    if (code === 'bug') throw error;
    return `${message} ${hint}`.trim();
  }
}

/** @throws EspalierError as `peftAdapter` and `saveFolder` */
export async function saveAdapter(
  { folder, ...opened }: OpenedModel,
  healing: Healing,
  { name, target, original }: Omit<AdapterRequest, 'healing'>,
): Promise<AdapterResult> {
  const adapter = peftAdapter(opened, healing, original);
  const files = adapter.files.map(({ path, bytes }) => ({
    path,
    size: bytes.length,
    parts: [bytes],
  }));
  const saved = await write(target, name, { files, source: folder });
  return {
    name: saved.name,
    files: files.map(({ path, size }) => ({ path, bytes: size })),
    bytes: totalBytes(files),
    notes: adapter.notes,
    blob: saved.blob,
  };
}
