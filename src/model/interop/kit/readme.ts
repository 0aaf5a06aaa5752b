// The README of the kit: what to do with its files in which order, what it costs, and which
// settings are the paper's.

import { formatUnits, type Unit } from '../../../units.ts';
import { escapedTitle } from '../../export/markdown.ts';
import { AXOLOTL_VERSION, FULL_OUTPUT, LORA_OUTPUT } from './axolotl.ts';
import { type Budget, FLOP_PER_SECOND, flopOf, gpuHours, LEAST_STEPS } from './cost.ts';
import { MEGATRON_VERSION } from './megatron.ts';
import { CONTINUED_PRETRAINING, LORA, OURS, RUNS } from './paper.ts';

export interface KitFacts {
  app: string;
  /** Of the original. */
  name: string;
  removed: readonly Unit[];
  numBlocks: number;
  /** Blocks that are left. */
  left: number;
  /** Of the pruned model. */
  params: number;
  budget: Budget;
  /** Why there is no script for Megatron Bridge, or null. */
  megatron: string | null;
  /** Whether check.py is there. */
  checks: boolean;
}

export function kitReadme(facts: KitFacts): string {
  const { name, removed, numBlocks, left, checks, megatron, app } = facts;
  const noun = removed.length > 1 ? 'blocks' : 'block';
  const without = removed.length > 0 ? `, without ${noun} ${formatUnits(removed)}` : '';
  return `# Continued pretraining of ${escapedTitle(name)} with ${left} blocks

The folder above this one is the pruned checkpoint: ${left} of ${numBlocks} blocks${without}, in
the format of Hugging Face Transformers. These files hand it over to a training engine. Espalier
${app} wrote them for this plan. Run everything in this folder.
${checks ? CHECK : ''}
## Train

    pip install "axolotl[flash-attn]==${AXOLOTL_VERSION}"
    axolotl train axolotl-full.yaml      # all weights; the result is ${FULL_OUTPUT}
    axolotl train axolotl-lora.yaml      # then LoRA on instructions; ${LORA_OUTPUT}
    axolotl merge-lora axolotl-lora.yaml # ${LORA_OUTPUT}/merged

The corpus is \`corpus.jsonl\`, one \`{"text": "..."}\` per line. A corpus that is too large to be
prepared is streamed: in axolotl-full.yaml, put this in the place of \`datasets\`:

    streaming: true
    pretraining_dataset:
      - path: NAME ON THE HUB
        split: train
        text_column: text
        type: pretrain

On several machines, start the same on each of them:

    axolotl train axolotl-full.yaml --launcher torchrun -- --nnodes 2 --nproc-per-node 8 \\
        --rdzv-backend c10d --rdzv-endpoint HOST:29500
${megatron === null ? MEGATRON : `\n${megatron} So there is no script for it here.\n`}
## Back to Espalier

Copy \`espalier.json\` from the folder above into the folder of the result, delete the folders
\`checkpoint-...\` in it, which are models of their own, and open it: it stands beside the original
and the pruned model then, and can be scored, measured and exported as ONNX like them.

${cost(facts)}

${settings(facts.budget)}`;
}

const CHECK = `
## Check it first

    pip install torch transformers
    python check.py

It measures the loss on the windows of windows.json in float32: it has to be the one that Espalier
measured. Afterwards \`python check.py cpt\` gives the loss of a result.
`;

const MEGATRON = `
For more than about 8 billion parameters or 32 GPUs, \`megatron_bridge.py\` trains with tensor and
pipeline parallelism (Megatron Bridge ${MEGATRON_VERSION}, in NVIDIA's NeMo container). Its first
lines say how; TENSOR_PARALLEL and its neighbours are to be set for the machines.
`;

function cost({ params, budget }: KitFacts): string {
  const rows = [1e9, 1e10, budget.tokens]
    .sort((a, b) => a - b)
    .map((tokens) => {
      const flop = flopOf(params, tokens);
      const what = tokens === budget.tokens ? `${amount(tokens)}, as set here` : amount(tokens);
      return `| ${what} | ${flop.toExponential(1)} | ${hours(gpuHours(flop))} |`;
    });
  const runs = RUNS.map(
    (run) =>
      `* ${amount(run.params)} parameters, ${amount(run.tokens)} tokens: ${run.days} days on ` +
      `${CONTINUED_PRETRAINING.gpus} H100`,
  );
  const { run, steps, sequence } = budget;
  const least = steps === LEAST_STEPS ? `, and no fewer than ${LEAST_STEPS} steps` : '';
  return `## What it costs

By 6 N D operations (N parameters, D tokens), with N = ${amount(params)}:

| tokens | operations | hours of one H100 |
|---|---|---|
${rows.join('\n')}

The hours are for ${FLOP_PER_SECOND.toExponential(1)} operations per second and GPU, what the
paper's runs come to. Small models and slow links reach less.

${runs.join('\n')}

The files are set to ${steps} steps of ${CONTINUED_PRETRAINING.globalBatch} sequences of ${sequence}
tokens: for each parameter as many tokens as in the run of the paper that removed
${percent(run.share)}, the nearest to this plan${least}.`;
}

function settings({ sequence }: Budget): string {
  const cpt = CONTINUED_PRETRAINING;
  const warmUp = [percent(OURS.warmupShare), `${LORA.warmupSteps} steps`] as const;
  return `## Settings and their source

The paper is Kim et al., "Shortened LLaMA: Depth Pruning for Large Language Models with Comparison
of Retraining Methods", arXiv 2402.02834. Continued pretraining: the model cards of
nota-ai/cpt_st-vicuna-v1.3-5.5b-ppl and its siblings. LoRA: script/prune_llama-7b_crit-ppl.sh and
src/lora_retrain.py of github.com/Nota-NetsPresso/shortened-llm.

| setting | continued pretraining | LoRA | source |
|---|---|---|---|
| data | ${cpt.data} | ${LORA.data} | paper; put your own in its place |
| learning rate | ${cpt.learningRate} | ${LORA.learningRate} | paper |
| AdamW beta | ${cpt.beta1}, ${cpt.beta2} | 0.9, 0.999 | paper |
| weight decay | ${cpt.weightDecay} | 0 | paper |
| sequences in a step | ${cpt.globalBatch} | ${LORA.batch} | paper |
| tokens of a sequence | ${sequence} | ${LORA.length} | usual; LoRA: paper |
| schedule | cosine, ${warmUp[0]} warm-up | linear, ${warmUp[1]} of warm-up | usual; LoRA: paper |
| largest norm of the gradient | ${OURS.clip} | 1 | usual |
| passes | see above | ${LORA.epochs} | paper |
| rank, alpha, dropout | | ${LORA.rank}, ${LORA.alpha}, ${LORA.dropout} | paper |
`;
}

/** A number with a word: "37 billion". */
function amount(value: number): string {
  for (const [unit, word] of [
    [1e12, 'trillion'],
    [1e9, 'billion'],
    [1e6, 'million'],
  ] as const)
    if (value >= unit) return `${Number((value / unit).toPrecision(3))} ${word}`;
  return String(Math.round(value));
}

const hours = (value: number): string =>
  value < 1 ? 'less than 1' : Math.round(value).toLocaleString('en');

const percent = (share: number): string => `${Math.round(share * 100)} %`;
