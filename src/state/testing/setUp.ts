// A store on both stand-ins, ready for tests of speed and generation; for tests, never in the app.

import { golden } from '../../testing/fixtures.ts';
import type { Deps } from '../context.ts';
import type { Disk } from '../disk.ts';
import { sampleSource } from '../open/sample.ts';
import { createStudioStore } from '../store.ts';
import { type FakeMeterOptions, fakeMeter } from './fakeMeter.ts';
import { createFakeStudio, type FakeOptions, type SampleNumbers } from './fakeStudio.ts';

/** A browser without any disk. */
export const noDisk: Disk = {
  pickFolder: async () => null,
  pickFiles: async () => null,
  readDrop: async () => null,
  readAgain: async () => null,
  canSaveFolder: () => false,
  pickSaveFolder: async () => null,
  canSaveFile: () => false,
  pickZipFile: async () => null,
};

export function setUp(
  meterOptions: FakeMeterOptions = {},
  studioOptions: FakeOptions = {},
  disk: Disk = noDisk,
  hash = '',
  others: Partial<Deps> = {},
) {
  const studio = createFakeStudio(golden<SampleNumbers>('sample'), studioOptions);
  const meter = fakeMeter(meterOptions);
  let address = hash;
  let clock = 0;
  const store = createStudioStore(
    {
      api: studio.api,
      meter: meter.api,
      disk,
      sample: sampleSource('http://localhost/espalier/'),
      planDelayMs: 2,
      settleMs: 20,
      now: () => {
        clock += 5000;
        return clock;
      },
      ...others,
    },
    {
      read: () => address,
      write(next) {
        address = next;
      },
    },
  );
  return {
    studio,
    meter,
    store,
    actions: store.actions,
    get: () => store.state.getState(),
    hash: () => address,
  };
}

/** The sample, open and scored. */
export async function scored(meterOptions: FakeMeterOptions = {}, studioOptions: FakeOptions = {}) {
  const all = setUp(meterOptions, studioOptions);
  await all.actions.openSample();
  await all.actions.score();
  return all;
}

export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('It did not happen.');
}

/** Time for what should not happen to happen. */
export const aWhile = (ms = 60) => new Promise((resolve) => setTimeout(resolve, ms));
