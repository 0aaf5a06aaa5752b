// One verdict on an export of several precisions.

import type { Verification } from '../../contract/verify.ts';

/** Worst last. */
const ORDER: readonly Verification['status'][] = ['verified', 'in-parts', 'unverified', 'failed'];

/** Why the likelihood of another precision than the scored one is not compared. */
export const OTHER_PRECISION = 'it was computed for another precision';

/** The worst status, and every check, named by its graph where there are several. */
export function combineVerifications(
  parts: readonly { graph: string; verification: Verification }[],
): Verification {
  const [first] = parts as [(typeof parts)[number]];
  if (parts.length === 1) return first.verification;
  const rank = ({ status }: Verification): number => ORDER.indexOf(status);
  return {
    status: ORDER[Math.max(...parts.map(({ verification }) => rank(verification)))]!,
    checks: parts.flatMap(({ graph, verification }) =>
      verification.checks.map((check) => ({ ...check, name: `${check.name} (${graph})` })),
    ),
    device: first.verification.device,
    seconds: parts.reduce((sum, { verification }) => sum + verification.seconds, 0),
  };
}
