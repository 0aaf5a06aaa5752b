// What a check of an export found: whether it passed, and the numbers.

import type { VerifyCheck } from '../../contract/verify.ts';

export type Outcome = Pick<VerifyCheck, 'ok' | 'detail'>;

export const passed = (detail: string): Outcome => ({ ok: true, detail });

export const failed = (detail: string): Outcome => ({ ok: false, detail });
