// How to quantise: method, precision, what is kept, texts; what it takes; the button.

import { useId } from 'react';
import { QUANTISE } from '../../words/quantise.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import settings from '../kit/workspace/settings.module.css';
import { DtypeChoice, MethodChoice } from './MethodChoice.tsx';
import { MixedFields } from './MixedFields.tsx';
import { Needs, NeedsNotes } from './Needs.tsx';
import { QuantiseText } from './QuantiseText.tsx';
import { AdvancedFields, SettingsFields } from './SettingsFields.tsx';

export function QuantiseForm() {
  const hint = useId();
  return (
    <form
      className={kit.stack}
      aria-label={QUANTISE.form}
      onSubmit={(event) => event.preventDefault()}
    >
      <MethodChoice />
      <DtypeChoice />
      <SettingsFields />
      <MixedFields />
      <QuantiseText />
      <AdvancedFields />
      <div className={kit.row}>
        <CommandButton
          id="quantise"
          label={QUANTISE.start}
          testId="quantise-start"
          describedBy={hint}
        />
        <div id={hint} className={settings.needs} data-testid="quantise-needs">
          <Needs />
        </div>
      </div>
      <NeedsNotes />
    </form>
  );
}
