// Settings for axolotl, one YAML file for all weights and one for LoRA: FSDP over the GPUs of one
// or more machines. Checked against axolotl 0.19.0; docs/continued-pretraining.md.

import { familyOf } from '../../healing/peft/families.ts';
import type { Budget } from './cost.ts';
import { blockClass, hasFlashAttention } from './families.ts';
import { CONTINUED_PRETRAINING, LORA, OURS } from './paper.ts';

export const AXOLOTL_VERSION = '0.19.0';

/** Folders of the results, beside the files. */
export const FULL_OUTPUT = './cpt';
export const LORA_OUTPUT = './lora';

export interface TrainedModel {
  /** `model_type` of the text model. */
  type: string;
  /** The same without underscores. */
  family: string;
}

/** Continued pretraining of all weights. */
export function axolotlFull(model: TrainedModel, { sequence, steps }: Budget): string {
  const { learningRate, beta1, beta2, weightDecay, microBatch, accumulation, gpus, globalBatch } =
    CONTINUED_PRETRAINING;
  // Sequences are not packed where attention could look into the neighbour.
  const packs = hasFlashAttention(model.family);
  return `# Continued pretraining of all weights of the pruned checkpoint.
#   axolotl train axolotl-full.yaml
# A step has ${microBatch} x ${accumulation} x ${gpus} = ${globalBatch} sequences on ${gpus} GPUs: \
with others, change gradient_accumulation_steps.
base_model: ".."
output_dir: ${FULL_OUTPUT}

# One JSON object per line, {"text": "..."}. README.md says how to stream a large corpus instead.
datasets:
  - path: ./corpus.jsonl
    ds_type: json
    type: completion
    field: text
dataset_prepared_path: ./prepared
val_set_size: 0.0

sequence_len: ${sequence}
sample_packing: ${packs}
pad_to_sequence_len: ${packs}
micro_batch_size: ${microBatch}
gradient_accumulation_steps: ${accumulation}
max_steps: ${steps}

optimizer: adamw_torch_fused
learning_rate: ${learningRate}
adam_beta1: ${beta1}
adam_beta2: ${beta2}
weight_decay: ${weightDecay}
max_grad_norm: ${OURS.clip.toFixed(1)}
lr_scheduler: cosine
warmup_ratio: ${OURS.warmupShare}

${precision(packs)}
logging_steps: 10
save_steps: 500
save_total_limit: 2

${sharding(model)}`;
}

/** LoRA on instructions, on the result of the former or on the pruned checkpoint itself. */
export function axolotlLora(model: TrainedModel): string {
  const { data, rank, alpha, dropout, learningRate, warmupSteps, batch, microBatch } = LORA;
  const { gpus } = CONTINUED_PRETRAINING;
  const accumulation = batch / microBatch / gpus;
  const flash = hasFlashAttention(model.family);
  return `# LoRA on instructions, after continued pretraining.
#   axolotl train axolotl-lora.yaml
#   axolotl merge-lora axolotl-lora.yaml     writes ${LORA_OUTPUT}/merged
# Without continued pretraining before it: base_model: ".."
# A step has ${microBatch} x ${accumulation} x ${gpus} = ${batch} examples on ${gpus} GPUs.
base_model: ${FULL_OUTPUT}
output_dir: ${LORA_OUTPUT}

datasets:
  - path: ${data}
    type: alpaca
dataset_prepared_path: ./prepared-lora
val_set_size: 0.04
train_on_inputs: false

adapter: lora
lora_r: ${rank}
lora_alpha: ${alpha}
lora_dropout: ${dropout}
${targets(model.type)}

sequence_len: ${LORA.length}
sample_packing: false
micro_batch_size: ${microBatch}
gradient_accumulation_steps: ${accumulation}
num_epochs: ${LORA.epochs}

optimizer: adamw_torch
learning_rate: ${learningRate}
lr_scheduler: linear
warmup_steps: ${warmupSteps}

${precision(flash)}
logging_steps: 10
saves_per_epoch: 1

${sharding(model)}`;
}

function precision(flash: boolean): string {
  return `bf16: true
attn_implementation: ${flash ? 'flash_attention_2' : 'sdpa'}
gradient_checkpointing: true`;
}

/** The linear modules of the blocks by name; all linear modules of an unknown family. */
function targets(type: string): string {
  const family = familyOf(type);
  if (!family) return 'lora_target_linear: true';
  const names = family.modules.map(({ name }) => name.slice(name.lastIndexOf('.') + 1));
  return ['lora_target_modules:', ...new Set(names.map((name) => `  - ${name}`))].join('\n');
}

/** FSDP 2, one shard for each block. */
function sharding({ family }: TrainedModel): string {
  const name = blockClass(family);
  // Without the name, the class that Transformers says is not to be split.
  const wrapped = name === null ? '' : `  transformer_layer_cls_to_wrap: ${name}\n`;
  return `fsdp_version: 2
fsdp_config:
  auto_wrap_policy: TRANSFORMER_BASED_WRAP
${wrapped}  state_dict_type: FULL_STATE_DICT
  reshard_after_forward: true
  cpu_ram_efficient_loading: true
  offload_params: false
`;
}
