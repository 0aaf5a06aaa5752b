// The format of an export: that of the tensor files unless ONNX is asked for, or needed.

import { describe, expect, it } from 'vitest';
import type { ExportRequest } from '../../contract/export.ts';
import { planSize } from '../../model/open/size.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { noDisk, setUp, until } from '../testing/setUp.ts';
import { kitWindows } from './kit.ts';
import { suggestName } from './name.ts';
import {
  alsoWritten,
  dtypeObstacle,
  exportFormat,
  exportSize,
  isConverted,
  precisionObstacle,
  sourceFormatObstacle,
} from './selectors.ts';

/** The sample as a checkpoint in bfloat16, or as another source. */
async function opened(
  source: Partial<ModelSummary> = { layout: 'safetensors', dtype: 'bf16', graphDtype: 'fp32' },
) {
  const page = setUp(
    {},
    {
      adjust: (summary) => ({ ...summary, ...source }),
    },
    noDisk,
  );
  await page.actions.openSample();
  page.actions.setRemoved([7]);
  const request = async () => {
    await page.actions.exportModel('mine');
    return page.studio.calls.findLast(({ name }) => name === 'export')?.args[0] as ExportRequest;
  };
  const name = () => {
    const { model, export: chosen, plan } = page.get();
    const { summary } = model.current!;
    return suggestName(summary, plan.present.removed, chosen.dtype, false, isConverted(page.get()));
  };
  return { ...page, request, name };
}

describe('the format of an export', () => {
  it('is that of the source where nothing else is chosen', async () => {
    const { get, request, name } = await opened();
    expect(exportFormat(get())).toBe('safetensors');
    expect(exportSize(get())).toEqual(planSize(get().model.current!.summary, [7]));
    expect(name()).toBe('sample-15-of-16');
    expect(await request()).toMatchObject({ format: 'safetensors', steps: [] });
  });

  it('is ONNX by choice, with the size of the graph that is made', async () => {
    const { get, actions, request, name, studio } = await opened();
    await actions.setFormat('onnx');
    expect(exportFormat(get())).toBe('onnx');
    expect(studio.calls.findLast((call) => call.name === 'writtenSizes')?.args).toEqual([[]]);
    await until(() => exportSize(get()) !== null);
    expect(name()).toBe('sample-15-of-16-onnx');
    expect(await request()).toMatchObject({ format: 'onnx', steps: [] });
  });

  it('is ONNX in another precision, which the made graph can have', async () => {
    const { get, actions, request, name } = await opened();
    // The stored bfloat16 could not.
    expect([dtypeObstacle(get(), 'fp16'), dtypeObstacle(get(), 'q4')]).toEqual([null, null]);
    await actions.setDtype('fp16');
    expect(name()).toBe('sample-15-of-16-onnx-fp16');
    expect(await request()).toMatchObject({ format: 'onnx', steps: [{ step: 'float16' }] });
    await actions.setFormat('source');
    expect([exportFormat(get()), get().export.dtype]).toEqual(['safetensors', null]);
  });

  it('stays ONNX where a precision turns out not to be had', async () => {
    const { get, actions, studio } = await opened();
    await actions.setFormat('onnx');
    const { writtenSizes } = studio.api;
    studio.api.writtenSizes = async (steps) =>
      steps.length > 0 ? Promise.reject(new Error('Nothing is left.')) : writtenSizes(steps);
    await actions.setDtype('q4');
    expect(get().errors.export?.message).toBe('Nothing is left.');
    expect([exportFormat(get()), get().export.dtype]).toEqual(['onnx', null]);
  });

  it('is ONNX for sublayers, which the source format cannot say', async () => {
    const { get, actions, request } = await opened();
    actions.setRemoved(['7.attn']);
    expect(sourceFormatObstacle(get())).toMatch(/7\.attn/);
    expect(await request()).toMatchObject({ format: 'onnx' });
    actions.setRemoved([7]);
    expect([sourceFormatObstacle(get()), exportFormat(get())]).toEqual([null, 'safetensors']);
  });

  it('has the kit beside a checkpoint alone, with the losses that were measured', async () => {
    const { get, actions, request } = await opened();
    actions.setKit(true);
    expect((await request()).kit).toEqual({ windows: null });
    await actions.score();
    await until(() => kitWindows(get()) !== null);
    const { windows } = (await request()).kit!;
    const { curve } = get().score;
    expect(windows?.ids).toEqual(curve!.result.windows);
    expect(windows?.original).toEqual(curve!.result.baseline.nllPerWindow);
    expect(windows?.nll).toHaveLength(windows!.ids.length);
    expect(windows?.nll).not.toEqual(windows?.original);
    await actions.setFormat('onnx');
    expect(await request()).not.toHaveProperty('kit');
  });

  it('is made from floats where few bits are too few, in a folder of its own', async () => {
    const { get, actions, request } = await opened({
      layout: 'gguf',
      dtype: 'q8_0',
      graphDtype: 'q8',
    });
    const dtypes = ['fp16', 'q4', 'q4f16'] as const;
    expect(dtypes.map((dtype) => dtypeObstacle(get(), dtype))).toEqual([null, null, null]);
    await actions.setDtype('fp16');
    await actions.setAlso('q4', true);
    await actions.setAlso(null, true);
    expect(alsoWritten(get())).toEqual(['q4']);
    expect((await request()).also).toHaveLength(1);
    // What was healed are the 8 bits.
    const { model, plan } = get();
    const healed = { model, plan: { ...plan, present: { ...plan.present, healing: 'healed' } } };
    expect(precisionObstacle(healed, 'fp16')).toContain('healing');
    expect(precisionObstacle(healed, 'q8')).toBeNull();
  });

  it('is none of the questions for a model that is ONNX already', async () => {
    const { get, request, name } = await opened({});
    expect([isConverted(get()), name()]).toEqual([false, 'sample-15-of-16']);
    expect(await request()).not.toHaveProperty('format');
  });
});
