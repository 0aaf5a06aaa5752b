// A page with a plan that can be healed, for tests.

import { effectView } from '../effect/selectors.ts';
import type { FakeOptions } from './fakeStudio.ts';
import { scored, until } from './setUp.ts';

type Page = Awaited<ReturnType<typeof scored>>;

/** The sample, scored, with two blocks removed and their perplexity measured. */
export async function planned(options: FakeOptions = {}): Promise<Page> {
  const page = await scored({}, options);
  page.actions.setAutoMeasure(false);
  page.actions.setRemoved([7, 9]);
  await until(() => page.get().effect.shown !== null);
  return page;
}

/** Arguments of the calls of that name. */
export const called = ({ studio }: Page, name: string) =>
  studio.calls.filter((one) => one.name === name).map(({ args }) => args);

/** The perplexity of the healed plan is there. */
export const isMeasured = ({ get }: Page) => effectView(get()).healed !== null;
