// Reading a folder anew through its handles: leave that lapsed, leave that is refused, files that
// are gone.

import { expect, it } from 'vitest';
import { readAgain } from './reread.ts';

interface Setting {
  /** What the browser says before and after it is asked. */
  before?: PermissionState;
  after?: PermissionState;
  gone?: boolean;
}

/** A file with the handles of a picked folder, and how often the user was asked. */
function picked(
  { before = 'granted', after = before, gone = false }: Setting,
  name = 'model.onnx',
) {
  const asked: string[] = [];
  const handle = {
    async getFile() {
      if (gone) throw new DOMException('not there', 'NotFoundError');
      return new File(['new'], name);
    },
  };
  const directoryHandle = {
    queryPermission: async () => (asked.length ? after : before),
    async requestPermission() {
      asked.push(name);
      return after;
    },
  };
  return {
    asked,
    entry: {
      path: `onnx/${name}`,
      file: Object.assign(new File(['older'], name), { handle, directoryHandle }),
    },
  };
}

it('gives the files as they are now, which can be read again in turn', async () => {
  const { entry, asked } = picked({});
  const fresh = await readAgain({ name: 'm', files: [entry] });
  expect(fresh).toMatchObject({ name: 'm', files: [{ path: 'onnx/model.onnx' }] });
  expect([await fresh!.files[0]!.file.text(), asked]).toEqual(['new', []]);
  expect((await readAgain(fresh!))?.files).toHaveLength(1);
});

it('asks for leave that lapsed', async () => {
  const { entry, asked } = picked({ before: 'prompt', after: 'granted' });
  expect((await readAgain({ name: 'm', files: [entry] }))?.files).toHaveLength(1);
  expect(asked).toEqual(['model.onnx']);
});

it.each<[string, Setting]>([
  ['leave is refused', { before: 'prompt', after: 'denied' }],
  ['leave was withdrawn for good', { before: 'denied' }],
  ['a file is gone', { gone: true }],
])('gives nothing when %s', async (_, setting) => {
  expect(
    await readAgain({ name: 'm', files: [picked({}, 'config.json').entry, picked(setting).entry] }),
  ).toBeNull();
});

it('gives nothing for files without handles', async () => {
  expect(
    await readAgain({ name: 'm', files: [{ path: 'a', file: new File(['x'], 'a') }] }),
  ).toBeNull();
});
