// What the export dialog says: the form, the steps while it runs, the verdict, and what comes next.

import { formatBytes } from '../../quantities.ts';

export const EXPORT = {
  title: 'Export pruned model',
  name: 'Name',
  saveAs: 'Save as',
  folder: 'a folder',
  noFolders: '(this browser cannot write folders)',
  zip: 'a zip file',
  precision: 'Precision',
  size: (bytes: string | null) => `Graph and weights: ${bytes === null ? '…' : `${bytes}.`}`,
  weights: (bytes: string | null) => `Weights: ${bytes === null ? '…' : `${bytes}.`}`,
  also: 'In the same folder as well:',
  apart:
    'Precisions that are made from float32 weights go into another folder than those that keep ' +
    'the few bits of the file: export twice.',
  sublayers:
    'A block without one of its sublayers works wherever the graph itself is run, as in ONNX ' +
    'Runtime and transformers.js, but not where a model is built from its config, as in Python ' +
    'transformers or by GGUF converters. The README of the export says more.',
  checked: 'What was written is opened again, run, and compared with the original.',
  start: 'Export',
  cancel: 'Cancel',
  again: 'Export again',
  done: 'Done',
  steps: 'Steps of the export',
  running: 'Exporting',
};

/** The kit for continued pretraining. */
export const KIT = {
  add: 'Add the kit for',
  term: 'continued pretraining',
  what:
    'a folder with settings for axolotl (all weights, then LoRA) and Megatron Bridge, after the ' +
    'paper; a script that checks the losses, and what the training will cost. For training on a ' +
    'machine with GPUs.',
  unchecked: 'Score the blocks first: then the script can compare losses with those measured here.',
  /** As `KIT_FOLDER` of the kit names it. */
  folder: 'continued-pretraining',
  next:
    'The kit for continued pretraining is in the folder continued-pretraining: its README says ' +
    'how to begin.',
} as const;

/** The format of a model that came as tensor files. */
export const FORMAT = {
  legend: 'Format',
  onnx: 'ONNX',
  notes: {
    safetensors: 'for Transformers, vLLM and tools that train; unchanged tensors byte for byte',
    gguf: 'for llama.cpp and what is built on it; unchanged tensors byte for byte',
    onnx:
      'for web pages with transformers.js and for ONNX Runtime GenAI; Espalier makes the graph, ' +
      'in the precision chosen below',
  },
} as const;

const FORMAT_NAMES = { safetensors: 'safetensors', gguf: 'GGUF' } as const;

/** "safetensors, as the original (bf16)". */
export const formatOfOriginal = (format: keyof typeof FORMAT_NAMES, dtype: string): string =>
  `${FORMAT_NAMES[format]}, as the original (${dtype})`;

/** The precision of the graph that was made. */
export const precisionOfMade = (dtype: string): string => `${dtype}, as the graph computes here`;

type Dtype = 'fp16' | 'q4' | 'q4f16' | 'q8';

/** The precisions by their names in transformers.js and in file names. */
export const PRECISIONS: Readonly<Record<Dtype, { name: string; note: string }>> = {
  fp16: { name: 'fp16', note: 'Half the size: weights and activations are float16.' },
  q4: { name: 'q4', note: '4 bits, float32 activations.' },
  q4f16: { name: 'q4f16', note: '4 bits, float16 activations; for WebGPU.' },
  q8: { name: 'q8', note: '8 bits, float32 activations.' },
};

/** How the plan becomes few bits. */
export const FEW_BITS = {
  /** @param how "4 bits (RTN)" */
  unmeasured: (how: string): string => `Written as ${how}, not measured.`,
  /** @param cost measured in another precision of as many bits where `as` names one */
  measured: (
    how: string,
    cost: { ppl: string; text: string; as: string | null } | null,
    bytes: string | null,
  ): string => {
    const as = cost?.as ? `, measured as ${cost.as}` : '';
    const ppl = cost ? `perplexity ${cost.ppl} on ${cost.text}${as}` : 'not measured';
    return `${[`Written as ${how}`, ppl, bytes].filter(Boolean).join(', ')}.`;
  },
  first: 'Quantise first',
  measure: 'Measure it first',
} as const;

export const precisionOfOriginal = (dtype: string): string => `as the original (${dtype})`;

export const writesPlan = (kept: string, without: string): string =>
  `Writes ${kept}, without ${without}.`;

export const writesAll = (copy: boolean): string =>
  `Nothing is removed: this writes ${copy ? 'a copy of the model' : 'the whole model'}.`;

/** Other graphs of the folder are left out. */
export const onlyThisGraph = (graph: string, others: string): string =>
  `Only ${graph} is written, not ${others}.`;

/** Other precisions that are pruned too where that is ticked. */
export const alsoPrune = (others: string): string => `prune ${others} as well, by the same plan`;

export const componentsStay = (graphs: string, count: number): string =>
  `Blocks are removed from the decoder; ${graphs} ${count > 1 ? 'are' : 'is'} written unchanged.`;

/** How much is written, and how long that takes. */
export function beforeExport(bytes: number | null, seconds: string): string {
  const much = bytes === null ? 'the graph and its weights' : `about ${formatBytes(bytes)}`;
  return `Writes ${much} and checks it, in ${seconds}. ${EXPORT.checked}`;
}

export const NAME = {
  missing: 'The export needs a name.',
  sign: (sign: string) => `The name of a folder cannot contain “${sign}”.`,
  dots: 'The name of a folder cannot consist of dots only.',
};

/** The steps in their order, each as what is done now. */
export const STEPS = {
  source: 'Read and hash the original',
  expect: 'Run the pruned model here, to compare with',
  write: 'Write the files',
  reopen: 'Open the written files again',
  graph: 'Compare the graph with the plan',
  bytes: 'Compare every tensor with the original',
  load: 'Load it into ONNX Runtime (compiles it)',
  likelihood: 'Compare likelihoods',
  decode: 'Compare decoding with the cache',
  parts: 'Run it block by block',
};

export const elapsedOf = (elapsed: string, about: string): string => `${elapsed} of about ${about}`;

export const VERDICTS = {
  verified: '✓ Verified',
  'in-parts': '✓ Verified block by block; the whole model is too large to run here',
  unverified: 'Written completely, but not verified',
  failed: '✕ Failed verification: do not use this export',
};

/** What each check found when it passed, by the name that the engine gives it. */
const CHECKS: Readonly<Record<string, string>> = {
  structure: 'Structure',
  'graph as planned': 'Graph as planned',
  'residual stream': 'Residual stream without what was removed',
  'bytes of every tensor': 'Every tensor, byte by byte',
  loads: 'Loads',
  'runs whole': 'Runs as a whole',
  'likelihood of one window': 'Same likelihoods',
  'source without what was removed':
    'Same logits as the original with the removed units multiplied by zero',
  'likelihood of one window, block by block': 'Same likelihoods, block by block',
  'decoding with the cache': 'Decodes with its cache',
  verification: 'Verification',
};

/** The name of a check; of several graphs, each check is followed by its graph in parentheses. */
export function checkName(name: string): string {
  const at = name.endsWith(')') ? name.indexOf(' (') : -1;
  const [check, graph] = at < 0 ? [name, ''] : [name.slice(0, at), name.slice(at)];
  return `${CHECKS[check] ?? check}${graph}`;
}

export const written = (files: string, bytes: number, seconds: string): string =>
  `${files}, ${formatBytes(bytes)}, in ${seconds}`;

export const checkedOn = (device: string, seconds: string): string =>
  `Checked on ${device} in ${seconds}.`;

export const notCopied = (names: string): string => `Not copied: ${names}.`;

export const NEXT = {
  title: 'Next: use it',
  loaders: {
    'transformers.js': 'In a web page or in Node, with transformers.js',
    genai: 'In Python, with ONNX Runtime GenAI',
    transformers: 'In Python, with Transformers',
    'llama.cpp': 'On the command line, with llama.cpp',
    other: 'In Python, with ONNX Runtime',
  },
  local:
    'From your own server, set env.localModelPath to where the folder is; from the Hub, put your ' +
    'user name before the name of the model.',
  path: 'Replace the name with the path of the folder.',
  hub: 'Put it on the Hugging Face Hub',
  hubNote:
    'In a terminal, beside the folder; it creates the repository. Keep to the licence of the ' +
    'original model.',
  unpack: 'Unpack the zip first.',
  guide: 'How the upload works',
  guideUrl: 'https://huggingface.co/docs/huggingface_hub/guides/cli',
  healing:
    'Quality can be recovered before the export, in the Heal workspace, or by a longer training ' +
    'elsewhere; start with the snippets under “Use elsewhere”.',
};

/** Which weights are written. */
export const WEIGHTS = {
  legend: 'Weights',
  source: 'As in the source',
  again: (dtype: string) => `Changed matrices as ${dtype} again`,
  againNote: 'as small as before; rounding loses a little of the healing',
  float: 'Changed matrices as floats',
  floatNote: 'loses nothing; larger files',
} as const;

/** "Refitted on the bundled text." */
export const healedWeights = (how: string, text: string): string =>
  `${how.charAt(0).toUpperCase()}${how.slice(1)}, on ${text}`;

/** Both forms of changed matrices of a graph of few bits, measured on demand. */
export const BOTH_FORMS = {
  measure: 'Measure both',
  measuring: 'Measuring both forms',
  noCurve: 'Score the blocks first: both forms are measured on the windows of the curve.',
  takes: (about: string) => `on the windows of the curve, in ${about}`,
} as const;

/** "perplexity 49.21, 12.3 MB" of one form. */
export const formWords = (ppl: string, bytes: number): string =>
  `perplexity ${ppl}, ${formatBytes(bytes)}`;

/** The adapter of a healing by LoRA. */
export const ADAPTER = {
  title: 'Adapter for PEFT',
  what:
    'What LoRA has trained, as adapter_config.json and adapter_model.safetensors: for the ' +
    'Hugging Face checkpoint of this model without the same blocks, in Python.',
  looking: 'Looking whether this healing can be an adapter.',
  save: 'Save the adapter',
  saving: 'Saving',
  load: 'In Python, with PEFT',
  elsewhere: 'Use elsewhere',
  prune:
    'First prune the checkpoint: prune.py, one of the files, does that. It is the snippet for ' +
    'Transformers under',
  saveZip: (name: string) => `Save ${name}.zip`,
} as const;

/** "✓ Saved: tuned, 4 files, 1.2 MB". */
export const adapterSaved = (name: string, files: string, bytes: number): string =>
  `✓ Saved: ${name}, ${files}, ${formatBytes(bytes)}`;

export const impossible = (why: string): string => `Not for this healing. ${why}`;
