// Bringing back a plan and its curve from an espalier.json, without scoring. Must refuse a file that was made from another model.

import { EspalierError } from '../errors.ts';
import { difference, type Identity } from '../model/identity.ts';
import type { Context } from './context.ts';
import { type Restored, readRestored } from './provenance.ts';
import { type ScoreActions, settingsKey } from './scoreActions.ts';

export interface RestoreActions {
  /** Text of an espalier.json that was dropped onto the open model. */
  restore(text: string): Promise<void>;
}

/** Why the open model is not the one the file was made from, as a sentence, or null. Block counts first: hashing reads the disk. */
async function mismatch(restored: Restored, numBlocks: number, identity: () => Promise<Identity>): Promise<string | null> {
  if (restored.numBlocks !== numBlocks) return `It was made from a model of ${restored.numBlocks} blocks, this one has ${numBlocks}.`;
  return difference(restored.identity, await identity());
}

export function makeRestoreActions(
  context: Context,
  score: ScoreActions,
  setRemoved: (removed: readonly number[]) => void,
): RestoreActions {
  const { api, get } = context;
  // Renamed: a name that starts with `use` reads as a React hook.
  const { useWindows: giveWindows } = api;
  return {
    async restore(text) {
      const { current } = get().model;
      context.clear('restore');
      try {
        if (!current) {
          throw new EspalierError(
            'bad-input',
            'An espalier.json brings back a plan onto its source model, but no model is open.',
            'Open the model it was made from, then drop the file again.',
          );
        }
        const restored = readRestored(text);
        const { summary } = current;
        const why = await mismatch(restored, summary.numBlocks, api.identity);
        if (get().model.current !== current) return;
        if (why) {
          throw new EspalierError(
            'bad-input',
            `This espalier.json does not belong to ${summary.name}. ${why}`,
            `Open ${restored.sourceName} and drop the file again.`,
          );
        }
        if (restored.score) {
          await giveWindows(restored.score.windows, get().score.settings.device);
          if (get().model.current !== current) return;
          score.takeCurve(
            restored.score,
            settingsKey(get().score.settings),
            true,
            restored.score.rewrites.map((text) => `For scoring: ${text}.`),
          );
        }
        setRemoved(restored.removed);
        context.toast(restored.score ? 'Plan and curve are back.' : 'The plan is back. The file holds no scores.');
      } catch (error) {
        context.fail('restore', error);
      }
    },
  };
}
