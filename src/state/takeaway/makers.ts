// What makes the contents of each take-away.

import { criteria, search, stability } from './compare.ts';
import { healing, losses } from './healing.ts';
import type { Maker } from './maker.ts';
import { evaluation, texts } from './quality.ts';
import { matrices, quantisation } from './quantising.ts';
import { architecture, importance, sublayers } from './scores.ts';
import { speed, sweep, variants } from './speed.ts';
import type { TakeawayId } from './takeaways.ts';
import { answers, tasks } from './tasks.ts';
import { width, widthSpeeds } from './width.ts';

export const MAKERS: Readonly<Record<TakeawayId, Maker>> = {
  importance,
  sublayers,
  architecture,
  criteria,
  search,
  stability,
  healing,
  losses,
  quantisation,
  matrices,
  evaluation,
  tasks,
  answers,
  texts,
  speed,
  sweep,
  width,
  'width-speeds': widthSpeeds,
  variants,
};
