// The least that decodes: run the graph, take the largest logit, feed the caches back. It knows the
// inputs of the sample only.

import type { Tensor } from 'onnxruntime-web';
import type { ContestantApi } from './contract.ts';
import { addressOf, graphFiles } from './files.ts';
import { ortOf, runtimeFor } from './runtime.ts';

export type Contestant = Pick<ContestantApi, 'run' | 'close'> & {
  loaded: Awaited<ReturnType<ContestantApi['load']>>;
};

export const openBare = async (
  ...[, device, served]: Parameters<ContestantApi['load']>
): Promise<Contestant> => {
  const runtime = await runtimeFor(device);
  const { ort } = runtime;
  const config = (await (await fetch(addressOf(served, 'config.json'))).json()) as {
    num_hidden_layers: number;
    num_key_value_heads: number;
    head_dim: number;
  };
  const states = Array.from({ length: config.num_hidden_layers }, (_, i) => [
    `${i}.key`,
    `${i}.value`,
  ]).flat();
  const onDevice = Object.fromEntries(
    states.map((name) => [`present.${name}`, 'gpu-buffer' as const]),
  );
  const { graph, data } = await graphFiles(served);
  const session = await ort.InferenceSession.create(graph, {
    executionProviders: [device],
    externalData: data,
    logSeverityLevel: 3,
    ...(device === 'webgpu' ? { preferredOutputLocation: onDevice } : {}),
  });

  async function run(prompt: number[], tokens: number) {
    const ids: number[] = [];
    const feeds: Record<string, Tensor> = {};
    for (const name of states) {
      const dims = [1, config.num_key_value_heads, 0, config.head_dim];
      feeds[`past_key_values.${name}`] = new ort.Tensor('float32', new Float32Array(0), dims);
    }
    const ones = new BigInt64Array(prompt.length + tokens).fill(1n);
    let input = BigInt64Array.from(prompt, BigInt);
    let ttft = 0;
    const started = performance.now();
    for (let total = prompt.length; ids.length < tokens; total++) {
      feeds.input_ids = new ort.Tensor('int64', input, [1, input.length]);
      feeds.attention_mask = new ort.Tensor('int64', ones.subarray(0, total), [1, total]);
      const outputs = await session.run(feeds);
      for (const name of states) {
        feeds[`past_key_values.${name}`]?.dispose();
        feeds[`past_key_values.${name}`] = outputs[`present.${name}`] as Tensor;
      }
      const logits = outputs.logits as Tensor;
      const values = logits.data as Float32Array;
      const vocab = logits.dims.at(-1) as number;
      let best = values.length - vocab;
      for (let i = best + 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
      const id = best % vocab;
      ids.push(id);
      input = new BigInt64Array([BigInt(id)]);
      if (ids.length === 1) ttft = (performance.now() - started) / 1000;
    }
    const seconds = (performance.now() - started) / 1000;
    for (const name of states) feeds[`past_key_values.${name}`]?.dispose();
    return { ttft, seconds, hostSeconds: null, ids };
  }

  const close = async (): Promise<null> => {
    await session.release();
    return null;
  };
  return { loaded: { library: 'none', ort: ortOf(runtime), notes: [] }, run, close };
};
