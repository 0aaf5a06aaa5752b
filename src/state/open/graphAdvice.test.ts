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
