// Criteria over the blocks: the ranks by all that are selected as a matrix, or the scores of one on
// its own axis.

import { criteriaView } from '../../state/criteria/selectors.ts';
import { useStudio } from '../studioContext.ts';
import { CriterionChart } from './CriterionChart.tsx';
import { RankMatrix } from './RankMatrix.tsx';

export default function RankChart() {
  const view = useStudio((state) => state.criteria.view);
  const one = useStudio(criteriaView).find(({ name }) => name === view);
  return one ? <CriterionChart of={one} /> : <RankMatrix />;
}
