// What a check of an export found: whether it passed, and the numbers.

import type { VerifyCheck } from '../../contract/verify.ts';

export interface Outcome extends Pick<VerifyCheck, 'ok' | 'detail'> {
  /** Why a failure says nothing against the files, as words to put before the detail. */
  excuse?: string;
}

export const passed = (detail: string): Outcome => ({ ok: true, detail });

export const failed = (detail: string): Outcome => ({ ok: false, detail });

/** Nothing speaks against the files, but there was nothing to compare. */
export const unverified = (detail: string): Outcome => ({ ok: false, detail, excuse: '' });
