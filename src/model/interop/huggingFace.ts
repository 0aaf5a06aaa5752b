// What mergekit and Hugging Face Transformers make of a plan. Read in Transformers 5.24.0
// (models/*/configuration_*.py, modeling_*.py) and mergekit at a6e4028 (17 June 2026: merge.py,
// plan.py, _data/architectures). What was run: docs/formats.md.
//
// A saved model is built anew from its config. The snippet for Transformers rewrites every list and
// count over blocks, so only what no field of a config can say is left for the table. mergekit sets
// the number of layers and leaves the rest of config.json as it was.

import { type DeclaredBlocks, familyKey, prunedFields } from './declared.ts';
import {
  NOTHING_TO_SAY,
  ofKept,
  type Plan,
  type Remarks,
  type Repair,
  sameList,
} from './remarks.ts';

/** Families whose config class writes `layer_types` although every block is alike. */
const WRITES_KINDS = new Set(
  'qwen2 qwen2moe qwen2vl qwen25vl qwen3 dots1 cwm ministral'.split(' '),
);

/** Families with blocks that share weights, which stand in no list of layers. */
const SHARES_BLOCKS = new Set(['zamba', 'zamba2']);

/**
 * Modules of the models in several parts that mergekit knows; `slices` at the top level are refused
 * there ("must use modules").
 */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  gemma3: ['multi_modal_projector', 'vision_tower'],
  llama4: ['multi_modal_projector', 'vision_model'],
  mistral3: ['multi_modal_projector', 'vision_tower'],
  qwen2vl: ['multi_modal_projector', 'vision_tower'],
  qwen25vl: ['multi_modal_projector', 'vision_tower'],
  qwen3vl: ['multi_modal_projector', 'vision_tower'],
  qwen3vlmoe: ['multi_modal_projector', 'vision_tower'],
};

/**
 * The other modules of a model that mergekit takes apart, or null where its blocks are the whole.
 * @param family `model_type` of the whole model.
 */
export function mergekitModules(
  family: string,
  declared: DeclaredBlocks,
): readonly string[] | null {
  return declared.section === null ? null : (MODULES[familyKey(family)] ?? null);
}

/** What Transformers makes of the snippet for this plan. */
export function transformersRemarks(plan: Plan): Remarks {
  const { keep, n, declared } = plan;
  if (keep.length === n) return NOTHING_TO_SAY;
  const never = inexpressible(plan);
  if (never !== null)
    return { ...NOTHING_TO_SAY, withheld: `${never} Use the exported ONNX folder.` };
  if (declared.hasConfig) return NOTHING_TO_SAY;
  return {
    ...NOTHING_TO_SAY,
    warnings: [
      'This folder has no config.json, so how Transformers builds the original is not known: the ' +
        'snippet looks for the blocks in model.layers and stops where their number is another one.',
    ],
  };
}

/** What mergekit makes of the configuration for this plan. */
export function mergekitRemarks(plan: Plan, family: string): Remarks {
  const { keep, n, declared } = plan;
  if (keep.length === n) return NOTHING_TO_SAY;
  const never = inexpressible(plan);
  if (never !== null)
    return { ...NOTHING_TO_SAY, withheld: `${never} Use the exported ONNX folder.` };
  const warnings: string[] = [];
  if (declared.section !== null && mergekitModules(family, declared) === null)
    warnings.push(
      `The original has several parts, and mergekit has no definition of the type ${family}: ` +
        'whether it takes slices for the decoder alone was not checked.',
    );
  const fields = prunedFields(declared, n, keep);
  const names = Object.keys(fields);
  if (names.length === 0 && WRITES_KINDS.has(declared.family)) names.push('layer_types');
  if (names.length > 0) {
    warnings.push(
      `mergekit sets the number of layers and leaves ${list(names)} as for all ${n} blocks: it ` +
        'stops when it saves config.json (Transformers 5), or the merged folder is refused or is ' +
        'another model. The script below writes its config.json.',
    );
    return { warnings, withheld: null, repair: configRepair(plan, fields) };
  }
  if (!declared.hasConfig)
    warnings.push(
      'This folder has no config.json, so lists over blocks are not known: whatever list in ' +
        `config.json of the merged folder has ${n} entries must be cut to those of the blocks ` +
        'that stay.',
    );
  return { ...NOTHING_TO_SAY, warnings };
}

/** What no field of a config can say of the blocks that stay, or null. */
export function inexpressible({ declared, n, keep }: Plan): string | null {
  const { numbers, kinds, family } = declared;
  if ((numbers.hidden_size_per_layer_input ?? 0) > 0)
    return (
      'The tables of per-layer inputs hold a slice for each block of the original, and here they ' +
      'would be read by the new positions.'
    );
  if (SHARES_BLOCKS.has(family))
    return 'Blocks of this family share weights with each other, which no list of layers says.';
  if (family.startsWith('gemma4') && kinds && kinds[keep.at(-1) ?? 0] !== 'full_attention')
    return (
      'Transformers gives the last block of Gemma 4 full attention, whatever its config says, ' +
      'and the last block that stays has a sliding window. ' +
      'Keep a block with full attention at the end.'
    );
  for (const [step, offset, what] of [
    ['decoder_sparse_step', null, 'experts'],
    ['moe_layer_interval', null, 'experts'],
    ['attn_layer_period', 'attn_layer_offset', 'attention'],
    ['expert_layer_period', 'expert_layer_offset', 'experts'],
  ] as const) {
    const every = numbers[step] ?? 1;
    if (every <= 1) continue;
    const at = offset === null ? every - 1 : (numbers[offset] ?? 0);
    const has = (count: number): boolean[] =>
      Array.from({ length: count }, (_, i) => i % every === at);
    if (!sameList(ofKept(has(n), keep), has(keep.length)))
      return (
        `The config says by a period (${step} = ${every}) which blocks have ${what}, and those ` +
        'that stay follow none.'
      );
  }
  return null;
}

/** A script that writes config.json for the blocks that stay into a folder of mergekit. */
function configRepair({ n, keep }: Plan, fields: ReturnType<typeof prunedFields>): Repair {
  return {
    title: 'config.json for the merged folder',
    file: 'repair_config.py',
    text: `# python repair_config.py <folder of the original> <merged folder>
import json
import pathlib
import sys

keep = [${keep.join(', ')}]  # blocks of the original, counted from 0
values = json.loads("""
${JSON.stringify(fields)}
""")

original, merged = (pathlib.Path(folder, "config.json") for folder in sys.argv[1:])
config = json.loads(original.read_text())
part = next((config[key] for key in ("text_config", "language_config") if key in config), config)
assert part.get("num_hidden_layers", ${n}) == ${n}, "the plan is for ${n} blocks"
for name, value in part.items():
    # layer_types and the like
    if isinstance(value, list) and len(value) == ${n} and "layer" in name:
        part[name] = [value[i] for i in keep]
    # blocks of other sizes, by number (Gemma 4)
    elif name == "per_layer_config" and isinstance(value, dict):
        part[name] = {str(keep.index(int(i))): v for i, v in value.items() if int(i) in keep}
part.update(values, num_hidden_layers=len(keep))
merged.write_text(json.dumps(config, indent=2))
`,
  };
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
