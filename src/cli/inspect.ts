// `inspect`: what is known of a model before any weight is read, as JSON.

import { parseCommand } from './args.ts';
import { openFolder, openForCommand } from './open.ts';
import { writeJson } from './output.ts';

export async function inspect(words: string[]): Promise<number> {
  const { folder: path, values } = parseCommand(words, { model: { type: 'string' }, json: { type: 'string' } });
  const folder = await openFolder(path);
  const { summary } = await openForCommand(folder, values.model);
  writeJson(values.json, summary);
  return 0;
}
