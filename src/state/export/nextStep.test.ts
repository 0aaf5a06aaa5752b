// What to do with an export, by what was written; and how long the next one will take.

import { describe, expect, it } from 'vitest';
import { setUp } from '../testing/setUp.ts';
import { exportEstimate } from './estimate.ts';
import { nextStep } from './nextStep.ts';

const files = (...paths: string[]) => paths.map((path) => ({ path, bytes: 1 }));

describe('nextStep', () => {
  it('loads a transformers.js folder by name and dtype', () => {
    const step = nextStep({
      name: 'smol-26-of-30',
      files: files('config.json', 'onnx/model_q4.onnx', 'onnx/model_q4.onnx_data'),
      loading: { graph: 'onnx/model_q4.onnx' },
    });
    expect(step.loader).toBe('transformers.js');
    expect(step.code).toContain(
      'AutoModelForCausalLM.from_pretrained(\'smol-26-of-30\', { dtype: "q4" });',
    );
    expect(step.hub).toBe('hf auth login\nhf upload YOUR-NAME/smol-26-of-30 ./smol-26-of-30');
  });

  it('loads every graph of a model of several, each in its precision', () => {
    const { code } = nextStep({
      name: 'vlm',
      files: files('config.json', 'onnx/embed_tokens.onnx', 'onnx/decoder_model_merged_q4.onnx'),
      loading: {
        graph: 'onnx/decoder_model_merged_q4.onnx',
        components: [{ role: 'embedding', path: 'onnx/embed_tokens.onnx' }],
        architecture: 'SmolVLMForConditionalGeneration',
      },
    });
    expect(code).toContain(
      "SmolVLMForConditionalGeneration.from_pretrained('vlm', " +
        '{ dtype: { decoder_model_merged: "q4", embed_tokens: "fp32" } });',
    );
  });

  it('loads other folders in Python', () => {
    const genai = nextStep({
      name: 'a',
      files: files('genai_config.json', 'model.onnx'),
      loading: { graph: 'model.onnx' },
    });
    expect(genai.code).toContain('og.Model("a")');
    const other = nextStep({
      name: 'a',
      files: files('dir/net.onnx'),
      loading: { graph: 'dir/net.onnx' },
    });
    expect(other.code).toContain('ort.InferenceSession("a/dir/net.onnx")');
    const inside = ['config.json', 'cpu/fp32/genai_config.json', 'cpu/fp32/model.onnx'];
    const nested = nextStep({
      name: 'a',
      files: files(...inside),
      loading: { graph: 'cpu/fp32/model.onnx' },
    });
    expect(nested.code).toContain('og.Model("a/cpu/fp32")');
  });

  it('quotes names that a shell or the Hub would take apart', () => {
    const step = nextStep({
      name: "my model's copy",
      files: files('model.onnx'),
      loading: { graph: 'model.onnx' },
    });
    expect(step.hub).toContain("hf upload YOUR-NAME/my-model-s-copy ./'my model'\\''s copy'");
  });
});

describe('exportEstimate', () => {
  it('is a wide range at first, and follows the last export afterwards', async () => {
    const { actions, get } = setUp();
    expect(exportEstimate(get())).toEqual({ bytes: null, seconds: null });
    await actions.openSample();
    const { bytes, seconds } = exportEstimate(get());
    expect(bytes).toBe(get().model.current?.summary.bytes);
    expect(seconds![1]).toBeGreaterThan(2 * seconds![0]);
    await actions.exportModel('pruned');
    const { measured } = get().export;
    expect(measured).not.toBeNull();
    const [low, high] = exportEstimate(get()).seconds!;
    expect(high - low).toBeLessThan(Math.max(2.5, low));
    // The next model takes as long per byte.
    await actions.openSource({ kind: 'files', name: 'other', files: [] });
    expect(get().export.measured).toEqual(measured);
  });
});
