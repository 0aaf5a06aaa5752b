// One verdict on an export of several precisions.

import type { Verification } from '../../contract/verify.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { withinTop } from '../../model/open/root.ts';
import type { ExpectedNll } from './runs.ts';

/** Worst last. */
const ORDER: readonly Verification['status'][] = ['verified', 'in-parts', 'unverified', 'failed'];

/** Why the likelihood of another precision than the scored one is not compared. */
const OTHER_PRECISION = 'it was computed for another precision';

/** What was expected of the precision that was scored. */
type Likelihood = Pick<ExpectedNll, 'nll' | 'nllObstacle' | 'noNumbers'>;

/**
 * Verifies every precision of an export, one after the other: the scored one by its likelihood, the
 * others without one.
 * @param opened the scored model; others: its other precisions
 * @param verify verifies the graph of that path within the export against its source
 */
export async function verifyPrecisions<L extends Likelihood>(
  {
    opened,
    others,
    graph,
    likelihood,
  }: {
    opened: OpenedModel;
    others: readonly OpenedModel[];
    graph: string;
    likelihood: L;
  },
  verify: (
    graph: string,
    source: OpenedModel,
    likelihood: L | { nll: null; nllObstacle: string },
  ) => Promise<Verification>,
): Promise<Verification> {
  const parts = [{ graph, verification: await verify(graph, opened, likelihood) }];
  for (const other of others) {
    const path = withinTop(other.root, other.graphPath);
    const unscored = { nll: null, nllObstacle: OTHER_PRECISION };
    parts.push({ graph: path, verification: await verify(path, other, unscored) });
  }
  return combined(parts);
}

/** The worst status, and every check, named by its graph where there are several. */
function combined(parts: readonly { graph: string; verification: Verification }[]): Verification {
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
