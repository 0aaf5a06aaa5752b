// Mixed precision: which matrices get more bits, by the loss that each further byte saves.

/** One way to store a matrix. */
interface PrecisionOption<Form> {
  form: Form;
  bytes: number;
  /** What the model loses with this matrix alone in this form, in nats; 0 = nothing. */
  loss: number;
}

export interface PrecisionItem<Form> {
  name: string;
  /** The first is what it has until it is given more bits. */
  options: readonly PrecisionOption<Form>[];
}

/**
 * `bytes`: at most so many more than the first options take. `loss`: until the sum of the losses
 * that are left is at most `nats`.
 */
export type PrecisionGoal = { kind: 'bytes'; bytes: number } | { kind: 'loss'; nats: number };

/** A matrix is given more bits. */
export interface Upgrade<Form> {
  name: string;
  form: Form;
  /** Bytes more than the form before, and the loss that they save. */
  bytes: number;
  saved: number;
}

export interface PrecisionChoice<Form> {
  forms: Map<string, Form>;
  /** In the order in which they were chosen. */
  upgrades: Upgrade<Form>[];
  /** Bytes more than the first options take. */
  bytes: number;
  /** Sum of the losses that are left: a prediction, for losses of several matrices may not add. */
  predicted: number;
}

/**
 * Every upgrade that saves anything, most saved for each byte first; an item's own come in their
 * order. Options that another beats in bytes and loss, or that lie above the line between two
 * others, are passed over, so that what a byte saves falls from each to the next. Equal ones stay
 * in the order of the items.
 */
export function upgradesOf<Form>(items: readonly PrecisionItem<Form>[]): Upgrade<Form>[] {
  const all = items.flatMap(({ name, options }) => {
    const hull = lowerHull(options);
    return hull.slice(1).map(({ form, bytes, loss }, k) => {
      const before = hull[k]!;
      return { name, form, bytes: bytes - before.bytes, saved: before.loss - loss };
    });
  });
  const worth = ({ saved, bytes }: Upgrade<Form>): number => saved / bytes;
  return all
    .map((upgrade, at) => ({ upgrade, at }))
    .sort((a, b) => worth(b.upgrade) - worth(a.upgrade) || a.at - b.at)
    .map(({ upgrade }) => upgrade);
}

/**
 * Gives bits to the items whose bytes save most. With bytes to spend, an upgrade that no longer
 * fits is passed over, together with those of the same item that follow it: the loss is then at
 * most that of the best choice plus the largest saving of a single upgrade, and more bytes never
 * make it larger.
 */
export function choosePrecisions<Form>(
  items: readonly PrecisionItem<Form>[],
  goal: PrecisionGoal,
): PrecisionChoice<Form> {
  const forms = new Map<string, Form>();
  const left = new Map<string, number>();
  for (const { name, options } of items) {
    const [first] = options;
    if (!first) continue;
    forms.set(name, first.form);
    left.set(name, first.loss);
  }
  const upgrades: Upgrade<Form>[] = [];
  const full = new Set<string>();
  let bytes = 0;
  const predicted = (): number => [...left.values()].reduce((sum, loss) => sum + loss, 0);
  for (const upgrade of upgradesOf(items)) {
    if (goal.kind === 'loss' && predicted() <= goal.nats) break;
    if (full.has(upgrade.name)) continue;
    if (goal.kind === 'bytes' && bytes + upgrade.bytes > goal.bytes) {
      full.add(upgrade.name);
      continue;
    }
    upgrades.push(upgrade);
    bytes += upgrade.bytes;
    forms.set(upgrade.name, upgrade.form);
    left.set(upgrade.name, lossIn(items, upgrade));
  }
  return { forms, upgrades, bytes, predicted: predicted() };
}

function lossIn<Form>(
  items: readonly PrecisionItem<Form>[],
  { name, form }: Pick<Upgrade<Form>, 'name' | 'form'>,
): number {
  const item = items.find((one) => one.name === name);
  return item?.options.find((option) => option.form === form)?.loss ?? 0;
}

/** The first option and the lower convex hull of the larger ones, by bytes. */
function lowerHull<Form>(options: readonly PrecisionOption<Form>[]): PrecisionOption<Form>[] {
  const [first, ...others] = options;
  if (!first) return [];
  const rest = others.filter(({ bytes }) => bytes > first.bytes).sort((a, b) => a.bytes - b.bytes);
  const hull = [first];
  for (const option of rest) {
    if (option.loss >= hull.at(-1)!.loss) continue;
    while (hull.length > 1 && slope(hull.at(-2)!, option) <= slope(hull.at(-2)!, hull.at(-1)!))
      hull.pop();
    hull.push(option);
  }
  return hull;
}

const slope = <Form>(a: PrecisionOption<Form>, b: PrecisionOption<Form>): number =>
  (b.loss - a.loss) / (b.bytes - a.bytes);
