// The form of an export: what it writes, its name, where to, in which precision, how long it takes.

import { listed } from '../../quantities.ts';
import { otherPrecisions, writtenAlong } from '../../state/export/along.ts';
import { exportEstimate } from '../../state/export/estimate.ts';
import { suggestName } from '../../state/export/name.ts';
import { isConverted, precisionObstacle } from '../../state/export/selectors.ts';
import { siblings } from '../../state/open/models.ts';
import { keptWords } from '../../state/plan/selectors.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import { sublayerUnits } from '../../units.ts';
import {
  alsoPrune,
  beforeExport,
  componentsStay,
  EXPORT,
  NAME,
  onlyThisGraph,
  writesAll,
  writesPlan,
} from '../../words/dialogs/export.ts';
import kit from '../kit/kit.module.css';
import { useActions, useCanSaveFolder, useStudio } from '../studioContext.ts';
import { Adapter } from './Adapter.tsx';
import { FormatChoice } from './FormatChoice.tsx';
import { HealedWeights } from './HealedWeights.tsx';
import { KitChoice } from './KitChoice.tsx';
import { PrecisionChoice } from './PrecisionChoice.tsx';
import { secondsWords } from './secondsWords.ts';

interface Props {
  /** As typed; null for the suggested name. */
  named: string | null;
  setName(name: string): void;
}

const NONE: ReturnType<typeof writtenAlong> = [];

export function ExportForm({ named, setName }: Props) {
  const model = useStudio((state) => state.model.current)!;
  const { removed, healing } = useStudio((state) => state.plan.present);
  const chosen = useStudio((state) => state.export.target);
  const dtype = useStudio((state) => state.export.dtype);
  // Said beside the precision.
  const barred = useStudio((state) => dtype !== null && precisionObstacle(state, dtype) !== null);
  const healed = useStudio((state) => state.plan.present.healing !== undefined);
  const canSaveFolder = useCanSaveFolder();
  const measuring = useStudio((state) => state.export.forms.running);
  const actions = useActions();
  const converted = useStudio(isConverted);
  const name =
    named ?? suggestName(model.summary, removed, dtype, healing !== undefined, converted);
  const target = canSaveFolder ? chosen : 'zip';
  const clean = name.trim();
  const wrong = whyNotName(clean);
  const { bytes, seconds } = useStudio(exportEstimate);
  const precisions = useStudio(otherPrecisions);
  // A healing is of the weights of one graph.
  const along = useStudio((state) =>
    state.plan.present.healing === undefined ? writtenAlong(state) : NONE,
  );
  const others = siblings(model.graphs, model.summary.graph);
  const all = along.length > 0;
  const components = new Set(
    [model.summary, ...along].flatMap((graph) => (graph.components ?? []).map(({ path }) => path)),
  );
  return (
    <form
      className={kit.stack}
      onSubmit={(event) => {
        event.preventDefault();
        actions.setTarget(target);
        void actions.exportModel(clean);
      }}
    >
      <p>
        {removed.length
          ? writesPlan(keptWords(model, removed, 'blocks'), listUnits(removed))
          : writesAll(dtype === null)}{' '}
        {others.length > 0 &&
          !all &&
          onlyThisGraph(model.summary.graph, listed(others.map((graph) => graph.path)))}
      </p>
      <label>
        {EXPORT.name}{' '}
        <input
          type="text"
          value={name}
          required
          aria-invalid={wrong !== null}
          aria-describedby="name-problem"
          data-testid="export-name"
          onChange={(event) => setName(event.target.value)}
          size={32}
        />
        <span id="name-problem" className={kit.bad} aria-live="polite">
          {wrong && <div>{wrong}</div>}
        </span>
      </label>
      <fieldset className={kit.field}>
        <legend>{EXPORT.saveAs}</legend>
        <label>
          <input
            type="radio"
            name="target"
            checked={target === 'folder'}
            disabled={!canSaveFolder}
            data-testid="target-folder"
            onChange={() => actions.setTarget('folder')}
          />{' '}
          {EXPORT.folder} {!canSaveFolder && <span className={kit.note}>{EXPORT.noFolders}</span>}
        </label>
        <br />
        <label>
          <input
            type="radio"
            name="target"
            checked={target === 'zip'}
            data-testid="target-zip"
            onChange={() => actions.setTarget('zip')}
          />{' '}
          {EXPORT.zip}
        </label>
      </fieldset>
      <HealedWeights />
      <FormatChoice />
      <PrecisionChoice />
      <KitChoice />
      {precisions.length > 0 && dtype === null && !healed && (
        <label>
          <input
            type="checkbox"
            checked={all}
            data-testid="all-graphs"
            onChange={(event) => actions.setAllGraphs(event.target.checked)}
          />{' '}
          {alsoPrune(listed(precisions.map((graph) => graph.path)))}
        </label>
      )}
      {components.size > 0 && (
        <p className={kit.note} data-testid="export-components">
          {componentsStay(listed([...components]), components.size)}
        </p>
      )}
      {sublayerUnits(removed).length > 0 && (
        <p className={kit.note} data-testid="export-parts">
          {EXPORT.sublayers}
        </p>
      )}
      <p className={kit.note} data-testid="export-before">
        {beforeExport(bytes, seconds ? secondsWords(seconds) : 'a while')}
      </p>
      <div className={kit.row}>
        <button
          type="submit"
          data-primary="true"
          disabled={wrong !== null || measuring || barred}
          data-testid="export-start"
        >
          {EXPORT.start}
        </button>
      </div>
      <Adapter name={wrong === null ? clean : null} />
    </form>
  );
}

/** Why a folder cannot have this name on every system, or null. */
function whyNotName(name: string): string | null {
  if (!name) return NAME.missing;
  const sign = /[\\/:*?"<>|]/.exec(name)?.[0];
  if (sign) return NAME.sign(sign);
  return /^\.+$/.test(name) ? NAME.dots : null;
}
