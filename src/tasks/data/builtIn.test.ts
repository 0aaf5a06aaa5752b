// The rows that come with Espalier: complete, and labelled.

import { expect, test } from 'vitest';
import { TASKS } from '../table.ts';
import { builtInTasks } from './builtIn.ts';

test('the built-in set has four rows of each task, with every answer somewhere', async () => {
  const tasks = await builtInTasks();
  expect(tasks.map(({ task }) => task)).toEqual(TASKS.map(({ id }) => id));
  for (const { rows, source } of tasks) {
    expect(source).toEqual({ files: [], builtIn: true });
    expect(rows.map(({ doc }) => doc)).toEqual([0, 1, 2, 3]);
    const least = Math.min(...rows.map(({ choices }) => choices.length));
    expect(new Set(rows.map(({ target }) => target)).size).toBeGreaterThanOrEqual(least);
    for (const { choices, continuations, target } of rows) {
      expect(continuations.length).toBe(choices.length);
      expect(target).toBeLessThan(choices.length);
      expect(continuations.every((text) => text.startsWith(' '))).toBe(true);
    }
  }
});
