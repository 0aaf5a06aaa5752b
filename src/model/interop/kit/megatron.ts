// A script for Megatron Bridge: continued pretraining on more than one machine, from the pruned
// checkpoint and back to one. Written for Megatron Bridge 0.3.1; docs/continued-pretraining.md.

import type { Budget } from './cost.ts';
import { CONTINUED_PRETRAINING, OURS } from './paper.ts';

export const MEGATRON_VERSION = '0.3.1';

/** Parameters up to which so many GPUs hold one copy of the weights. */
const TENSOR_PARALLEL: readonly [params: number, gpus: number][] = [
  [4e9, 1],
  [10e9, 2],
  [30e9, 4],
  [Number.POSITIVE_INFINITY, 8],
];

/**
 * @param params of the pruned model
 * @param kvHeads heads of keys and values, which GPUs share out among them; null if unknown
 */
export function megatronScript(
  params: number,
  kvHeads: number | null,
  { sequence, steps }: Budget,
): string {
  const { learningRate, beta1, beta2, weightDecay, globalBatch } = CONTINUED_PRETRAINING;
  const wanted = TENSOR_PARALLEL.find(([most]) => params <= most)![1];
  const parallel = [8, 4, 2].find((gpus) => gpus <= wanted && (kvHeads ?? 8) % gpus === 0) ?? 1;
  const warmup = Math.max(1, Math.round(steps * OURS.warmupShare));
  return `"""Continued pretraining of a pruned checkpoint, with Megatron Bridge ${MEGATRON_VERSION}.

  python megatron_bridge.py import        once: the checkpoint as Megatron has it
  torchrun --nnodes 4 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 \\
      megatron_bridge.py train            on every machine; goes on where it stopped
  python megatron_bridge.py export        the result as a Hugging Face folder

The corpus is read as Megatron Core indexes it: tools/preprocess_data.py of Megatron-LM, with
--tokenizer-type HuggingFaceTokenizer --tokenizer-model .. --append-eod, makes
corpus_text_document.bin and .idx of corpus.jsonl. All machines need to see this folder.
"""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
CHECKPOINT = HERE.parent
MEGATRON = HERE / "megatron"
RUN = HERE / "megatron-run"
RESULT = HERE / "cpt"
CORPUS = HERE / "corpus_text_document"

# How many GPUs share one copy of the weights, and of one sequence.
TENSOR_PARALLEL = ${parallel}
PIPELINE_PARALLEL = 1
CONTEXT_PARALLEL = 1
SEQUENCE = ${sequence}
STEPS = ${steps}
WARMUP = ${warmup}


def config():
    import torch
    from megatron.bridge import AutoBridge
    from megatron.bridge.recipes.utils.optimizer_utils import (
        distributed_fused_adam_with_cosine_annealing,
    )
    from megatron.bridge.training.config import (
        CheckpointConfig,
        ConfigContainer,
        DistributedDataParallelConfig,
        GPTDatasetConfig,
        LoggerConfig,
        RNGConfig,
        TokenizerConfig,
        TrainingConfig,
    )

    # config.json says the number of blocks; the weights come from the imported checkpoint.
    model = AutoBridge.from_hf_pretrained(str(CHECKPOINT)).to_megatron_provider(load_weights=False)
    model.tensor_model_parallel_size = TENSOR_PARALLEL
    model.pipeline_model_parallel_size = PIPELINE_PARALLEL
    model.context_parallel_size = CONTEXT_PARALLEL
    model.sequence_parallel = TENSOR_PARALLEL > 1
    model.pipeline_dtype = torch.bfloat16
    model.seq_length = SEQUENCE

    optimizer, scheduler = distributed_fused_adam_with_cosine_annealing(
        lr_warmup_iters=WARMUP,
        lr_decay_iters=STEPS,
        adam_beta1=${beta1},
        adam_beta2=${beta2},
        weight_decay=${weightDecay},
        # The schedule sets the weight decay in every step.
        start_weight_decay=${weightDecay},
        end_weight_decay=${weightDecay},
        max_lr=${learningRate},
        min_lr=0.0,
        clip_grad=${OURS.clip.toFixed(1)},
    )
    return ConfigContainer(
        model=model,
        train=TrainingConfig(
            train_iters=STEPS,
            global_batch_size=${globalBatch},
            micro_batch_size=1,
            eval_interval=500,
            eval_iters=8,
        ),
        optimizer=optimizer,
        scheduler=scheduler,
        ddp=DistributedDataParallelConfig(
            grad_reduce_in_fp32=True,
            overlap_grad_reduce=True,
            overlap_param_gather=True,
            use_distributed_optimizer=True,
        ),
        dataset=GPTDatasetConfig(
            seq_length=SEQUENCE,
            random_seed=1234,
            blend=([str(CORPUS)], None),
            split="9990,10,0",
            reset_attention_mask=False,
            reset_position_ids=False,
            eod_mask_loss=False,
            dataloader_type="single",
        ),
        logger=LoggerConfig(log_interval=10, tensorboard_dir=str(RUN / "tensorboard")),
        tokenizer=TokenizerConfig(
            tokenizer_type="HuggingFaceTokenizer", tokenizer_model=str(CHECKPOINT)
        ),
        checkpoint=CheckpointConfig(
            pretrained_checkpoint=str(MEGATRON),
            load=str(RUN / "checkpoints"),
            save=str(RUN / "checkpoints"),
            save_interval=500,
            ckpt_format="torch_dist",
            fully_parallel_save=True,
        ),
        rng=RNGConfig(seed=1234),
        mixed_precision="bf16_mixed",
    )


def train():
    from megatron.bridge.training.gpt_step import forward_step
    from megatron.bridge.training.pretrain import pretrain

    pretrain(config=config(), forward_step_func=forward_step)


def main(step):
    if step == "train":
        return train()
    from megatron.bridge import AutoBridge

    if step == "import":
        return AutoBridge.import_ckpt(str(CHECKPOINT), str(MEGATRON))
    if step == "export":
        bridge = AutoBridge.from_hf_pretrained(str(CHECKPOINT))
        return bridge.export_ckpt(str(RUN / "checkpoints"), str(RESULT))
    sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "")
`;
}
