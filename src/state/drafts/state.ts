// What is typed or pasted as a text, for scoring and for evaluation. Nothing typed is thrown away:
// it stays through errors, other choices, other workspaces and other models.

import type { TokenCount } from '../../contract/tokens.ts';
import type { Slice } from '../slice.ts';

export const TEXT_FIELDS = [
  'scoring',
  'evaluation',
  'healing',
  'foreign',
  'quantising',
  'quantisingHeldOut',
] as const;

/**
 * What a text is typed for; `foreign` and `quantisingHeldOut` are the other texts that a healing
 * and a quantisation are measured on.
 */
export type TextField = (typeof TEXT_FIELDS)[number];

export interface Draft {
  text: string;
  /** Its field is open: the choice "pasted text". */
  open: boolean;
  /** Of the text as it is; null while unknown. */
  count: TokenCount | null;
  /** The text that was last taken into use from this field; null after another choice. */
  used: string | null;
}

export type DraftsSlice = Readonly<Record<TextField, Draft>>;

const EMPTY: Draft = { text: '', open: false, count: null, used: null };

/** Another model counts other tokens. */
const uncounted = (draft: Draft): Draft => ({ ...draft, count: null });

const each = (make: (field: TextField) => Draft): DraftsSlice =>
  Object.fromEntries(TEXT_FIELDS.map((field) => [field, make(field)])) as DraftsSlice;

export const DRAFTS: Slice<DraftsSlice> = {
  first: each(() => EMPTY),
  keep: (drafts) => each((field) => uncounted(drafts[field])),
};
