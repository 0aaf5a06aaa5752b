// config.json of a checkpoint without some of its blocks: what Transformers works out from the
// position of a block is written down, since positions change.

import { declaredBlocks, prunedFields } from '../../interop/declared.ts';
import { inexpressible } from '../../interop/huggingFace.ts';
import type { ModelConfig } from '../../structure/config.ts';
import { configRemarks, prunedConfigJson, withFields } from '../configs/config.ts';

/** Lists that Transformers fills by a rule of the family where config.json has none. */
const LISTS_BY_RULE = ['layer_types', 'no_rope_layers'];

/**
 * Why no config.json can say what is left when the blocks `keep` stay, as a sentence, or null:
 * Transformers would build another model from it.
 * @param n blocks of the original
 */
export function checkpointObstacle(
  config: ModelConfig,
  n: number,
  keep: readonly number[],
): string | null {
  return keep.length === n ? null : inexpressible({ declared: declaredBlocks(config, n), n, keep });
}

/**
 * config.json when the blocks `keep` of `n` stay, and what it cannot say, as sentences.
 * @param text of config.json
 * @param config what it declares
 * @throws EspalierError `bad-input` when the text is not JSON
 */
export function checkpointConfig(
  text: string,
  config: ModelConfig,
  n: number,
  keep: readonly number[],
): { text: string; remarks: string[] } {
  const pruned = prunedConfigJson(text, n, keep, null);
  const remarks = configRemarks(text, n, keep);
  const declared = declaredBlocks(config, n);
  const fields = Object.entries(prunedFields(declared, n, keep)).filter(
    ([key]) => LISTS_BY_RULE.includes(key) && !declared.lists[key],
  );
  if (keep.length === n || fields.length === 0) return { text: pruned, remarks };
  const names = fields.map(([key]) => key).join(' and ');
  return {
    text: withFields(pruned, declared.section, Object.fromEntries(fields)),
    remarks: [
      ...remarks,
      `config.json has a list ${names} of the blocks that are left, which the original had no ` +
        'need of: versions of Transformers that do not read it build another model.',
    ],
  };
}
