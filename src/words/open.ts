// What the page says of files that are opened or dropped, of graphs to choose from, and first of
// all.

import { formatBytes, listed } from '../quantities.ts';

/** What an error says: what happened, and what to do next. */
export interface Refusal {
  message: string;
  hint: string;
}

export const FIRST_PAGE = {
  lead: 'Which blocks can your language model do without?',
  story:
    'Open a model: a Hugging Face checkpoint, a GGUF file or an ONNX folder. Espalier removes ' +
    'each transformer block in turn, shows what that does to perplexity, and exports a smaller ' +
    'model in the same format, or as ONNX.',
  method: 'The method is depth pruning as in',
  drop: 'or drop a folder or file anywhere on this page',
  kinds:
    'Folders with safetensors for Transformers, GGUF files for llama.cpp, ONNX folders for ' +
    'transformers.js, ONNX Runtime GenAI and Optimum, or a zip of one. Nothing leaves this tab.',
  help: 'How it works, and the terms',
  /** A text that was dropped before a model was open. */
  kept: (name: string) => `${name} is kept: open a model, and the page asks what to use it for.`,
  forget: 'Forget it',
};

export const DROPPED = {
  title: (name: string) => `What is ${name} for?`,
  score: 'Score blocks on it',
  evaluate: 'Evaluate plans on it',
  heal: 'Heal on it',
  note:
    'Scoring chooses blocks on one text and healing learns from one; an evaluation judges the ' +
    'plan on another. On the same text, the plan looks better than it is.',
};

/** The dropped files together, as messages call them. */
export const theFiles = (count: number) => `the ${count} dropped files`;

export const severalModels = (folders: readonly string[]): Refusal => ({
  message: `${folders.length} model folders were dropped at once: ${listed(folders)}.`,
  hint: 'Espalier works on one model at a time: drop one of them.',
});

export const onlyOneOpened = (opened: string, others: readonly string[]) =>
  `Only ${opened} is opened: there is no model in ${listed(others)}.`;

export const textWaits = (name: string) =>
  `${name} is kept. Open a model first; the page then asks what to use the text for.`;

export const instructionsWait = (name: string) =>
  `${name} is kept as the text to heal on. Open a model first.`;

export const emptyFile = (name: string): Refusal => ({
  message: `The file ${name} is empty.`,
  hint: 'Drop a model folder, or a text of a few thousand words.',
});

export const busyExporting = (name: string) =>
  `${name} was not opened: an export is running. Wait for it or cancel it, then drop the folder ` +
  'again.';

/** The kinds of JSON that the page understands. */
const JSON_KINDS =
  'Espalier reads three kinds of JSON file: an espalier.json, which restores a plan, windows of ' +
  'token ids, as in [[1, 2, 3], [4, 5, 6]], and instructions with their answers to heal on.';

/** Where a text stops being JSON. `found` is '' at its end. */
function jsonFaultWords({ line, column, found }: JsonPlace): string {
  if (found === '') return `it breaks off at line ${line}, column ${column}`;
  const sign = found < ' ' ? 'a line break or control character' : `“${found}”`;
  return `the first fault is at line ${line}, column ${column} (${sign})`;
}

export interface JsonPlace {
  line: number;
  column: number;
  found: string;
}

export const notJson = (name: string, place: JsonPlace | null): Refusal => ({
  message: `${name} is not valid JSON${place ? `: ${jsonFaultWords(place)}` : ''}.`,
  hint: JSON_KINDS,
});

export const otherJson = (name: string): Refusal => ({
  message: `${name} is neither an espalier.json, windows of token ids nor instructions.`,
  hint: JSON_KINDS,
});

export const tooLargeText = (name: string, bytes: number, most: number): Refusal => ({
  message: `${name} has ${formatBytes(bytes)}, more than a text may have (${formatBytes(most)}).`,
  hint: 'A few megabytes are plenty: drop a part of it.',
});

export const PAPER = {
  short: '“Shortened LLaMA” (Kim et al., 2024)',
  authors: 'Bo-Kyeong Kim et al.',
  title:
    'Shortened LLaMA: Depth Pruning for Large Language Models with Comparison of Retraining ' +
    'Methods',
  year: 2024,
  id: 'arXiv:2402.02834',
  url: 'https://arxiv.org/abs/2402.02834',
} as const;

/** By the file name: the suffix of the precision, `fp32` for none, `other` for no decoder. */
export const APPS = {
  fp32: 'transformers.js loads it on WebGPU when no dtype is set',
  quantized: 'transformers.js loads it on the CPU when no dtype is set (dtype q8)',
  q4: 'loaded with dtype q4, as most pages with language models do',
  q4f16: 'loaded with dtype q4f16, on WebGPU with float16 only',
  fp16: 'loaded with dtype fp16, on WebGPU with float16 only',
  int8: 'loaded with dtype int8',
  uint8: 'loaded with dtype uint8',
  bnb4: 'loaded with dtype bnb4',
  other: 'by its name not the decoder: it has no blocks to remove',
  safetensors: 'the checkpoint: loaded by Transformers and by tools that train',
  gguf: 'loaded by llama.cpp and what is built on it, such as Ollama and LM Studio',
} as const;

export type GraphUse = keyof typeof APPS;

export const CHOOSER = {
  /** @param graphs all of the files are ONNX graphs */
  title: (name: string, graphs: boolean) => `Which ${graphs ? 'graph' : 'file'} of ${name}?`,
  advice: 'Choose the one that your app loads. The export can prune the other precisions as well.',
  /** Where files of named tensors are among them. */
  adviceFiles:
    'Choose the one that your app loads. It is exported in its own format, or as ONNX; the ' +
    'others stay as they are.',
  /** Before a file is opened whose name does not say it. */
  unknownType: '–',
  together: (files: readonly string[]) => `with ${listed(files)}`,
  models: (name: string) => `Which model of ${name}?`,
  severalModels: 'This folder holds several models. Each is opened by itself.',
  /** @param graphs all of the files are ONNX graphs */
  ofModel(count: number, graphs: boolean): string {
    const noun = graphs ? 'graph' : 'file';
    return count === 1 ? `one ${noun}` : `${count} ${noun}s`;
  },
  back: 'Other models',
  recommended: 'Recommended',
  reason:
    'If you are not sure, take the recommended one: it is quick to score and runs on every device.',
};
