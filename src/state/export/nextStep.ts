// What to do with an export that is written: the code that loads it, and the commands that publish
// it.

import type { ExportResult } from '../../contract/export.ts';
import {
  genaiCode,
  genaiFolder,
  type Loader,
  llamaCppCode,
  loaderOf,
  onnxRuntimeCode,
  transformersCode,
  transformersJsCode,
} from '../../model/export/usage.ts';

export interface NextStep {
  loader: Loader;
  /** Loads the export by its name. */
  code: string;
  /** Shell commands that put the folder on the Hub. */
  hub: string;
}

export function nextStep({
  name,
  files,
  loading,
}: Pick<ExportResult, 'name' | 'files' | 'loading'>): NextStep {
  const paths = files.map(({ path }) => path);
  const has = (path: string) => paths.includes(path);
  const found = loaderOf(has, loading.graph);
  // A config of ONNX Runtime GenAI may lie deeper, beside its graph.
  const nested = has('genai_config.json') ? null : genaiFolder(has, loading.graph);
  const loader = nested === null ? found : 'genai';
  const code = {
    'transformers.js': () => transformersJsCode(name.replaceAll("'", "\\'"), loading),
    genai: () => genaiCode(nested ? `${name}/${nested}` : name),
    transformers: () => transformersCode(name),
    'llama.cpp': () => llamaCppCode(name, loading.graph),
    other: () => onnxRuntimeCode(name, loading.graph),
  }[loader]();
  return { loader, code, hub: hubCommands(name) };
}

/** A repository of the Hub has no other signs in its name. */
function hubCommands(name: string): string {
  const repository = name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[-.]+|[-.]+$/g, '');
  const folder = /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
  return `hf auth login\nhf upload YOUR-NAME/${repository || 'model'} ./${folder}`;
}
