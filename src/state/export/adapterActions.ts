// The adapter for PEFT of a plan healed by LoRA: whether there is one, and saving it.

import { ADAPTER } from '../../words/dialogs/exporting.ts';
import type { Context } from '../context.ts';
import { activeHealing } from '../heal/selectors.ts';
import { sourceOf } from '../interop/selectors.ts';
import { offersAdapter } from './selectors.ts';
import type { AdapterSlice } from './state.ts';
import { pickTarget } from './target.ts';

export interface AdapterActions {
  /** Asks where to and writes it. Must start in a click: browsers open pickers only then. */
  saveAdapter(name: string): Promise<void>;
}

export function makeAdapterActions(context: Context): AdapterActions {
  const { api, get, patch, store } = context;
  const requests = context.newest();
  const patchAdapter = (fields: Partial<AdapterSlice>): void =>
    patch('export', { adapter: { ...get().export.adapter, ...fields } });

  /** Where the dialog offers one, whether it can be had: its matrices are read to know. */
  async function askObstacle(healing: string): Promise<void> {
    const isNewest = requests.begin();
    try {
      const why = await api.adapterObstacle(healing);
      if (isNewest()) patchAdapter({ obstacle: { healing, why } });
    } catch (error) {
      if (isNewest()) context.fail('export', error);
    }
  }

  const asked = (state: ReturnType<typeof get>): string | null =>
    state.view.dialog === 'export' && offersAdapter(state)
      ? (activeHealing(state)?.id ?? null)
      : null;
  const unsubscribe = store.subscribe((state, before) => {
    const healing = asked(state);
    if (healing === null || healing === asked(before)) return;
    if (state.export.adapter.obstacle?.healing !== healing) void askObstacle(healing);
  });
  context.onDispose(unsubscribe);

  return {
    async saveAdapter(name) {
      const healing = activeHealing(get());
      const { current } = get().model;
      if (!healing || !current || get().export.adapter.saving) return;
      context.clear('export');
      const original = sourceOf(get());
      const target = await pickTarget(context, name);
      if (!target) return;
      const isCurrent = () => get().model.current === current;
      patchAdapter({ saving: true, result: null });
      try {
        const result = await api.saveAdapter({ healing: healing.id, name, target, original });
        if (!isCurrent()) return;
        patchAdapter({ result: { ...result, healing: healing.id } });
        context.announce(ADAPTER.saved(result.name));
      } catch (error) {
        if (isCurrent()) context.fail('export', error);
      } finally {
        if (isCurrent()) patchAdapter({ saving: false });
      }
    },
  };
}
