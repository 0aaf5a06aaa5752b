// The paper that the method is from, as a link that opens by click only.

import { PAPER } from '../../words/open.ts';

export function PaperLink({ full = false }: { full?: boolean }) {
  return (
    <a href={PAPER.url} target="_blank" rel="noopener" data-testid="paper">
      {full ? `${PAPER.authors}, “${PAPER.title}”, ${PAPER.year}, ${PAPER.id}` : PAPER.short}
    </a>
  );
}
