// Puts a model that was just opened into the store: what stays of the one before, which plan it
// starts with, what is announced.

import { inBrowser } from '../../contract/device.ts';
import type { FolderSource, OpenResult } from '../../contract/open.ts';
import { planFromHash, workspaceFromHash } from '../address.ts';
import type { Context } from '../context.ts';
import { type Restored, readRestored } from '../export/provenance.ts';
import { EMPTY_PLAN, startHistory, withUnits } from '../plan/plan.ts';
import { planFor } from '../plan/selectors.ts';
import { afterOpening, type StudioState } from '../state.ts';
import type { OpenModel } from './state.ts';

interface Accepted {
  source: FolderSource;
  result: Extract<OpenResult, { kind: 'opened' }>;
  graphs: OpenModel['graphs'];
  isSameFolder: boolean;
  isSameModel: boolean;
}

export function makeAccept(context: Context): (accepted: Accepted) => void {
  const { api, get, patch, store, address, recogniser } = context;
  // Renamed: a name that starts with `use` reads as a React hook.
  const { useWindows: giveWindows } = api;

  /** What the folder was made from; an espalier.json that cannot be read is reported. */
  function madeFrom(provenance: string | null): { restored: Restored | null; error?: unknown } {
    try {
      return { restored: provenance ? readRestored(provenance) : null };
    } catch (error) {
      return { restored: null, error };
    }
  }

  /** The engine forgot the windows of the curve together with the files. */
  function continueWith({ score: { curve } }: StudioState, name: string): void {
    context.toast(`${name} is open again, with its plan${curve ? ' and curve' : ''}.`);
    if (!curve) return;
    const { windows, device } = curve.result;
    giveWindows(windows, inBrowser(device.kind)).catch((error: unknown) =>
      context.fail('plan', error),
    );
  }

  return ({ source, result, graphs, isSameFolder, isSameModel }) => {
    const before = get();
    const { model: summary, hasTokenizer, chat, provenance } = result;
    // The address belongs to the page that was just loaded, or to another graph of the same model;
    // never to a new model.
    const followsAddress = !before.model.current || isSameFolder;
    const wanted = followsAddress ? (planFromHash(address.read()) ?? []) : [];
    const removed = planFor(summary.blocks, wanted);
    const workspace = followsAddress ? workspaceFromHash(address.read()) : 'choose';
    const { restored, error } = madeFrom(provenance);
    const current: OpenModel = {
      source,
      summary,
      hasTokenizer,
      chat,
      graphs,
      madeFrom: restored,
    };
    store.setState((state) => ({
      ...(isSameModel
        ? afterOpening(state, 'same-model')
        : {
            ...afterOpening(state, followsAddress ? 'same-folder' : 'new-model'),
            plan: { ...startHistory(withUnits(EMPTY_PLAN, removed, true)), refusal: '' },
          }),
      model: { current, opening: null, progress: null, chooser: null, asking: null },
    }));
    // Files of the disk can change or go; by then it is too late to ask what they were.
    if (source.kind === 'files') void recogniser.identityOf(current);
    if (error) context.fail('restore', error);
    if (isSameModel) return continueWith(before, summary.name);
    patch('view', { workspace });
    context.writeAddress();
    context.announce(`${summary.name} is open: ${summary.numBlocks} blocks.`);
    if (before.score.curve && isSameFolder && before.model.current?.source !== source)
      context.toast(
        `${summary.name} has changed since it was scored: its curve was dropped. Score it again.`,
      );
  };
}
