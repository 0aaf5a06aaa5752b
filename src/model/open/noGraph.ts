// Why files are no ONNX model, in words: what they are instead, and what to open. Reads no file,
// so that the page can answer a drop without the engine.

import { EspalierError } from '../../errors.ts';
import { type Folder, isLoneFile, nameInWords } from '../../onnx/source.ts';

const OPEN_FOLDER = 'Open the folder of a model, with model.onnx or onnx/model.onnx in it.';
const WHOLE_FOLDER =
  'Open the whole folder of the model, with model.onnx or onnx/model.onnx in it.';
const FROM_LINKS =
  'browsers do not show links, of which download caches are made. Download the model with ' +
  '“hf download NAME --local-dir FOLDER” and open that folder, or use the command line, which ' +
  'follows links.';
/** What a download cache of Hugging Face holds besides links. */
const CACHE_FILES =
  /(^|\/)(blobs\/[0-9a-f]{40,64}|(refs|\.no_exist|\.locks)\/.+|CACHEDIR\.TAG|version\.txt)$/;
const TO_ONNX =
  'Export the model to ONNX first, for example with optimum-cli or the ONNX Runtime GenAI model ' +
  'builder.';
const FROM_GGUF =
  'A GGUF file cannot be turned into ONNX: start from the checkpoint that it was converted from. ' +
  TO_ONNX;

/** What a file is by its name, and what to do with it; the first row that matches. */
const KINDS: readonly { name: RegExp; is: string; hint: string }[] = [
  { name: /\.gguf$/i, is: 'is a model for llama.cpp, not an ONNX model', hint: FROM_GGUF },
  {
    name: /\.(safetensors|bin|pt|pth|ckpt|h5|msgpack)$/i,
    is: 'holds weights of another format, not an ONNX model',
    hint: TO_ONNX,
  },
  {
    name: /[._]data(_\d+)?$/i,
    is: 'looks like the weights of an ONNX graph without the graph itself',
    hint: 'Open the whole folder that holds both files.',
  },
  {
    name: /(^|[/_.])(tokenizer|config|vocab|merges|\w+_tokens(_map)?|chat_template)[^/]*$/i,
    is: 'is one file of a model, not the model',
    hint: WHOLE_FOLDER,
  },
  {
    name: /\.(tar|tgz|gz|7z|rar|xz|zst)$/i,
    is: 'is an archive that the page cannot read',
    hint: 'Unpack it and open the folder of the model, or make a zip of that folder.',
  },
  {
    name: /\.zip$/i,
    is: 'is a zip',
    hint: 'Unpack it and open the folder of the model inside it.',
  },
  {
    name: /\.(ort|tflite|mlmodel|mlpackage|engine|xml)$/i,
    is: 'is a model of another format',
    hint: TO_ONNX,
  },
];

const kindOf = (path: string) => KINDS.find(({ name }) => name.test(path));

/** True for a file that stands beside the graph in a model folder, such as tokenizer.json. */
export const isFileOfModel = (path: string): boolean => kindOf(path)?.hint === WHOLE_FOLDER;

/** The error of files among which there is no graph. */
export function noGraph(folder: Pick<Folder, 'name' | 'what' | 'files'>): EspalierError {
  const { files } = folder;
  if (files.length === 0)
    return missing(
      `There is nothing in ${nameInWords(folder)} that can be read here.`,
      `If it is not empty, its files are links: ${FROM_LINKS} ${OPEN_FOLDER}`,
    );
  if (files.every(({ path }) => CACHE_FILES.test(path)))
    return missing(
      `${capitalised(nameInWords(folder))} is a download cache; the files of its models are ` +
        'links, which are not to be seen here.',
      capitalised(FROM_LINKS),
    );
  const [only] = files;
  if (only && isLoneFile(folder)) {
    const kind = kindOf(only.path);
    return kind
      ? missing(`The file ${only.path} ${kind.is}.`, kind.hint)
      : missing(`The file ${only.path} is not an ONNX file.`, OPEN_FOLDER);
  }
  // What another tool made says most; a tokenizer beside it says nothing.
  const telling = KINDS.flatMap((kind) => {
    const file = files.find(({ path }) => kindOf(path) === kind);
    return file ? [{ kind, file }] : [];
  }).find(({ kind }) => kind.hint !== WHOLE_FOLDER);
  const where = nameInWords(folder);
  return telling
    ? missing(
        `There is no ONNX file in ${where} (it holds ${telling.file.path}).`,
        telling.kind.hint,
      )
    : missing(`There is no ONNX file in ${where}.`, OPEN_FOLDER);
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const missing = (message: string, hint: string) => new EspalierError('missing-file', message, hint);
