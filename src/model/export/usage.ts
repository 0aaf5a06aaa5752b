// The code that loads an export, by its layout and the name of its graph; for its README and for
// the page.

/** Suffixes by which transformers.js finds a graph of a `dtype`. */
const JS_SUFFIX = /_(fp16|int8|uint8|q1|q1f16|q2|q2f16|q4|q4f16|bnb4|quantized)$/;

/** What loads a folder; `other`: ONNX Runtime alone. */
export type Loader = 'transformers.js' | 'genai' | 'transformers' | 'llama.cpp' | 'other';

/**
 * By the configs that a folder has, what loads it. transformers.js looks for graphs in onnx/; a
 * folder with both configs and its graph there is one for transformers.js, and ONNX Runtime GenAI
 * finds the graph by the name in its config.
 * @param graph path of the decoder graph, or of the tensor files, within the folder
 */
export function loaderOf(has: (path: string) => boolean, graph: string): Loader {
  if (/\.gguf$/i.test(graph)) return 'llama.cpp';
  if (/\.safetensors(\.index\.json)?$/i.test(graph)) return 'transformers';
  const js = has('config.json');
  if (has('genai_config.json') && !(js && graph.startsWith('onnx/'))) return 'genai';
  return js ? 'transformers.js' : 'other';
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

/** The graphs of an export, and the class that config.json names for them. */
export interface UsedGraphs {
  /** Path of the decoder graph within the folder. */
  graph: string;
  /** Graphs beside it that the model's class opens as well. */
  components?: readonly { role: string; path: string }[] | undefined;
  /** The class of a model of several graphs; by default the one for images and text. */
  architecture?: string | null | undefined;
}

/** JavaScript for transformers.js. */
export function transformersJsCode(
  folder: string,
  { graph, components = [], architecture }: UsedGraphs,
): string {
  const at = graph.lastIndexOf('/');
  const others = components.filter(({ role }) => role !== 'with-past').map(({ path }) => path);
  const names = [graph, ...others].map(sessionOf);
  const [{ name, dtype }] = names as [Session];
  const split = others.length > 0;
  const dtypes = split && names.some((other) => other.dtype !== dtype);
  const options = [
    ...(at === 4 && graph.startsWith('onnx/')
      ? []
      : [`subfolder: ${JSON.stringify(graph.slice(0, Math.max(0, at)))}`]),
    ...(split || name === 'model' ? [] : [`model_file_name: ${JSON.stringify(name)}`]),
    dtypes
      ? `dtype: { ${names.map((one) => `${one.name}: ${JSON.stringify(one.dtype)}`).join(', ')} }`
      : `dtype: ${JSON.stringify(dtype)}`,
  ];
  const own = /^[A-Za-z_]\w*$/.test(architecture ?? '') ? architecture : null;
  const model = split ? (own ?? 'AutoModelForImageTextToText') : 'AutoModelForCausalLM';
  return [
    `import { ${model}, AutoTokenizer } from '@huggingface/transformers';`,
    `const tokenizer = await AutoTokenizer.from_pretrained('${folder}');`,
    `const model = await ${model}.from_pretrained('${folder}', { ${options.join(', ')} });`,
  ].join('\n');
}

export interface Session {
  name: string;
  dtype: string;
}

/** The name by which transformers.js looks for a graph, and its precision. */
export function sessionOf(path: string): Session {
  const whole = path.slice(path.lastIndexOf('/') + 1).replace(/\.onnx$/, '');
  const suffix = JS_SUFFIX.exec(whole)?.[1] ?? 'fp32';
  return { name: whole.replace(JS_SUFFIX, ''), dtype: suffix === 'quantized' ? 'q8' : suffix };
}

/** Python for ONNX Runtime GenAI. */
export const genaiCode = (folder: string): string =>
  ['import onnxruntime_genai as og', `model = og.Model(${JSON.stringify(folder)})`].join('\n');

/** Python for Transformers. */
export const transformersCode = (folder: string): string =>
  [
    'from transformers import AutoModelForCausalLM, AutoTokenizer',
    `tokenizer = AutoTokenizer.from_pretrained(${JSON.stringify(folder)})`,
    `model = AutoModelForCausalLM.from_pretrained(${JSON.stringify(folder)}, dtype="auto")`,
  ].join('\n');

/** A command line of llama.cpp. @param file path of the GGUF file within the folder */
export const llamaCppCode = (folder: string, file: string): string =>
  `llama-cli -m '${`${folder}/${file}`.replaceAll("'", "'\\''")}'`;

/** Python for ONNX Runtime. */
export const onnxRuntimeCode = (folder: string, graph: string): string =>
  [
    'import onnxruntime as ort',
    `session = ort.InferenceSession(${JSON.stringify(`${folder}/${graph}`)})`,
    'print([value.name for value in session.get_inputs()])',
  ].join('\n');
