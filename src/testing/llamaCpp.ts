// llama.cpp as a third party that loads GGUF files, for tests in Node: node-llama-cpp with its
// binary for the CPU, which is installed on Linux with x86-64 alone.

import type { Llama, LlamaContextSequence, LlamaModel } from 'node-llama-cpp';

/** A GGUF file as llama.cpp reads it: one thread, float32 caches, no fused attention. */
export interface LlamaCppModel {
  /** Mean NLL over all positions of the windows but the first of each. */
  nll(windows: readonly (readonly number[])[]): Promise<number>;
  /** The likeliest next tokens, one after the other. */
  greedy(prompt: readonly number[], count: number): Promise<number[]>;
  /** Ids of a text as the tokenizer in the file makes them. */
  tokenize(text: string): number[];
  dispose(): Promise<void>;
}

let opened: Promise<Llama | string> | undefined;

/** Why llama.cpp cannot run here, or null: what a test says when it is skipped. */
export async function llamaCppObstacle(): Promise<string | null> {
  const llama = await open();
  return typeof llama === 'string' ? llama : null;
}

/** Loads the file at a path; `llamaCppObstacle` must have been asked. */
export async function loadLlamaCpp(modelPath: string): Promise<LlamaCppModel> {
  const llama = await open();
  if (typeof llama === 'string') throw new Error(llama);
  const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
  const context = await model.createContext({
    contextSize: 64,
    sequences: 1,
    threads: 1,
    flashAttention: false,
    experimentalKvCacheKeyType: 'F32',
    experimentalKvCacheValueType: 'F32',
  });
  const sequence = context.getSequence();
  return {
    nll: (windows) => meanNll(sequence, windows),
    greedy: (prompt, count) => likeliest(sequence, prompt, count),
    tokenize: (text) => [...model.tokenize(text, false, 'trimLeadingSpace')],
    async dispose() {
      await context.dispose();
      await model.dispose();
    },
  };
}

/** Without building or downloading anything. */
function open(): Promise<Llama | string> {
  opened ??= import('node-llama-cpp')
    .then(({ getLlama, LlamaLogLevel }) =>
      getLlama({
        gpu: false,
        build: 'never',
        skipDownload: true,
        logLevel: LlamaLogLevel.error,
        progressLogs: false,
      }),
    )
    .catch(
      (error: Error) =>
        'llama.cpp cannot run here: node-llama-cpp has no binary for this machine ' +
        `(${error.message.split('\n')[0]})`,
    );
  return opened;
}

type Token = Parameters<LlamaModel['detokenize']>[0][number];

/** Nothing left out: the default keeps the 40 likeliest tokens. */
const ALL = { temperature: 1, topK: 0, topP: 1, minP: 0 };

async function probabilities(
  sequence: LlamaContextSequence,
  tokens: readonly number[],
): Promise<Map<number, number>[]> {
  const input = tokens.map((id): [Token, object] => [
    id as Token,
    { generateNext: { probabilities: true, options: ALL } },
  ]);
  const output = await sequence.controlledEvaluate(input);
  return output.map((one) => one?.next.probabilities ?? new Map());
}

async function meanNll(
  sequence: LlamaContextSequence,
  windows: readonly (readonly number[])[],
): Promise<number> {
  let sum = 0;
  let count = 0;
  for (const window of windows) {
    await sequence.clearHistory();
    const next = await probabilities(sequence, window);
    for (const [i, id] of window.slice(1).entries()) {
      sum -= Math.log(next[i]?.get(id) ?? 0);
      count++;
    }
  }
  return sum / count;
}

async function likeliest(
  sequence: LlamaContextSequence,
  prompt: readonly number[],
  count: number,
): Promise<number[]> {
  await sequence.clearHistory();
  const ids: number[] = [];
  let input = prompt;
  while (ids.length < count) {
    const next = (await probabilities(sequence, input)).at(-1)!;
    const [best] = [...next].sort(([, a], [, b]) => b - a)[0]!;
    ids.push(best);
    input = [best];
  }
  return ids;
}
