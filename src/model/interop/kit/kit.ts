// A kit for continued pretraining of a pruned checkpoint by an existing distributed engine:
// settings, scripts and a README, as text files in a folder beside the checkpoint.

import { EspalierError } from '../../../errors.ts';
import { sublayerUnits, type Unit } from '../../../units.ts';
import type { ModelSummary } from '../../open/summary.ts';
import type { ModelConfig } from '../../structure/config.ts';
import { declaredBlocks } from '../declared.ts';
import { inexpressible } from '../huggingFace.ts';
import { keptBlocks } from '../remarks.ts';
import { axolotlFull, axolotlLora } from './axolotl.ts';
import { checkScript, type KitWindows, WINDOWS_FILE, windowsFile } from './check.ts';
import { budgetOf } from './cost.ts';
import { megatronObstacle } from './families.ts';
import { megatronScript } from './megatron.ts';
import { kitReadme } from './readme.ts';

/** Folder of the kit within an export; the scripts look for the checkpoint in the folder above. */
const KIT_FOLDER = 'continued-pretraining';

/** What the kit is made from: the original, and what leaves it. */
export interface KitSource {
  config: ModelConfig;
  summary: Pick<ModelSummary, 'name' | 'numBlocks' | 'params' | 'blocks'>;
  removed: readonly Unit[];
}

export interface KitOptions {
  /** Version of this application. */
  app: string;
  /** What the check script compares; without them there is none. */
  windows: KitWindows | null;
}

/** A text file; its path begins with `KIT_FOLDER`. */
export interface KitFile {
  path: string;
  text: string;
}

/**
 * Why there is no kit for a plan, as a sentence, or null. The checkpoint itself has to be exported
 * as safetensors: that is the caller's to see to.
 */
export function kitObstacle({ config, summary, removed }: KitSource): string | null {
  const [part] = sublayerUnits(removed);
  if (part !== undefined)
    return (
      `The plan removes ${part}, a sublayer, and Hugging Face Transformers has no blocks without ` +
      'one: nothing there could train it.'
    );
  const n = summary.numBlocks;
  const keep = keptBlocks(removed, n);
  return keep.length === n ? null : inexpressible({ declared: declaredBlocks(config, n), n, keep });
}

/**
 * The files of the kit.
 * @throws EspalierError `bad-input` as `kitObstacle`
 */
export function handOverKit(source: KitSource, { app, windows }: KitOptions): KitFile[] {
  const obstacle = kitObstacle(source);
  if (obstacle !== null)
    throw new EspalierError('bad-input', obstacle, 'Export the model without the kit.');
  const { config, summary, removed } = source;
  const n = summary.numBlocks;
  const keep = keptBlocks(removed, n);
  const declared = declaredBlocks(config, n);
  const kept = new Set(keep);
  const gone = summary.blocks.filter(({ index }) => !kept.has(index));
  const removedParams = gone.reduce((sum, { params }) => sum + params, 0);
  const params = summary.params - removedParams;
  const budget = budgetOf(params, removedParams / summary.params, config.contextLength);
  const raw = config.raw.config ?? {};
  const model = { type: textType(config, declared.section), family: declared.family };
  const withheld = megatronObstacle(
    { ...declared, kinds: declared.kinds && keep.map((i) => declared.kinds![i]!) },
    raw,
  );
  const files: KitFile[] = [
    { path: 'axolotl-full.yaml', text: axolotlFull(model, budget) },
    { path: 'axolotl-lora.yaml', text: axolotlLora(model) },
    ...(withheld === null
      ? [
          {
            path: 'megatron_bridge.py',
            text: megatronScript(params, config.kvHeads, budget),
          },
        ]
      : []),
    ...(windows
      ? [
          { path: 'check.py', text: checkScript(declared.section !== null) },
          { path: WINDOWS_FILE, text: windowsFile(windows) },
        ]
      : []),
  ];
  const readme = kitReadme({
    app,
    name: summary.name,
    removed,
    numBlocks: n,
    left: keep.length,
    params,
    budget,
    megatron: withheld,
    checks: windows !== null,
  });
  return [{ path: 'README.md', text: readme }, ...files].map(({ path, text }) => ({
    path: `${KIT_FOLDER}/${path}`,
    text,
  }));
}

/** `model_type` of the text model as config.json has it. */
function textType({ raw, family }: ModelConfig, section: string | null): string {
  const part = section === null ? null : (raw.config?.[section] as { model_type?: unknown });
  return typeof part?.model_type === 'string' ? part.model_type : family;
}
