// `inspect`: what is known of a model before any weight is read, as JSON.

import type { BlockSummary } from '../model/open/summary.ts';
import { parseCommand } from './args.ts';
import { openForCommand, withFolder } from './open.ts';
import { checkJsonTarget, writeJson } from './output.ts';

export async function inspect(words: string[]): Promise<number> {
  const { folder: path, values } = parseCommand(words, {
    model: { type: 'string' },
    json: { type: 'string' },
  });
  checkJsonTarget(values.json);
  return withFolder(path, async (folder) => {
    const { summary } = await openForCommand(folder, values.model);
    writeJson(values.json, { ...summary, blocks: summary.blocks.map(asWritten) });
    return 0;
  });
}

/** Fields whose names in the file differ from those in the code. */
const WRITTEN: Readonly<Record<string, string>> = {
  hasSublayers: 'hasHalves',
  unremovableSublayers: 'unremovableParts',
};

function asWritten(block: BlockSummary): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(block).map(([key, value]) => [WRITTEN[key] ?? key, value]),
  );
}
