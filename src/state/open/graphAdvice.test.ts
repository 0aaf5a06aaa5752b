// The recommendation among several graphs.

import { describe, expect, it } from 'vitest';
import { adviseGraphs } from './graphAdvice.ts';

const of = (...paths: string[]) =>
  adviseGraphs(paths.map((path) => ({ path, model: '', dtype: '', bytes: 1 })));

const recommended = (...paths: string[]) =>
  of(...paths).flatMap(({ path, recommended }) => (recommended ? [path] : []));

describe('adviseGraphs', () => {
  it('recommends one: quick to score, and runs everywhere', () => {
    expect(recommended('onnx/model.onnx', 'onnx/model_q4.onnx', 'onnx/model_q4f16.onnx')).toEqual([
      'onnx/model_q4.onnx',
    ]);
    expect(recommended('model.onnx', 'model_fp16.onnx', 'model_quantized.onnx')).toEqual([
      'model_quantized.onnx',
    ]);
    expect(recommended('model.onnx', 'model_fp16.onnx')).toEqual(['model.onnx']);
  });

  it('recommends a graph before tensor files, and of these a type that runs as it is', () => {
    const files = (...types: string[]) =>
      adviseGraphs(
        types.map((dtype) => {
          const file = { path: dtype, model: '', bytes: 1, format: 'gguf' as const };
          return { ...file, dtype };
        }),
      );
    const best = (all: ReturnType<typeof files>) => all.find(({ recommended }) => recommended);
    expect(best(files('q4_k_m', 'q8_0', 'f16'))?.dtype).toBe('q8_0');
    expect(best(files('q2_k', 'q4_0'))?.dtype).toBe('q4_0');
    expect(files('q4_0')[0]?.use).toMatch(/llama\.cpp/);
    const graph = { path: 'onnx/model_fp16.onnx', model: '', dtype: 'fp16', bytes: 1 };
    expect(best(adviseGraphs([...files('q8_0'), graph]))).toMatchObject(graph);
  });

  it('says which dtype loads each, and what is no decoder', () => {
    const [decoder, embeddings] = of(
      'onnx/decoder_model_merged_q4.onnx',
      'onnx/embed_tokens_q4.onnx',
    );
    expect(decoder).toMatchObject({ recommended: true, use: expect.stringMatching(/dtype q4/) });
    expect(embeddings).toMatchObject({ recommended: false, use: expect.stringMatching(/decoder/) });
    expect(recommended('vision_encoder.onnx', 'embed_tokens.onnx')).toEqual([]);
  });
});
