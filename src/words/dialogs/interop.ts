// What the dialog “Use elsewhere” says.

export const INTEROP = {
  title: 'Use elsewhere',
  planWithout: (units: string) => `The plan, without ${units}`,
  planOfAll: 'The plan keeps all blocks',
  curve: 'The curve',
  source: 'Name or path of the original model, for other tools',
  save: (file: string) => `Save ${file}`,
  read: 'Read a block_order.csv or all_ppl_unsorted.csv',
  forgetOne: 'Forget this file',
  forgetAll: 'Forget these files',
  lowestFirst: (label: string, blocks: string, list: string) =>
    `${label}, ${blocks}, lowest first: ${list}`,
  remove: 'Remove the lowest',
  removeOnly: (k: number) => `Remove only these ${k}`,
};
