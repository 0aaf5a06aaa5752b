// `inspect`: what is known of a model before any weight is read, as JSON.

import type { BlockSummary } from '../model/open/summary.ts';
import { defineCommand } from './command.ts';
import { openForCommand, withFolder } from './open.ts';
import type { Values } from './options.ts';
import { checkJsonTarget, writeJson } from './output.ts';
import { COMMON_OPTIONS, FOLDER } from './sharedOptions.ts';

export const inspect = defineCommand({
  summary: 'show the structure of a model: blocks, sizes, cuts, problems; reads no weights',
  argument: FOLDER,
  options: COMMON_OPTIONS,
  examples: ['public/sample --model onnx/model.onnx --json -'],
  run,
});

async function run(path: string, values: Values<typeof COMMON_OPTIONS>): Promise<number> {
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
