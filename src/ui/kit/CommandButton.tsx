// A button that runs a command, with the command's label and key.

import type { CommandId } from '../../state/commands.ts';
import { primaryCommand } from '../../state/primaryCommand.ts';
import { useCommand, useStudio } from '../studioContext.ts';
import { keyName } from './keyName.ts';
import css from './kit.module.css';

interface Props {
  id: CommandId;
  /** Replaces the label where the place says the rest. */
  label?: string;
  /** A sign instead of the label; the label is then read aloud. */
  icon?: string;
  /** As a link within a sentence. */
  quiet?: boolean;
  testId?: string;
  /** Id of what describes it: a hint, or why it is unavailable. */
  describedBy?: string;
}

/** Stays focusable while the command is unavailable: a disabled button would lose the focus. */
export function CommandButton(props: Props) {
  const { id, label, icon, quiet = false, testId, describedBy } = props;
  const { command, enabled, run } = useCommand(id);
  const primary = useStudio((state) => primaryCommand(state) === id);
  const key = command.keys[0];
  const name = label ?? command.label;
  return (
    <button
      type="button"
      className={quiet ? css.asLink : undefined}
      data-primary={primary}
      data-testid={testId ?? id}
      aria-disabled={!enabled}
      title={key ? `${command.label} (${keyName(key)})` : command.label}
      aria-label={icon ? name : undefined}
      aria-describedby={describedBy}
      onClick={run}
    >
      {icon ?? name}
    </button>
  );
}
