// The switch for a notification at the end of a long job; asks the browser for leave only when it
// is switched on.

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
        'This browser does not allow this page to notify: its settings for this site decide.',
      );
  }

  return (
    <div>
      <label>
        <input type="checkbox" checked={on} data-testid="notify" onChange={() => void toggle()} />{' '}
        {label}
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
