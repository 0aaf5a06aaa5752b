// Checks written tensor files against those of the source: the names of all tensors, their types
// and shapes, and every byte. Names are worked out anew, not taken from what wrote them.

import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { exportSteps, healingOf, type StepChoice } from '../../model/export/steps.ts';
import { storedChanges } from '../../model/export/tensorFiles/changes.ts';
import type { StoredChange } from '../../model/export/tensorFiles/types.ts';
import { unreadTensors } from '../../model/make/unread.ts';
import type { NamedTensor, TensorSource } from '../../model/make/weights.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { planRemoval } from '../../model/structure/removal.ts';
import { BytesReader } from '../../onnx/bytes.ts';
import { formatBytes } from '../../quantities.ts';
import type { Unit } from '../../units.ts';
import { VERSION } from '../../version.ts';
import { byteDifference, COMPUTED, fromSource } from './bytes.ts';
import { failed, type Outcome, passed } from './outcome.ts';

/** A tensor of the source with what stands in its place. */
interface Expected {
  original: NamedTensor['stored'];
  change: StoredChange | null;
}

/**
 * The written files have the tensors of the source without those of removed blocks, renumbered,
 * byte for byte; healed ones have what the healing makes of them.
 * @param onBytes bytes compared so far, and all
 */
export async function compareTensors(
  exported: OpenedModel,
  source: OpenedModel,
  removed: readonly Unit[],
  steps: readonly StepChoice[],
  signal: AbortSignal | undefined,
  onBytes: (done: number, total: number) => void = () => {},
): Promise<Outcome> {
  const { tensorSource } = source;
  const written = exported.tensorSource?.files;
  if (!tensorSource || !written || written.format !== tensorSource.files.format)
    return failed('the export is in another format than its source');
  const { units, remaining } = planRemoval(source.structure, removed);
  const { changed } = storedChanges({ ...source, tensorSource }, exportSteps(units, steps));
  const keep = remaining.map(({ block }) => block);
  const expected = expectedTensors(tensorSource, keep, changed);
  const extra = [...written.tensors.keys()].find((name) => !expected.has(name));
  if (extra !== undefined) return failed(`the tensor ${extra} is not in the source`);
  const [found, wanted] = [new BytesReader(exported.folder), new BytesReader(source.folder)];
  const all = [...written.tensors.values()];
  const total = all.reduce((sum, { data }) => sum + data.length, 0);
  let bytes = 0;
  let computed = 0;
  for (const [name, { original, change }] of expected) {
    const tensor = written.tensors.get(name);
    if (!tensor) return failed(`the tensor ${name} is missing`);
    const { type, data } = change ?? original;
    if (type !== tensor.type || original.shape.join() !== tensor.shape.join())
      return failed(
        `the tensor ${name} is ${tensor.type} ${tensor.shape.join(' x ')} instead of ${type} ` +
          original.shape.join(' x '),
      );
    const before = bytes;
    const difference = await byteDifference(
      `the tensor ${name}`,
      change ? COMPUTED : 'the source',
      found.open(tensor.data),
      fromSource(() => wanted.open(data)),
      signal,
      (done) => onBytes(before + done, total),
    );
    if (difference) return failed(difference);
    bytes += tensor.data.length;
    if (change) computed += 1;
  }
  const tensors = `${expected.size} tensors, ${formatBytes(bytes)}`;
  return passed(
    computed === 0
      ? `${tensors}, all equal to the source`
      : `${tensors}: ${expected.size - computed} equal to those of the source, ${computed} to ` +
          COMPUTED,
  );
}

/**
 * The source as its tensor files would be with what the healing among the steps changes, rounded as
 * they hold it, and with all of its blocks; the source itself without a healing.
 * @throws EspalierError as `exportManifest` and `openModel`
 */
export async function withStoredChanges(
  source: OpenedModel,
  steps: readonly StepChoice[],
): Promise<OpenedModel> {
  const choice = healingOf(steps);
  const format = source.tensorSource?.files.format;
  if (!choice || !format) return source;
  const whole: StepChoice = { ...choice, healing: { ...choice.healing, removed: [] } };
  const manifest = await exportManifest(source, [], { app: VERSION, format, steps: [whole] });
  return openModel(manifestFolder(manifest, source.folder), manifest.graph);
}

/** What the written files shall have, by the names that they shall have. */
function expectedTensors(
  source: TensorSource,
  keep: readonly number[],
  changed: ReadonlyMap<string, StoredChange>,
): Map<string, Expected> {
  const { files, named } = source;
  const unread = files.format === 'safetensors' ? unreadTensors(source) : new Set<string>();
  const stems = new Set<string>();
  for (const { block, stored } of named.values()) {
    const at = block === null ? -1 : `.${stored.name}`.indexOf(`.${block}.`);
    if (at >= 0) stems.add(stored.name.slice(0, at));
  }
  const numbers = new Map(keep.map((block, at) => [block, at]));
  const expected = new Map<string, Expected>();
  for (const [name, original] of files.tensors) {
    if (unread.has(name)) continue;
    const stem = [...stems].find(
      (one) => /^\d+\./.test(name.slice(one.length)) && name.startsWith(one),
    );
    const rest = stem === undefined ? '' : name.slice(stem.length);
    const number = stem === undefined ? undefined : numbers.get(Number.parseInt(rest, 10));
    if (stem !== undefined && number === undefined) continue;
    const now = stem === undefined ? name : `${stem}${number}${rest.slice(rest.indexOf('.'))}`;
    expected.set(now, { original, change: changed.get(name) ?? null });
  }
  return expected;
}
