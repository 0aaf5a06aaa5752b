// What the plan comes to: its numbers, what they mean, and the way out.

import { countWords } from '../../state/plan/selectors.ts';
import { RESULT } from '../../words/result.ts';
import { RefitSwitch } from '../heal/RefitSwitch.tsx';
import { CommandButton } from '../kit/CommandButton.tsx';
import { CopyButton } from '../kit/CopyButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { Panel } from '../kit/Panel.tsx';
import { SpeedSummary } from '../speed/SpeedSummary.tsx';
import { StabilityNoise } from '../stability/StabilityNoise.tsx';
import { useStudio } from '../studioContext.ts';
import { Verdict } from '../verdict/Verdict.tsx';
import { EffectStatus } from './EffectStatus.tsx';
import { EffectTable } from './EffectTable.tsx';
import css from './result.module.css';

export function ResultPanel() {
  const kept = useStudio(countWords);
  return (
    <Panel id="result" title={RESULT.title} sub={kept}>
      <EffectTable />
      <RefitSwitch />
      <SpeedSummary />
      <Verdict />
      <EffectStatus />
      <StabilityNoise />
      <ErrorNotice place="plan" />
      <div className={css.actions}>
        <CommandButton id="export" />
        <CommandButton id="interop" />
        <CommandButton id="report" label={RESULT.report} />
        <CopyButton label={RESULT.copyLink} text={() => location.href} testId="copy-link" />
      </div>
    </Panel>
  );
}
