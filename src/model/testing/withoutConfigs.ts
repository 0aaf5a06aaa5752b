// A folder as people have it who moved only the graph and its tokenizer.

import type { Folder } from '../../onnx/source.ts';

/** The folder without config.json and genai_config.json, at any depth. */
export function withoutConfigs(folder: Folder): Folder {
  const isConfig = (path: string): boolean => /(^|\/)(genai_)?config\.json$/.test(path);
  return {
    ...folder,
    files: folder.files.filter(({ path }) => !isConfig(path)),
    open: (path) => (isConfig(path) ? null : folder.open(path)),
  };
}
