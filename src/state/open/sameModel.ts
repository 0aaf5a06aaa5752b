// Recognises a model that is opened a second time, by the identities of both.

import type { StudioApi } from '../../contract/studio.ts';
import { difference, type Identity } from '../../model/export/identity.ts';
import type { OpenModel } from './state.ts';

export interface Recogniser {
  /**
   * The identity of the model that is open now; null when it cannot be read. Asked for once per
   * model, again after a failure.
   */
  identityOf(model: OpenModel): Promise<Identity | null>;
  /** True when the model that was just opened is `before`, whose files may no longer exist. */
  isStill(before: OpenModel): Promise<boolean>;
}

/** Equal for models that are the same: for those between which there is no `difference`. */
export const keyOfIdentity = ({ graphSha256, weightsSha256 }: Identity): string =>
  `${graphSha256} ${weightsSha256}`;

export function makeRecogniser(api: StudioApi): Recogniser {
  const known = new WeakMap<OpenModel, Promise<Identity | null>>();
  return {
    identityOf(model) {
      const asked = known.get(model) ?? api.identity().catch(() => null);
      known.set(model, asked);
      void asked.then((identity) => identity ?? known.delete(model));
      return asked;
    },
    async isStill(before) {
      const old = await known.get(before);
      if (!old) return false;
      const now = await api.identity().catch(() => null);
      return now !== null && difference(old, now) === null;
    },
  };
}
