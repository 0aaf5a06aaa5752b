// `inspect`: what is known of a model before any weight is read, as JSON.

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
    writeJson(values.json, summary);
    return 0;
  });
}
