// A healing by LoRA as an adapter of PEFT, for the Hugging Face checkpoint without the same blocks.
// Source: Hugging Face PEFT 0.21.2 (tuners/lora/config.py, layer.py; utils/save_and_load.py).

import { EspalierError } from '../../../errors.ts';
import { safetensorsBytes } from '../../../tensors/safetensors/write.ts';
import { sublayerUnits } from '../../../units.ts';
import { declaredBlocks } from '../../interop/declared.ts';
import { huggingFaceSnippet, layersPath, peftSnippet } from '../../interop/formats.ts';
import { transformersRemarks } from '../../interop/huggingFace.ts';
import { keptBlocks } from '../../interop/remarks.ts';
import type { ModelConfig } from '../../structure/config.ts';
import type { Structure } from '../../structure/structure.ts';
import type { Healing } from '../healing.ts';
import { type Family, familyOf, KNOWN_FAMILIES } from './families.ts';
import { type LowRankChange, type ModuleAdapter, moduleAdapters } from './moduleAdapters.ts';
import { blockProducts } from './products.ts';

/** What an adapter is made from. */
export interface AdapterSource {
  structure: Structure;
  config: ModelConfig;
}

export interface PeftAdapter {
  /** To be written beside each other. */
  files: { path: string; bytes: Uint8Array<ArrayBuffer> }[];
  /** What has to be known to use it, as sentences. */
  notes: string[];
}

const ONNX_INSTEAD = 'Export the healed model as an ONNX folder.';

/** Why a healing of this model cannot be an adapter, before anything is looked at; else null. */
export function peftObstacle(
  { config, structure }: AdapterSource,
  healing: Pick<Healing, 'removed' | 'changes'>,
): EspalierError | null {
  const refuse = (message: string, hint = ONNX_INSTEAD): EspalierError =>
    new EspalierError('bad-input', message, hint);
  const { removed, changes } = healing;
  const replaced = changes.find(({ kind }) => kind === 'replaced');
  if (replaced)
    return refuse(
      `The healing has replaced whole weights (${replaced.tensor}), by a refit or a full ` +
        'training, and an adapter holds low-rank changes only.',
      `${ONNX_INSTEAD} For an adapter, heal by LoRA alone.`,
    );
  if (changes.length === 0) return refuse('The healing has changed nothing.', 'Heal by LoRA.');
  const outside = changes.find(({ block }) => block === null);
  if (outside) return refuse(`The healing changes ${outside.tensor}, which is in no block.`);
  const [sublayer] = sublayerUnits(removed);
  if (sublayer !== undefined)
    return refuse(
      `The plan removes ${sublayer}, a sublayer, and Hugging Face Transformers has no blocks ` +
        'without one, so there is no checkpoint that an adapter could belong to.',
    );
  const numBlocks = structure.blocks.length;
  const declared = declaredBlocks(config, numBlocks);
  if (declared.section !== null)
    return refuse(
      'The decoder is a part of a larger model, whose module names are not known here.',
    );
  if (!familyOf(config.family))
    return refuse(
      `The names of the modules of "${config.family}" models are not known here; known are ` +
        `${KNOWN_FAMILIES.join(', ')}.`,
    );
  const keep = keptBlocks(removed, numBlocks);
  const { withheld } = transformersRemarks({ declared, n: numBlocks, keep });
  return withheld === null ? null : refuse(withheld);
}

/**
 * The files of the adapter: adapter_config.json, adapter_model.safetensors, a README and, where
 * blocks are removed, the script that removes them from the checkpoint.
 * @param name of the original, as the script shall name it
 * @throws EspalierError as `peftObstacle`; `unsupported-graph` where the products of a block cannot
 *   be told apart, or are arranged in another way than the modules
 */
export function peftAdapter(source: AdapterSource, healing: Healing, name: string): PeftAdapter {
  const obstacle = peftObstacle(source, healing);
  if (obstacle) throw obstacle;
  const { structure, config } = source;
  const family = familyOf(config.family)!;
  const numBlocks = structure.blocks.length;
  const keep = keptBlocks(healing.removed, numBlocks);
  const lost = healing.changes.find(({ block }) => !keep.includes(block!));
  if (lost)
    throw new EspalierError(
      'bad-input',
      `The healing changes block ${lost.block}, which the plan removes.`,
      'Heal the plan again.',
    );
  const products = blockProducts(structure, keep);
  const adapters = new Map<string, ModuleAdapter>();
  const names = new Set<string>();
  for (const [index, block] of keep.entries()) {
    const own = healing.changes.filter((change) => change.block === block) as LowRankChange[];
    for (const [module, adapter] of moduleAdapters(family, products[index]!, own)) {
      adapters.set(`${layersPath(config.family)}.${index}.${module}`, adapter);
      names.add(module);
    }
  }
  const everywhere = adapters.size === names.size * keep.length;
  const settings = settingsOf(adapters, everywhere ? [...names] : [...adapters.keys()], family);
  const script =
    healing.removed.length === 0
      ? null
      : huggingFaceSnippet(name, config.family, healing.removed, numBlocks);
  const notes = notesOf(source, script !== null);
  const files = [
    { path: 'adapter_config.json', bytes: encoded(`${JSON.stringify(settings, null, 2)}\n`) },
    {
      path: 'adapter_model.safetensors',
      bytes: safetensorsBytes(tensorsOf(adapters), { format: 'pt' }),
    },
    { path: 'README.md', bytes: encoded(readme(notes, script !== null)) },
    ...(script === null ? [] : [{ path: 'prune.py', bytes: encoded(script) }]),
  ];
  return { files, notes };
}

function tensorsOf(adapters: ReadonlyMap<string, ModuleAdapter>) {
  return [...adapters].flatMap(([module, { rank, inputs, outputs, a, b }]) => {
    const name = `base_model.model.${module}`;
    return [
      { name: `${name}.lora_A.weight`, type: 'F32', shape: [rank, inputs], data: a },
      { name: `${name}.lora_B.weight`, type: 'F32', shape: [outputs, rank], data: b },
    ];
  });
}

/** PEFT's LoraConfig. A module with another rank or scale than the first stands in the patterns. */
function settingsOf(
  adapters: ReadonlyMap<string, ModuleAdapter>,
  targets: readonly string[],
  family: Family,
): Record<string, unknown> {
  const [first] = adapters.values();
  const [r, alpha] = [first!.rank, first!.scale * first!.rank];
  const others = (value: (adapter: ModuleAdapter) => number, usual: number) =>
    Object.fromEntries(
      [...adapters].flatMap(([module, adapter]) =>
        value(adapter) === usual ? [] : [[module, value(adapter)]],
      ),
    );
  return {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: null,
    inference_mode: true,
    r,
    lora_alpha: alpha,
    lora_dropout: 0,
    bias: 'none',
    target_modules: targets,
    rank_pattern: others(({ rank }) => rank, r),
    alpha_pattern: others(({ rank, scale }) => scale * rank, alpha),
    fan_in_fan_out: family.conv1d ?? false,
    modules_to_save: null,
    use_rslora: false,
    use_dora: false,
  };
}

function notesOf({ structure }: AdapterSource, prunes: boolean): string[] {
  const notes = [
    prunes
      ? 'The adapter belongs to the Hugging Face checkpoint without the same blocks: run ' +
        'prune.py first, with the name of the original in it, and load the adapter onto its result.'
      : 'The adapter belongs to the Hugging Face checkpoint of the original.',
    'adapter_config.json leaves base_model_name_or_path empty: put the folder or the name of ' +
      'that checkpoint there if other programs shall find it.',
  ];
  const integers = structure.graph.nodes.some(({ op }) => op === 'MatMulNBits');
  if (integers)
    notes.push(
      'It was trained on weights of few bits: on the float weights of the checkpoint it gives ' +
        'other numbers than were measured here.',
    );
  return notes;
}

function readme(notes: readonly string[], prunes: boolean): string {
  return `# LoRA adapter of a pruned model

${notes.map((note) => `* ${note}`).join('\n')}

\`\`\`python
${peftSnippet('FOLDER OF THIS README', prunes)}
\`\`\`
`;
}

const encoded = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
