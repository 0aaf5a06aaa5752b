// Snippets for other tools carry what the tool would make of the plan that the export is not.

import { expect, it } from 'vitest';
import type { JsonObject } from '../../json.ts';
import { declaredBlocks } from '../../model/interop/declared.ts';
import { interpretConfig } from '../../model/structure/config.ts';
import type { StudioState } from '../state.ts';
import { setUp } from '../testing/setUp.ts';
import { planSnippets, type Snippet } from './selectors.ts';

/** The snippets of a plan on the sample's summary, with the config of another family. */
async function snippets(config: JsonObject, removed: number[]): Promise<Record<string, Snippet>> {
  const { get, actions } = setUp();
  await actions.openSample();
  const state = get();
  const { current } = state.model;
  if (!current) throw new Error('no model');
  const { numBlocks } = current.summary;
  const parsed = interpretConfig(config, null);
  const declared = declaredBlocks(parsed, numBlocks);
  const summary = { ...current.summary, family: parsed.family, declared };
  const changed: StudioState = {
    ...state,
    model: { ...state.model, current: { ...current, summary } },
    plan: { ...state.plan, present: { ...state.plan.present, removed } },
  };
  return Object.fromEntries(planSnippets(changed).map((snippet) => [snippet.id, snippet]));
}

it('says nothing where every tool gives the model of the export', async () => {
  for (const { text, warnings, repair } of Object.values(
    await snippets({ model_type: 'llama' }, [3]),
  )) {
    expect(text).not.toBeNull();
    expect(warnings).toEqual([]);
    expect(repair).toBeNull();
  }
});

it('puts a warning and its repair beside the command, or the reason in its place', async () => {
  const gemma = await snippets({ model_type: 'gemma3_text' }, [3]);
  expect(gemma['llama-cpp']?.text).toContain('--prune-layers 3 ');
  expect(gemma['llama-cpp']?.warnings.join()).toContain('another model until');
  expect(gemma['llama-cpp']?.repair?.file).toBe('repair_gguf.py');
  expect(gemma.mergekit?.repair?.file).toBe('repair_config.py');
  expect(gemma.transformers).toMatchObject({ warnings: [], repair: null });
  const smol = await snippets({ model_type: 'smollm3' }, [1]);
  expect(smol['llama-cpp']).toMatchObject({ text: null, warnings: [], repair: null });
  expect(smol['llama-cpp']?.why).toContain('without rotary positions');
  expect(smol.espalier?.text).toContain('--remove 1');
});

it('takes a decoder that is part of a larger model by its module', async () => {
  const config = { model_type: 'gemma3', text_config: { model_type: 'gemma3_text' } };
  const { mergekit, transformers } = await snippets(config, [3]);
  expect(mergekit?.text).toContain('text_decoder:');
  expect(transformers?.text).toContain('AutoModelForImageTextToText');
});
