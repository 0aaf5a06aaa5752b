// The top line: the open model, the device, and the commands that are always at hand.

import { formatBytes } from '../../quantities.ts';
import { engineJob } from '../../state/jobs.ts';
import { DEVICE_NAMES } from '../../words/dialogs/device.ts';
import { cpuWords, deviceWords, EITHER_DEVICE, PAGE } from '../../words/page.ts';
import { formatCount } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './header.module.css';

export function Header() {
  const model = useStudio((state) => state.model.current);
  const facts = model
    ? [`${model.summary.numBlocks} blocks`, `${formatCount(model.summary.params)} parameters`]
    : [];
  // Where the graph can be chosen, the choice shows its dtype and size.
  if (model && model.graphs.length < 2)
    facts.push(model.summary.dtype, formatBytes(model.summary.bytes));
  return (
    <header className={css.header} data-open={model !== null}>
      <Logo />
      <h1 className={css.name}>Espalier</h1>
      {model && (
        <>
          <span
            className={`${kit.chip} ${css.model}`}
            data-testid="model-chip"
            title={`${model.summary.name}, ${model.summary.graph}`}
          >
            <b>{model.summary.name}</b> <span>{facts.join(', ')}</span>
          </span>
          <GraphSelect />
        </>
      )}
      <DeviceChip />
      <div className={css.actions}>
        {model && (
          <>
            <CommandButton id="open" />
            <CommandButton id="open-files" />
            <CommandButton id="undo" icon="↶" />
            <CommandButton id="redo" icon="↷" />
          </>
        )}
        <CommandButton id="help" icon="?" />
      </div>
    </header>
  );
}

function GraphSelect() {
  const model = useStudio((state) => state.model.current);
  const busy = useStudio((state) => engineJob(state) !== null || state.model.opening !== null);
  const actions = useActions();
  if (!model || model.graphs.length < 2) return null;
  return (
    <select
      aria-label={PAGE.graph}
      value={model.summary.graph}
      disabled={busy}
      data-testid="graph-select"
      onChange={(event) => void actions.chooseGraph(event.target.value)}
    >
      {model.graphs.map((graph) => (
        <option key={graph.path} value={graph.path}>
          {graph.format ? `${graph.format} ` : ''}
          {graph.dtype || graph.path}, {formatBytes(graph.bytes)}
        </option>
      ))}
    </select>
  );
}

function DeviceChip() {
  const { report, checking, choice } = useStudio((state) => state.device);
  const asked = useStudio((state) => state.score.settings.device);
  const actions = useActions();
  if (checking) return <span className={kit.chip}>{PAGE.testingDevice}</span>;
  if (!report) return null;
  const { webgpu, selfTest } = report;
  const open = asked === 'auto' && webgpu && !choice;
  const kind = asked === 'auto' ? (choice?.kind ?? report.preferred) : asked;
  const name = DEVICE_NAMES[kind];
  const onCpu = kind === 'wasm' && webgpu;
  const words = onCpu
    ? cpuWords(name, asked === 'auto' && Boolean(choice?.measured))
    : deviceWords(name, selfTest?.passed ?? null);
  return (
    <button
      type="button"
      className={kit.chip}
      data-testid="device-chip"
      onClick={() => actions.openDialog('device')}
    >
      <span className={selfTest?.passed === false ? kit.bad : undefined}>
        {open ? EITHER_DEVICE : words}
      </span>
    </button>
  );
}

function Logo() {
  return (
    <svg className={css.logo} viewBox="0 0 32 32" aria-hidden="true">
      <path d="M16 30V4M16 9H5M16 9h11M16 16H4M16 16h9M16 23H7M16 23h12" />
      <circle cx="5" cy="9" r="2" />
      <circle cx="27" cy="9" r="2" />
      <circle cx="4" cy="16" r="2" />
      <circle className={css.cut} cx="25" cy="16" r="2" />
      <circle cx="7" cy="23" r="2" />
      <circle cx="28" cy="23" r="2" />
    </svg>
  );
}
