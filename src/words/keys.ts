// What a key says that would do finished work once more.

/** By the id of the command: what is there already, and the button that does it again. */
export const againByKey = {
  score: {
    text: 'The blocks are scored. The present curve is kept until a new one is ready.',
    label: 'Score again',
  },
  'score-sublayers': {
    text: 'The sublayers are scored. Their scores are kept until new ones are ready.',
    label: 'Score again',
  },
  'compare-criteria': { text: 'The criteria are compared already.', label: 'Compare again' },
  stability: {
    text: 'The study has results. Its finished runs are kept.',
    label: 'Continue the study',
  },
  search: { text: 'The search is done. A new one replaces its path.', label: 'Search again' },
  evaluate: { text: 'This plan is evaluated already.', label: 'Evaluate again' },
} as const;
