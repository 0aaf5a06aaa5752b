// Exporting the pruned model: the form, the steps while it runs, the result.

import { useState } from 'react';
import { EXPORT } from '../../words/dialogs/export.ts';
import { Dialog } from '../kit/Dialog.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { ExportDone } from './ExportDone.tsx';
import { ExportForm } from './ExportForm.tsx';
import { ExportRunning } from './ExportRunning.tsx';

export default function ExportDialog() {
  const actions = useActions();
  const running = useStudio((state) => state.export.running);
  const result = useStudio((state) => state.export.result);
  // Kept here, so that the form comes back with it when an export has stopped.
  const [name, setName] = useState<string | null>(null);
  return (
    <Dialog title={EXPORT.title} onClose={() => actions.openDialog(null)} testId="export-dialog">
      {running && <ExportRunning />}
      {!running && result && <ExportDone result={result} />}
      {!running && !result && <ExportForm named={name} setName={setName} />}
      <ErrorNotice place="export" />
    </Dialog>
  );
}
