// What a check of an export found: whether it passed, and the numbers.

import type { VerifyCheck } from '../../contract/verify.ts';

/** `unverified`: nothing speaks against the files, but there was nothing to compare. */
export type Outcome = Pick<VerifyCheck, 'ok' | 'detail'> & { unverified?: true };

export const passed = (detail: string): Outcome => ({ ok: true, detail });

export const failed = (detail: string): Outcome => ({ ok: false, detail });

export const unverified = (detail: string): Outcome => ({ ok: false, detail, unverified: true });
