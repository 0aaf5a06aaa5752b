// Token ids that stand for images, video or sound, in models that are run without them.

import { isJsonObject } from '../../json.ts';
import { feedsNothing } from '../graphs/joined.ts';
import type { ModelConfig } from '../structure/config.ts';
import type { Structure } from '../structure/structure.ts';

/** As configs of transformers and of onnxruntime-genai name them. */
const KEY = /^(image|video|audio|speech)_token_(id|index)$/;

/**
 * The ids that a text must not have: the graph puts rows of features in their place, and there are
 * none. Empty for a model that takes no features.
 */
export function placeholderIds(
  { model }: Pick<Structure, 'model'>,
  { raw: { config, genai } }: Pick<ModelConfig, 'raw'>,
): number[] {
  if (!feedsNothing(model.graph)) return [];
  const ids = [config, genai?.model].filter(isJsonObject).flatMap((section) =>
    Object.entries(section)
      .filter(([key]) => KEY.test(key))
      .map(([, value]) => value),
  );
  return [...new Set(ids.filter((id) => typeof id === 'number'))];
}
