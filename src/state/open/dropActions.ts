// Takes what people drop on the page: a model folder, a text, a list of token ids, rows of tasks, a
// table of another tool, an espalier.json. Whatever it is, the page answers.

import type { PickedFolder } from '../../files/pickedFolder.ts';
import * as words from '../../words/open.ts';
import type { Context } from '../context.ts';
import type { EvaluateActions } from '../evaluate/actions.ts';
import type { RestoreActions } from '../export/restoreActions.ts';
import { fileText } from '../fileText.ts';
import type { HealActions } from '../heal/actions.ts';
import type { InteropActions } from '../interop/actions.ts';
import type { ScoreActions } from '../score/actions.ts';
import type { TaskActions } from '../tasks/actions.ts';
import type { ViewActions } from '../view/actions.ts';
import type { ModelActions } from './actions.ts';
import { type Dropped, sortDropped, sortJson, sortLines } from './dropped.ts';

export interface DropActions {
  /** Call within the drop event. */
  drop(data: DataTransfer): Promise<void>;
  /** Lets the user pick files, and takes them as if they had been dropped. */
  openFiles(): Promise<void>;
  /** A file for scoring, as text or token ids; tables and an espalier.json are recognised. */
  takeFile(file: File): Promise<void>;
  /** What a dropped text is for; null forgets it. */
  answerDropped(purpose: 'score' | 'evaluate' | 'heal' | null): void;
}

type Others = Pick<ModelActions, 'openSource'> &
  Pick<ScoreActions, 'setText'> &
  Pick<EvaluateActions, 'setEvaluationText'> &
  Pick<HealActions, 'setHealText'> &
  Pick<TaskActions, 'loadTasks'> &
  Pick<InteropActions, 'takeTable'> &
  Pick<ViewActions, 'openWorkspace'> &
  RestoreActions;

export function makeDropActions(context: Context, others: Others): DropActions {
  const { get, patch } = context;

  /** Scoring and evaluation need different texts, so whoever drops one is asked what it is for. */
  function ask(name: string, text: string): void {
    if (!text.trim()) others.setText(name, text);
    else {
      patch('view', { dropped: { name, text } });
      if (!get().model.current) context.toast(words.textWaits(name));
    }
  }

  function healOn(name: string, text: string): void {
    others.setHealText(name, text);
    if (get().model.current) others.openWorkspace('heal');
    else context.toast(words.instructionsWait(name));
  }

  const rowsOf = (file: File) =>
    others.loadTasks({ name: file.name, files: [{ path: file.name, file }] });

  /** @param forScoring instructions are refused by name where token ids are asked for */
  async function takeJson(file: File, text: string, forScoring = false): Promise<void> {
    const { name } = file;
    const kind = sortJson(name, text);
    if (kind === 'provenance') await others.restore(text);
    else if (kind === 'instructions' && !forScoring) healOn(name, text);
    else if (kind === 'tasks' && !forScoring) await rowsOf(file);
    else others.setText(name, text);
  }

  async function take(dropped: Dropped): Promise<void> {
    if (dropped.kind === 'model') {
      const { folder, note } = dropped;
      if (get().export.running) return context.toast(words.busyExporting(folder.name));
      if (note) context.toast(note);
      await others.openSource({ kind: 'files', ...folder });
      return;
    }
    if (dropped.kind === 'tasks') return others.loadTasks(dropped.folder);
    const { kind, file } = dropped;
    const text = await fileText(file);
    if (kind === 'text') ask(file.name, text);
    else if (kind === 'table') others.takeTable(file.name, text);
    else if (kind === 'json') await takeJson(file, text);
    else if (sortLines(text) === 'tasks') await rowsOf(file);
    else healOn(file.name, text);
  }

  /** Whatever cannot be used is answered with what it is and what to do. */
  async function answer(read: () => Promise<PickedFolder | null>): Promise<void> {
    try {
      const folder = await read();
      if (!folder) return;
      context.clear('open');
      await take(sortDropped(folder));
    } catch (error) {
      context.fail('open', error);
    }
  }

  return {
    async takeFile(file) {
      const text = await fileText(file).catch((error: unknown) => {
        context.fail('restore', error);
        return null;
      });
      if (text === null) return;
      if (/\.csv$/i.test(file.name)) others.takeTable(file.name, text);
      else if (!/\.json$/i.test(file.name)) others.setText(file.name, text);
      else await takeJson(file, text, true).catch((error) => context.fail('score', error));
    },
    answerDropped(purpose) {
      const { dropped } = get().view;
      patch('view', { dropped: null });
      if (!dropped) return;
      if (purpose === 'score') others.setText(dropped.name, dropped.text);
      if (purpose === 'evaluate') others.setEvaluationText(dropped.name, dropped.text);
      if (purpose === 'heal') healOn(dropped.name, dropped.text);
    },
    async drop(data) {
      await answer(() => context.disk.readDrop(data));
    },
    async openFiles() {
      await answer(() => context.disk.pickFiles());
    },
  };
}
