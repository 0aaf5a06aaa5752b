// Remembers the folders that were opened by their handles, in browsers that have them. Nothing of
// their content is stored.

import { del, entries, set, type UseStore } from 'idb-keyval';
import { attempt, type OpenStore, storeOf } from './browserStore.ts';
import { handleOf, readHandle } from './handles.ts';
import type { PickedFolder } from './pickedFolder.ts';
import { isAllowed, type Readable } from './reread.ts';

/** A folder that was opened, without its handle. */
export interface RecentFolder {
  id: string;
  /** Of the folder on the disk. */
  folder: string;
  /** Of the model in it. */
  name: string;
  /** Path of the graph that was open. */
  graph: string;
  /** Identity of the model, where it was known in time; null otherwise. */
  model: string | null;
  /** ms since 1970. */
  openedAt: number;
}

export interface RecentShelf {
  /** Newest first; empty where the browser has no handles. */
  list(): Promise<RecentFolder[]>;
  /** In place of an entry of the same folder. Does nothing for a folder without a handle. */
  add(files: PickedFolder['files'], about: Omit<RecentFolder, 'id'>): Promise<void>;
  /**
   * The folder as it is now. Must be called in a click: the browser may ask for permission.
   * @returns null when it was moved or removed, or may not be read.
   */
  open(id: string): Promise<PickedFolder | null>;
  forget(id: string): Promise<void>;
}

const MAX_FOLDERS = 8;

interface Entry extends RecentFolder {
  handle: FileSystemHandle & Readable;
}

const browserStore = storeOf('espalier-recents', 'folders');

export function makeRecentShelf(open: OpenStore = browserStore): RecentShelf {
  /** As last listed, so that a click reaches the question for permission without delay. */
  let known: Entry[] | null = null;

  async function read(): Promise<Entry[]> {
    const found = await attempt(open, (store) => entries<string, unknown>(store));
    known = (found ?? [])
      .map(([, value]) => value)
      .filter(isEntry)
      .sort((a, b) => b.openedAt - a.openedAt);
    return known;
  }

  /** A folder that could not be remembered is picked again. */
  async function change(work: (store: UseStore) => Promise<unknown>): Promise<void> {
    await attempt(open, work);
    known = null;
  }

  return {
    list: async () => (await read()).map(({ handle: _, ...about }) => about),
    add: (files, about) =>
      change(async (store) => {
        const handle = handleOf(files);
        if (!handle) return;
        const all = await read();
        const isSame = await Promise.all(
          all.map((entry) => entry.handle.isSameEntry(handle).catch(() => false)),
        );
        const rest = all.filter((_, i) => !isSame[i]);
        const gone = [...all.filter((_, i) => isSame[i]), ...rest.slice(MAX_FOLDERS - 1)];
        const id = `${about.openedAt} ${about.folder}`;
        await set(id, { ...about, id, handle }, store);
        for (const entry of gone) if (entry.id !== id) await del(entry.id, store);
      }),
    async open(id) {
      const entry = (known ?? (await read())).find((one) => one.id === id);
      try {
        return entry && (await isAllowed(entry.handle)) ? await readHandle(entry.handle) : null;
      } catch {
        return null;
      }
    },
    forget: (id) => change((store) => del(id, store)),
  };
}

function isEntry(value: unknown): value is Entry {
  const entry = value as Partial<Entry> | null | undefined;
  return (
    typeof entry?.id === 'string' &&
    typeof entry.folder === 'string' &&
    typeof entry.name === 'string' &&
    typeof entry.graph === 'string' &&
    Number.isFinite(entry.openedAt) &&
    typeof entry.handle === 'object'
  );
}
