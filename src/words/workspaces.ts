// The workspaces of the page by the names that the address, the commands and the panels use.

/** In the order of their tabs: the order of the work. */
export const WORKSPACES = [
  'choose',
  'compare',
  'heal',
  'quantise',
  'quality',
  'tasks',
  'speed',
  'variants',
] as const;

export type WorkspaceId = (typeof WORKSPACES)[number];

export const isWorkspace = (name: string | null): name is WorkspaceId =>
  WORKSPACES.some((one) => one === name);
