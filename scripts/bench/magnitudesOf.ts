// A process that computes the magnitudes of one folder and reports memory and speed.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { measureMagnitudes } from '../../src/model/criteria/magnitude.ts';
import { openModel } from '../../src/model/open/open.ts';
import { nodeFolder } from '../../src/node/folder.ts';
import { type Timed, timed } from './clocks.ts';
import { overlap, record } from './counting.ts';
import { canForget, forgetFile } from './forget.ts';
import { peakResidentBytes, serveMeasurement } from './fresh.ts';

export interface MagnitudesAsked {
  path: string;
  /** Timed turns, from memory and from the disk. */
  turns: number;
}

/** Times of each turn. */
export interface Race {
  magnitudes: Timed[];
  /** The same files from their beginning to their end into one buffer. */
  read: Timed[];
}

export interface MagnitudesFound {
  bytesRead: number;
  /** Of them, bytes that were read before. */
  twice: number;
  /** Most bytes resident in the process when the magnitudes were known. */
  peakBytes: number;
  /** Bytes of the files. */
  readBytes: number;
  /** Files that the system keeps in memory. */
  fromMemory: Race;
  /** Files that it has forgotten; null where it cannot be made to. */
  fromDisk: Race | null;
}

const READ_BYTES = 8 * 2 ** 20;

async function measure({ path, turns }: MagnitudesAsked): Promise<MagnitudesFound> {
  const folder = await nodeFolder(path);
  const recorded = record(folder);
  const opened = await openModel(recorded.folder);
  recorded.reads.length = 0;
  const { bytesRead } = await measureMagnitudes(opened);
  const twice =
    recorded.reads.reduce((sum, { length }) => sum + length, 0) -
    overlap(recorded.reads, recorded.reads);
  const peakBytes = peakResidentBytes();
  const files = folder.files.filter((file) =>
    recorded.reads.some((read) => read.file === file.path),
  );
  const read = async (): Promise<void> => {
    const buffer = new Uint8Array(READ_BYTES);
    for (const file of files) {
      const handle = await open(join(path, file.path));
      for (let at = 0; at < file.size; )
        at += (await handle.read(buffer, 0, READ_BYTES, at)).bytesRead;
      await handle.close();
    }
  };
  const race = async (before: () => void): Promise<Race> => {
    const found: Race = { magnitudes: [], read: [] };
    const ways = [
      ['magnitudes', () => measureMagnitudes(opened)] as const,
      ['read', read] as const,
    ];
    for (let turn = 0; turn < turns; turn++)
      for (const [name, work] of turn % 2 === 0 ? ways : ways.toReversed()) {
        before();
        found[name].push(await timed(work));
      }
    return found;
  };
  const forget = (): void => files.forEach((file) => void forgetFile(join(path, file.path)));
  return {
    bytesRead,
    twice,
    peakBytes,
    readBytes: files.reduce((sum, { size }) => sum + size, 0),
    fromMemory: await race(() => {}),
    fromDisk: canForget(join(path, files[0]!.path)) ? await race(forget) : null,
  };
}

void serveMeasurement(measure);
