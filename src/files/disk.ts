// The browser's implementation of the disk port of `state/`, as one object.

import { readDrop } from './drop.ts';
import {
  canSaveFile,
  canSaveFolder,
  pickFiles,
  pickFolder,
  pickSaveFolder,
  pickZipFile,
} from './pick.ts';
import { readAgain } from './reread.ts';

/** Drop, pick and save with the means of this browser. */
export const browserDisk = {
  pickFolder,
  pickFiles,
  readAgain,
  readDrop,
  canSaveFolder,
  pickSaveFolder,
  canSaveFile,
  pickZipFile,
};
