// What the page knows of folders that were opened on earlier visits.

import type { RecentFolder } from '../../files/recentFolders.ts';
import { kept } from '../slice.ts';

export interface RecentsSlice {
  /** Newest first; empty where the browser remembers none. */
  folders: readonly RecentFolder[];
}

export const RECENTS = kept<RecentsSlice>({ folders: [] });
