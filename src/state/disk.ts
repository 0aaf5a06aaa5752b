// What the state room asks of the user's disk, as one small port; the browser's side of it is in
// files/.

import type { PickedFolder } from '../files/pickedFolder.ts';

export interface Disk {
  /** Null when the picker is closed without a choice. */
  pickFolder(): Promise<PickedFolder | null>;
  /**
   * Files of a model, or a zip of one; or those of tasks. Null when the picker is closed without a
   * choice.
   */
  pickFiles(of?: 'models' | 'tasks'): Promise<PickedFolder | null>;
  /** Must be called within the drop event: the list of items is empty afterwards. */
  readDrop(data: DataTransfer): Promise<PickedFolder | null>;
  /**
   * The files as they are on the disk now, without a picker; null when that cannot be had. Must be
   * called in a click.
   */
  readAgain(folder: PickedFolder): Promise<PickedFolder | null>;
  /** False where the browser cannot write into a folder. */
  canSaveFolder(): boolean;
  pickSaveFolder(): Promise<FileSystemDirectoryHandle | null>;
  /** False where the browser cannot stream into a file: a zip then is built in memory. */
  canSaveFile(): boolean;
  pickZipFile(suggestedName: string): Promise<FileSystemFileHandle | null>;
}
