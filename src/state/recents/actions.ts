// Folders of earlier visits, where the browser keeps their handles: remembered when a model is
// opened, opened again in one click.

import { EspalierError } from '../../errors.ts';
import { RECENT_NEXT, recentGone } from '../../words/kept.ts';
import type { Context } from '../context.ts';
import type { ModelActions } from '../open/actions.ts';
import { keyOfIdentity } from '../open/sameModel.ts';
import type { OpenModel } from '../open/state.ts';

export interface RecentActions {
  /** Must start in a click: the browser may ask for permission. */
  openRecent(id: string): Promise<void>;
  forgetRecent(id: string): Promise<void>;
}

export function makeRecentActions(
  context: Context,
  others: Pick<ModelActions, 'openPicked'>,
): RecentActions {
  const { get, patch, store, recogniser, recents: shelf } = context;

  async function list(): Promise<void> {
    if (shelf) patch('recents', { folders: await shelf.list() });
  }

  async function remember({ source, summary }: OpenModel, model: string | null): Promise<void> {
    if (!shelf || source.kind !== 'files') return;
    const { name, graph } = summary;
    const openedAt = context.date();
    await shelf.add(source.files, { folder: source.name, name, graph, model, openedAt });
    await list();
  }

  const unsubscribe = store.subscribe(({ model: { current } }, before) => {
    if (!current || current === before.model.current || current.source.kind !== 'files') return;
    // By its identity an export finds the folder that it was made from.
    void recogniser
      .identityOf(current)
      .then((identity) => remember(current, identity && keyOfIdentity(identity)));
  });
  context.onDispose(unsubscribe);
  void list();

  return {
    async openRecent(id) {
      const folder = get().recents.folders.find((one) => one.id === id);
      if (!shelf || !folder) return;
      context.clear('open');
      const picked = await shelf.open(id);
      if (picked) return void (await others.openPicked(picked, folder.graph));
      context.fail(
        'open',
        new EspalierError('missing-file', recentGone(folder.folder), RECENT_NEXT),
      );
    },
    async forgetRecent(id) {
      await shelf?.forget(id);
      await list();
    },
  };
}
