// Why files are no model that can be opened, in words: what they are instead, and what to open.
// Reads no file, so that the page can answer a drop without the engine.

import { EspalierError } from '../../errors.ts';
import { type Folder, isLoneFile, nameInWords } from '../../onnx/source.ts';

const OPEN_FOLDER =
  'Open the folder of a model: with model.onnx or onnx/model.onnx in it, or a checkpoint with ' +
  'config.json and model.safetensors, or a GGUF file.';
const WHOLE_FOLDER =
  'Open the whole folder of the model, with model.onnx, model.safetensors or a GGUF file in it.';
const FROM_LINKS =
  'browsers do not show links, of which download caches are made. Download the model with ' +
  '“hf download NAME --local-dir FOLDER” and open that folder, or use the command line, which ' +
  'follows links.';
/** What a download cache of Hugging Face holds besides links. */
const CACHE_FILES =
  /(^|\/)(blobs\/[0-9a-f]{40,64}|(refs|\.no_exist|\.locks)\/.+|CACHEDIR\.TAG|version\.txt)$/;
const TO_ONNX =
  'Export the model to ONNX first, for example with optimum-cli or the ONNX Runtime GenAI model ' +
  'builder, or open its checkpoint (config.json and model.safetensors).';
const TO_SAFETENSORS =
  'Open the safetensors version of the checkpoint; where there is none, make one with ' +
  'Transformers: AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER).';

/** What a file is by its name, and what to do with it; the first row that matches. */
const KINDS: readonly { name: RegExp; is: string; hint: string }[] = [
  {
    name: /mmproj[^/]*\.gguf$/i,
    is: 'is the image encoder of a model for llama.cpp (mmproj), not the model',
    hint: 'Open the GGUF file of the language model that belongs to it.',
  },
  {
    name: /-\d{5}-of-\d{5}\.gguf$/i,
    is: 'is a later part of a split GGUF model, whose first part is not there',
    hint: 'Put all parts into one folder and open that.',
  },
  {
    name: /\.gguf$/i,
    is: 'is a GGUF file that holds no language model',
    hint: 'Open the GGUF file of the model itself.',
  },
  {
    name: /(^|\/)(adapter_model\.\w+|adapter_config\.json)$/i,
    is: 'belongs to an adapter (PEFT), which is no model by itself',
    hint:
      'Merge it into the model that it was trained for, with merge_and_unload of PEFT, and open ' +
      'the folder of the merged checkpoint.',
  },
  {
    name: /(^|\/)consolidated[^/]*\.(safetensors|pth|pt|bin)$/i,
    is: "is a checkpoint in the layout of its maker's own code",
    hint: 'Open the Hugging Face version of the checkpoint: config.json and model.safetensors.',
  },
  {
    name: /\.safetensors$/i,
    is: 'holds tensors, but those of no language model by its name',
    hint: 'Open the folder of a checkpoint, with config.json and model.safetensors in it.',
  },
  {
    name: /\.(bin|pt|pth|ckpt)$/i,
    is: 'holds weights in the format of PyTorch (pickle), which can run code and is not read here',
    hint: TO_SAFETENSORS,
  },
  {
    name: /\.(h5|msgpack)$/i,
    is: 'holds weights of another framework',
    hint: TO_SAFETENSORS,
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
      : missing(`The file ${only.path} is no model: not ONNX, safetensors or GGUF.`, OPEN_FOLDER);
  }
  // What another tool made says most; a tokenizer beside it says nothing.
  const telling = KINDS.flatMap((kind) => {
    const file = files.find(({ path }) => kindOf(path) === kind);
    return file ? [{ kind, file }] : [];
  }).find(({ kind }) => kind.hint !== WHOLE_FOLDER);
  const where = nameInWords(folder);
  return telling
    ? missing(
        `There is no model in ${where} that can be opened: ` +
          `${telling.file.path} ${telling.kind.is}.`,
        telling.kind.hint,
      )
    : missing(`There is no model in ${where}: no ONNX, safetensors or GGUF file.`, OPEN_FOLDER);
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const missing = (message: string, hint: string) => new EspalierError('missing-file', message, hint);
