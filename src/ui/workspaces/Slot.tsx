// The place of one panel: empty while the panel has nothing to show.

import type { PanelSpec } from '../panels.ts';
import { useStudio } from '../studioContext.ts';

const always = () => true;

export function Slot({ Panel, shown = always }: PanelSpec) {
  return useStudio(shown) && <Panel />;
}
