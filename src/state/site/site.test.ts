// When a new version is offered, and what counts as a page that nobody has touched.

import { expect, test } from 'vitest';
import { noDisk, setUp } from '../testing/setUp.ts';
import { isUntouched, offersUpdate } from './selectors.ts';

test('a new version is offered while nothing runs, and the page reloads on request', async () => {
  let reloads = 0;
  const reloadPage = () => {
    reloads += 1;
  };
  const { actions, get } = setUp({}, {}, noDisk, '', { reloadPage });
  expect(offersUpdate(get())).toBe(false);
  actions.updateIsReady();
  expect(offersUpdate(get())).toBe(true);
  const opening = actions.openSample();
  expect(offersUpdate(get())).toBe(false);
  await opening;
  const scoring = actions.score();
  expect(offersUpdate(get())).toBe(false);
  await scoring;
  expect(offersUpdate(get())).toBe(true);
  expect(reloads).toBe(0);
  actions.reloadPage();
  expect(reloads).toBe(1);
});

test('a page is untouched until something is opened, shown or went wrong', async () => {
  const { actions, get } = setUp();
  expect(isUntouched(get())).toBe(true);
  actions.openDialog('help');
  expect(isUntouched(get())).toBe(false);
  actions.openDialog(null);
  expect(isUntouched(get())).toBe(true);
  const opening = actions.openSample();
  expect(isUntouched(get())).toBe(false);
  await opening;
  expect(isUntouched(get())).toBe(false);
});
