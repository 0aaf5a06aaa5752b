// Whether the end of a long job is notified; permission is asked for when it is switched on.

import { useState } from 'react';
import { useActions, useStudio } from '../studioContext.ts';
import kit from './kit.module.css';

export function NotifySwitch({ label = 'Notify me when a long job ends' }: { label?: string }) {
  const on = useStudio((state) => state.view.notify);
  const actions = useActions();
  const [refusal, setRefusal] = useState('');

  async function toggle(): Promise<void> {
    setRefusal('');
    if (on || (await mayNotify())) actions.setNotify(!on);
    else
      setRefusal(
        'The browser blocks notifications here: allow them in its settings for this site.',
      );
  }

  return (
    <div>
      <label>
        <input type="checkbox" checked={on} data-testid="notify" onChange={() => void toggle()} />
        {` ${label}`}
      </label>
      {refusal && (
        <p className={kit.note} role="status" data-testid="notify-refused">
          {refusal}
        </p>
      )}
    </div>
  );
}

async function mayNotify(): Promise<boolean> {
  return (
    typeof Notification !== 'undefined' && (await Notification.requestPermission()) === 'granted'
  );
}
