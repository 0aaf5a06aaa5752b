// The browser's side of the disk port of the state room, in one object; holds nothing of its own.

import { readDrop } from './drop.ts';
import { canSaveFile, canSaveFolder, pickFolder, pickSaveFolder, pickZipFile } from './pick.ts';
import { readAgain } from './reread.ts';

/** Drop, pick and save as this browser can. */
export const browserDisk = {
  pickFolder,
  readAgain,
  readDrop,
  canSaveFolder,
  pickSaveFolder,
  canSaveFile,
  pickZipFile,
};
