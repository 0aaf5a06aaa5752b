// The files of a model folder that chat templates are in.

import { toReport } from '../../errors.ts';
import { type Folder, readText } from '../../onnx/source.ts';
import { MAX_TEMPLATE_BYTES } from '../../text/boundedTemplate.ts';
import { type ChatTemplate, loadChat } from '../../text/chat.ts';

/** Most named templates that are read; models have up to four. */
const MAX_NAMED = 32;
const NAMED = /^additional_chat_templates\/([^/]+)\.jinja$/;

/**
 * Reads the templates of a folder. The function that it returns makes the one to use, or null, and
 * throws what `loadChat` throws.
 */
export async function chatOfFiles(
  folder: Folder,
  configJson: () => string | null,
): Promise<() => ChatTemplate | null> {
  const file = await textOf(folder, 'chat_template.jinja', MAX_TEMPLATE_BYTES);
  const json = await textOf(folder, 'chat_template.json', MAX_TEMPLATE_BYTES);
  const named: [string, () => string | null][] = [];
  for (const { path } of folder.files) {
    const name = NAMED.exec(path)?.[1];
    if (name !== undefined && named.length < MAX_NAMED)
      named.push([name, await textOf(folder, path, MAX_TEMPLATE_BYTES)]);
  }
  const processor = ['processor_config.json', 'preprocessor_config.json'].some(
    (path) => folder.open(path) !== null,
  );
  return () =>
    loadChat(configJson(), file(), {
      named: new Map(named.map(([name, text]) => [name, text() ?? ''])),
      json: json(),
      processor,
    });
}

/** A text of the folder; one that is too long to be read is an error of whoever needs it. */
export async function textOf(
  folder: Folder,
  path: string,
  max: number,
): Promise<() => string | null> {
  try {
    const text = await readText(folder, path, max, 'tokenizer');
    return () => text;
  } catch (error) {
    if (toReport(error).code !== 'tokenizer') throw error;
    return () => {
      throw error;
    };
  }
}
