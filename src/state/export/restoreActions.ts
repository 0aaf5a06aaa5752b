// Restoring a plan and its curve from an espalier.json, without scoring. Must refuse a file that
// was made from another model.

import type { ScoreResult, TextSource } from '../../contract/score.ts';
import { EspalierError } from '../../errors.ts';
import { difference, type Identity } from '../../model/export/identity.ts';
import { isQuantisedDtype } from '../../model/export/steps.ts';
import { blocksLeft } from '../../units.ts';
import { WIDTH_SAID } from '../../words/comparison/width.ts';
import { madeFromNow } from '../../words/dialogs/kept.ts';
import { HEALING_SAID } from '../../words/healing.ts';
import { QUANTISING_SAID } from '../../words/quantising.ts';
import { TASKS_RESTORED } from '../../words/variants.ts';
import type { Context } from '../context.ts';
import { healingOf } from '../heal/state.ts';
import { engineObstacle } from '../jobs.ts';
import { settingsKey } from '../keys.ts';
import type { OpenModel } from '../open/state.ts';
import type { PlanActions } from '../plan/actions.ts';
import type { QuantiseShelfActions } from '../quantise/shelfActions.ts';
import type { ScoreActions } from '../score/actions.ts';
import { nameOfText } from '../score/text.ts';
import { withRestored } from '../tasks/record.ts';
import type { ExportActions } from './actions.ts';
import { type Restored, readRestored } from './provenance.ts';

export interface RestoreActions {
  /**
   * Text of an espalier.json that was dropped onto the open model: restores its plan, or says what
   * the open folder was made from, where it has as many blocks as were left.
   */
  restore(text: string): Promise<void>;
}

/**
 * Why the open model is not the one the file was made from, as a sentence, or null. Block counts
 * first: hashing reads the disk.
 */
async function mismatch(
  restored: Restored,
  numBlocks: number,
  identity: () => Promise<Identity>,
): Promise<string | null> {
  if (restored.numBlocks !== numBlocks)
    return `It was made from a model of ${restored.numBlocks} blocks, this one has ${numBlocks}.`;
  return difference(restored.identity, await identity());
}

/** The text of a restored score where it can be had: the bundled one, or the ids in the file. */
function textOf({ settings, windows }: ScoreResult): TextSource | null {
  if (settings.sampler === 'given') return { kind: 'ids', name: settings.text, windows };
  return settings.text === 'bundled' ? { kind: 'bundled' } : null;
}

export function makeRestoreActions(
  context: Context,
  others: Pick<ScoreActions, 'setSettings' | 'takeCurve'> &
    Pick<PlanActions, 'setRemoved'> &
    Pick<ExportActions, 'setDtype'> &
    Pick<QuantiseShelfActions, 'restoreQuantisation'>,
): RestoreActions {
  const { api, get, patch } = context;
  const requests = context.newest();
  // Renamed: a name that starts with `use` reads as a React hook.
  const { useWindows: giveWindows } = api;

  /**
   * The curve with the settings it was measured with, so that scoring again repeats it where its
   * text is at hand.
   */
  function takeScore(result: ScoreResult): void {
    const used = result.settings;
    const notes: string[] = [];
    const text = textOf(result);
    const { samples, length, sampler, seed, bos } = used;
    // Given ids have their own counts and no sampler.
    others.setSettings({
      ...(sampler !== 'given' && { samples, length, sampler, seed, bos }),
      ...(text && { text }),
    });
    if (!text) {
      const now = nameOfText(get().score.settings.text);
      notes.push(
        `The text it was measured on (${used.text}) is not in the file: scoring again would ` +
          `use ${now}.`,
      );
    }
    others.takeCurve(result, text ? settingsKey(get().score.settings) : '', true, notes);
  }
  /** Engines that train a checkpoint do not copy the espalier.json beside it. */
  function takeOrigin(current: OpenModel, madeFrom: Restored): void {
    const busy = engineObstacle(get());
    if (busy) throw new EspalierError('bad-input', busy, 'Drop the file again when it has ended.');
    patch('model', { current: { ...current, madeFrom } });
    context.toast(madeFromNow(current.summary.name, madeFrom.sourceName));
  }

  return {
    async restore(text) {
      const { current } = get().model;
      const isNewest = requests.begin();
      context.clear('restore');
      try {
        if (!current) {
          throw new EspalierError(
            'bad-input',
            'An espalier.json restores a plan of its source model, but no model is open.',
            'Open the model it was made from, then drop the file again.',
          );
        }
        const restored = readRestored(text);
        const { summary } = current;
        const left = blocksLeft(restored.numBlocks, restored.removed);
        if (restored.numBlocks !== summary.numBlocks && left === summary.numBlocks) {
          takeOrigin(current, restored);
          return;
        }
        const why = await mismatch(restored, summary.numBlocks, api.identity);
        if (!isNewest()) return;
        if (why) {
          throw new EspalierError(
            'bad-input',
            `This espalier.json does not belong to ${summary.name}. ${why}`,
            `Open ${restored.sourceName} and drop the file again.`,
          );
        }
        if (restored.score) {
          await giveWindows(restored.score.windows, get().score.settings.device);
          if (!isNewest()) return;
          takeScore(restored.score);
        }
        const { healing } = restored;
        const isKept = healing !== null && healingOf(get().heal, healing.id) !== null;
        others.setRemoved(restored.removed, isKept ? healing.id : undefined);
        const { dtype, quantisation } = restored;
        const isWhole =
          !quantisation ||
          !isQuantisedDtype(dtype) ||
          others.restoreQuantisation(quantisation, dtype);
        await others.setDtype(dtype);
        if (restored.tasks.length > 0) patch('tasks', withRestored(get().tasks, restored.tasks));
        const what = restored.score
          ? 'Plan and curve were restored.'
          : 'The plan was restored. The file has no scores of blocks.';
        const notes = [
          healing && !isKept ? HEALING_SAID.notInFile : '',
          isWhole ? '' : QUANTISING_SAID.notInFile,
          restored.width ? WIDTH_SAID.notRestored : '',
          restored.tasks.length > 0 ? TASKS_RESTORED : '',
        ];
        context.toast([what, ...notes].filter(Boolean).join(' '));
      } catch (error) {
        context.fail('restore', error);
      }
    },
  };
}
