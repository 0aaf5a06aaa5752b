// A plan in the formats of other tools: mergekit, llama.cpp, Hugging Face Transformers and
// Espalier's command line.

import { EspalierError } from '../../errors.ts';
import { formatUnits, sublayerUnits, type Unit, wholeBlocks } from '../../units.ts';
import { listObstacle } from '../structure/removable.ts';

/**
 * A mergekit configuration that stacks the ranges of remaining blocks (`layer_range` is half-open).
 * @param model name on the Hugging Face hub, or path, of the original.
 * @param modules the parts beside the decoder that are taken as they are, where mergekit has the
 *   model in several (`mergekitModules`); null for a model of one part.
 * @throws EspalierError `bad-input` for a plan with sublayers, or one that leaves no block.
 */
export function mergekitYaml(
  model: string,
  removed: readonly Unit[],
  numBlocks: number,
  modules: readonly string[] | null = null,
): string {
  const keep = kept('mergekit', removed, numBlocks);
  const slices = runs(keep).flatMap(([from, to]) => [
    '  - sources:',
    `      - model: ${quoted(model)}`,
    `        layer_range: [${from}, ${to}]`,
  ]);
  const lines =
    modules === null
      ? ['slices:', ...slices]
      : [
          'modules:',
          '  text_decoder:',
          ...['slices:', ...slices].map((line) => `    ${line}`),
          ...modules.flatMap((name) => [
            `  ${name}:`,
            '    models:',
            `      - model: ${quoted(model)}`,
          ]),
        ];
  return ['merge_method: passthrough', ...lines, ''].join('\n');
}

/**
 * A llama-quantize command, which removes blocks from a GGUF file while it converts the weights.
 * @param name name of the files without extension.
 * @throws EspalierError `bad-input` as `mergekitYaml`, and for a plan that removes nothing.
 */
export function llamaQuantizeLine(
  name: string,
  removed: readonly Unit[],
  numBlocks: number,
): string {
  kept('llama-quantize', removed, numBlocks);
  const blocks = wholeBlocks(removed);
  if (blocks.length === 0)
    throw new EspalierError(
      'bad-input',
      'The plan removes nothing, so there is nothing for --prune-layers.',
      'Remove a block first.',
    );
  return (
    `llama-quantize --prune-layers ${blocks.join(',')} ${shellWord(`${name}.gguf`)} ` +
    `${shellWord(`${name}-pruned.gguf`)} F16`
  );
}

/**
 * The Espalier command that exports the plan from the original folder; it takes sublayers too.
 * @param folder path of the original.
 * @param graph path of the graph within it.
 * @param out folder to write.
 */
export function espalierLine(
  folder: string,
  graph: string,
  removed: readonly Unit[],
  out: string,
): string {
  const plan = removed.length === 0 ? '""' : formatUnits(removed);
  return (
    `npm run -s espalier -- prune ${shellWord(folder)} --model ${shellWord(graph)} --remove ` +
    `${plan} --out ${shellWord(out)}`
  );
}

/**
 * Attribute path of the list of blocks in Transformers, by `model_type`; otherwise `model.layers`.
 */
const LAYERS: Readonly<Record<string, string>> = {
  gpt2: 'transformer.h',
  gpt_neo: 'transformer.h',
  gptj: 'transformer.h',
  gpt_bigcode: 'transformer.h',
  bloom: 'transformer.h',
  falcon: 'transformer.h',
  codegen: 'transformer.h',
  mpt: 'transformer.blocks',
  gpt_neox: 'gpt_neox.layers',
  opt: 'model.decoder.layers',
};

/** Where the blocks are in Transformers, by `model_type`. */
export const layersPath = (family: string): string => LAYERS[family] ?? 'model.layers';

/** GPT-Neo derives the attention type of its blocks from this list when it is loaded. */
const GPT_NEO = 'config.attention_types = [[[kind], 1] for kind in config.attention_layers]\n';

/**
 * Python code that removes the same blocks from the original with Hugging Face Transformers and
 * saves the result: the remaining layers, their `layer_idx`, the number of layers, and every list
 * and count of the config that runs over blocks.
 * @param family `model_type` of the config.
 * @param isPart the decoder is a part of a larger model (with images, say), which is kept whole.
 * @throws EspalierError `bad-input` as `mergekitYaml`.
 */
export function huggingFaceSnippet(
  model: string,
  family: string,
  removed: readonly Unit[],
  numBlocks: number,
  isPart = false,
): string {
  const keep = kept('The Transformers snippet', removed, numBlocks);
  const path = isPart ? 'layers' : layersPath(family);
  const [parent, list] = [path.slice(0, path.lastIndexOf('.') + 1), path.split('.').at(-1)];
  const owner = isPart ? 'decoder' : `model.${parent}`.replace(/\.$/, '');
  const [loader, files] = isPart
    ? ['AutoModelForImageTextToText', 'AutoProcessor']
    : ['AutoModelForCausalLM', 'AutoTokenizer'];
  return `import torch
from transformers import ${loader}, ${files}

source = ${quoted(model)}
target = ${quoted(`${model.split(/[\\/]/).findLast((part) => part !== '') ?? 'model'}-pruned`)}
keep = [${keep.join(', ')}]  # blocks of the original, counted from 0

model = ${loader}.from_pretrained(source)
${isPart ? 'decoder = model.get_decoder()\n' : ''}layers = ${owner}.${list}
assert len(layers) == ${numBlocks}, f"{source} has {len(layers)} blocks, not ${numBlocks}"
${owner}.${list} = torch.nn.ModuleList([layers[i] for i in keep])
for index, layer in enumerate(${owner}.${list}):
    for module in layer.modules():
        if hasattr(module, "layer_idx"):
            module.layer_idx = index

config = model.config.get_text_config()
numbers = ("mlp_only_layers", "moe_layers")
other = ("token", "architectures", "factor", "section", "languages")
for name, value in list(vars(config).items()):
    if isinstance(value, list) and value:
        # lists of block numbers
        if name in numbers or name.endswith(("_idxs", "_indices", "_ids")):
            if not any(word in name for word in other):
                setattr(config, name, [keep.index(i) for i in value if i in keep])
        # layer_types and the like: one entry for each block
        elif len(value) == ${numBlocks} and not any(word in name for word in other):
            setattr(config, name, [value[i] for i in keep])
    # counts from the first block on, and up to the last one
    elif name in ("first_k_dense_replace", "num_dense_layers", "moe_layer_start_index") and value:
        setattr(config, name, sum(i < value for i in keep))
    elif name == "moe_layer_end_index" and value is not None and value >= 0:
        setattr(config, name, sum(i <= value for i in keep) - 1)
    elif name == "num_kv_shared_layers" and value:
        setattr(config, name, sum(i >= ${numBlocks} - value for i in keep))
own = config.to_dict().get("per_layer_config")  # blocks of other sizes, by number (Gemma 4)
config.num_hidden_layers = len(keep)
if own:
    config.per_layer_config = {keep.index(int(i)): v for i, v in own.items() if int(i) in keep}
${family === 'gpt_neo' ? GPT_NEO : ''}
model.save_pretrained(target)
${files}.from_pretrained(source).save_pretrained(target)
`;
}

/**
 * Loads an adapter in Python.
 * @param folder of the adapter
 * @param prunes it belongs to the checkpoint that its script has pruned
 */
export function peftSnippet(folder: string, prunes: boolean): string {
  const base = prunes ? 'FOLDER THAT prune.py HAS WRITTEN' : 'ORIGINAL';
  return `from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained("${base}")
model = PeftModel.from_pretrained(base, ${JSON.stringify(folder)})`;
}

/** The remaining blocks, ascending. */
function kept(tool: string, removed: readonly Unit[], numBlocks: number): number[] {
  const [sublayer] = sublayerUnits(removed);
  if (sublayer !== undefined)
    throw new EspalierError(
      'bad-input',
      `${tool} removes whole blocks only, and the plan removes ${sublayer}, a sublayer.`,
      'Remove the whole block, keep it, or use the exported ONNX folder.',
    );
  const wrong = listObstacle(numBlocks, removed);
  if (wrong !== null) throw new EspalierError('bad-input', wrong, 'Change the plan.');
  const out = new Set(removed);
  return Array.from({ length: numBlocks }, (_, block) => block).filter((block) => !out.has(block));
}

/** `[0, 1, 2, 5]` as `[[0, 3], [5, 6]]`. */
function runs(keep: readonly number[]): [number, number][] {
  const out: [number, number][] = [];
  for (const block of keep) {
    const last = out.at(-1);
    if (last?.[1] === block) last[1] = block + 1;
    else out.push([block, block + 1]);
  }
  return out;
}

/** A double-quoted string for YAML and Python, with everything but printable ASCII escaped. */
function quoted(text: string): string {
  const escaped = [...text].map((char) => {
    if (char === '"' || char === '\\') return `\\${char}`;
    const code = char.codePointAt(0) ?? 0;
    if (code >= 0x20 && code < 0x7f) return char;
    return code > 0xffff
      ? `\\U${code.toString(16).padStart(8, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return `"${escaped.join('')}"`;
}

/** A word for a POSIX shell. "./" is put before a leading "-", which would make it an option. */
function shellWord(text: string): string {
  const word = text.startsWith('-') ? `./${text}` : text;
  return /^[\w./@%+=:,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
