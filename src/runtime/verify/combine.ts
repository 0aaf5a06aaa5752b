// One verdict on an export of several precisions.

import type { Verification } from '../../contract/verify.ts';
import type { StepChoice } from '../../model/export/steps.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { withinTop } from '../../model/open/root.ts';
import type { ExpectedNll } from './runs.ts';

/** Worst last. */
const ORDER: readonly Verification['status'][] = ['verified', 'in-parts', 'unverified', 'failed'];

/** Why the likelihood of another precision than the scored one is not compared. */
const OTHER_PRECISION = 'it was computed for another precision';

/** What was expected of the precision that was scored. */
type Likelihood = Pick<ExpectedNll, 'nll' | 'nllObstacle' | 'noNumbers'>;

/** A precision that the export makes of the scored model besides. */
interface Further<L> {
  /** Path within the export. */
  graph: string;
  /** What makes it. */
  steps: readonly StepChoice[];
  likelihood: L;
}

/**
 * Verifies every precision of an export, one after the other: those made of the scored model by
 * their likelihood, the others without one.
 * @param opened the scored model; others: its other precisions
 * @param verify verifies the graph of that path within the export against its source; `steps`:
 *   those of a further one
 */
export async function verifyPrecisions<L extends Likelihood>(
  {
    opened,
    others,
    graph,
    likelihood,
    further = [],
  }: {
    opened: OpenedModel;
    others: readonly OpenedModel[];
    graph: string;
    likelihood: L;
    further?: readonly Further<L>[];
  },
  verify: (
    graph: string,
    source: OpenedModel,
    likelihood: L | { nll: null; nllObstacle: string },
    steps?: readonly StepChoice[],
  ) => Promise<Verification>,
): Promise<Verification> {
  const parts = [{ graph, verification: await verify(graph, opened, likelihood) }];
  for (const one of further) {
    const verification = await verify(one.graph, opened, one.likelihood, one.steps);
    parts.push({ graph: one.graph, verification });
  }
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
