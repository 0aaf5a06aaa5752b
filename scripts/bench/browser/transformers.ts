// transformers.js as documented: generate() on a local folder, greedy, without a streamer.

import type { Contestant } from './bare.ts';
import type { ContestantApi } from './contract.ts';
import { ortOf, runtimeFor } from './runtime.ts';

export const openTransformers = async (
  ...[, device, served]: Parameters<ContestantApi['load']>
): Promise<Contestant> => {
  const runtime = await runtimeFor(device);
  globalThis.espalierBenchOrt = runtime.ort;
  const { AutoModelForCausalLM, env, StoppingCriteria, Tensor } = await import(
    '@huggingface/transformers'
  );
  if (env.backends.onnx.wasm !== runtime.ort.env.wasm)
    throw new Error('transformers.js runs on an ONNX Runtime of its own');
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = '/models/';
  env.useBrowserCache = false;
  const model = await AutoModelForCausalLM.from_pretrained(served.name, {
    dtype: served.dtype,
    device,
    local_files_only: true,
  });

  /** Never stops: takes note of when the first and the last token were chosen. */
  class Clock extends StoppingCriteria {
    first = 0;
    last = 0;
    override _call(ids: number[][]): boolean[] {
      this.last = performance.now();
      if (this.first === 0) this.first = this.last;
      return ids.map(() => false);
    }
  }

  async function run(prompt: number[], tokens: number) {
    const inputs = new Tensor('int64', BigInt64Array.from(prompt, BigInt), [1, prompt.length]);
    const attention_mask = new Tensor('int64', new BigInt64Array(prompt.length).fill(1n), [
      1,
      prompt.length,
    ]);
    const clock = new Clock();
    const started = performance.now();
    const output = await model.generate({
      inputs,
      attention_mask,
      max_new_tokens: tokens,
      do_sample: false,
      use_cache: true,
      // No token has this id: end-of-sequence is ignored.
      eos_token_id: -1,
      stopping_criteria: clock,
    });
    if (!(output instanceof Tensor)) throw new Error('generate() gave no tensor');
    const ids = [...(output.data as BigInt64Array)].slice(prompt.length).map(Number);
    return {
      ttft: (clock.first - started) / 1000,
      seconds: (clock.last - started) / 1000,
      hostSeconds: null,
      ids,
    };
  }

  const close = async (): Promise<null> => {
    await model.dispose();
    return null;
  };
  return {
    loaded: { library: `@huggingface/transformers ${env.version}`, ort: ortOf(runtime), notes: [] },
    run,
    close,
  };
};
