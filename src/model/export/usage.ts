// The code that loads an export, by its layout and the name of its graph; for its README and for
// the page.

/** Suffixes by which transformers.js finds a graph of a `dtype`. */
const JS_SUFFIX = /_(fp16|int8|uint8|q2|q2f16|q4|q4f16|bnb4|quantized)$/;

export type Loader = 'transformers.js' | 'genai' | 'other';

/** By the config that a folder has, what loads it. */
export function loaderOf(has: (path: string) => boolean): Loader {
  if (has('genai_config.json')) return 'genai';
  return has('config.json') ? 'transformers.js' : 'other';
}

/**
 * The folder of the genai_config.json that a graph is loaded by, the nearest at or above it: '' or
 * 'cpu/fp32'. Null without one.
 */
export function genaiFolder(has: (path: string) => boolean, graph: string): string | null {
  const steps = graph.split('/').slice(0, -1);
  for (let n = steps.length; n >= 0; n--)
    if (has([...steps.slice(0, n), 'genai_config.json'].join('/')))
      return steps.slice(0, n).join('/');
  return null;
}

/** JavaScript for transformers.js. @param graph path of the graph within the folder */
export function transformersJsCode(folder: string, graph: string): string {
  const at = graph.lastIndexOf('/');
  const whole = graph.slice(at + 1).replace(/\.onnx$/, '');
  const suffix = JS_SUFFIX.exec(whole)?.[1] ?? 'fp32';
  const name = whole.replace(JS_SUFFIX, '');
  const options = [
    ...(at === 4 && graph.startsWith('onnx/')
      ? []
      : [`subfolder: ${JSON.stringify(graph.slice(0, Math.max(0, at)))}`]),
    ...(name === 'model' ? [] : [`model_file_name: ${JSON.stringify(name)}`]),
    `dtype: ${JSON.stringify(suffix === 'quantized' ? 'q8' : suffix)}`,
  ];
  return [
    "import { AutoModelForCausalLM, AutoTokenizer } from '@huggingface/transformers';",
    `const tokenizer = await AutoTokenizer.from_pretrained('${folder}');`,
    `const model = await AutoModelForCausalLM.from_pretrained('${folder}', { ` +
      `${options.join(', ')} });`,
  ].join('\n');
}

/** Python for ONNX Runtime GenAI. */
export const genaiCode = (folder: string): string =>
  ['import onnxruntime_genai as og', `model = og.Model(${JSON.stringify(folder)})`].join('\n');

/** Python for ONNX Runtime. */
export const onnxRuntimeCode = (folder: string, graph: string): string =>
  [
    'import onnxruntime as ort',
    `session = ort.InferenceSession(${JSON.stringify(`${folder}/${graph}`)})`,
    'print([value.name for value in session.get_inputs()])',
  ].join('\n');
