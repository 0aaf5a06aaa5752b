// The forms in which files have the rows of tasks, told by the names of their fields.

import { boolq, hellaswag, type Prompt, prompt, questionAnswer, winogrande } from '../prompts.ts';
import type { TaskId } from '../table.ts';
import { rowFault } from './faults.ts';
import {
  type FileRow,
  isHidden,
  labelledChoices,
  lettered,
  numbered,
  partOf,
  textOf,
  textsOf,
} from './fields.ts';
import { ownAnswer } from './own.ts';

/** A row as it was read. */
export interface ReadRow extends Prompt {
  /** null where the file has no answer to it. */
  target: number | null;
  /**
   * Where its context lacks the title that another release begins it with: that context, or null
   * where the title is not known.
   */
  titled?: string | null;
}

/** One way to write rows. */
export interface Form {
  /** The tasks that are written so; the name of the file tells which, where there are several. */
  tasks: readonly (TaskId | 'own')[];
  /** Names that a row must have; "question.stem" is a field of the object `question`. */
  needs: readonly string[];
  /** Names that only other data sets have. */
  never?: readonly string[];
  /** All fields of a row that are read. */
  fields: readonly string[];
  /** @throws EspalierError `bad-input` naming the field */
  read(row: FileRow, task: string): ReadRow;
}

/** Of data sets that otherwise look like ARC: CommonsenseQA and QASC. */
const NOT_ARC = ['question_concept', 'question.question_concept', 'formatted_question'];

/**
 * All forms, the first that fits is taken.
 * @source the original releases of the data sets and their copies at Hugging Face (field names)
 */
const FORMS: readonly Form[] = [
  {
    tasks: ['openbookqa'],
    needs: ['question_stem', 'choices.text'],
    fields: ['question_stem', 'choices', 'answerKey'],
    read: (row) => labelled(row, row, (choices) => prompt(textOf(row, 'question_stem'), choices)),
  },
  {
    tasks: ['arc_easy', 'arc_challenge', 'openbookqa'],
    needs: ['question.stem', 'question.choices'],
    never: NOT_ARC,
    fields: ['question', 'answerKey'],
    read(row, task) {
      const question = partOf(row, 'question');
      const stem = textOf(question, 'stem');
      const ask = task === 'openbookqa' ? prompt : questionAnswer;
      return labelled(row, question, (choices) => ask(stem, choices));
    },
  },
  {
    tasks: ['arc_easy', 'arc_challenge'],
    needs: ['question', 'choices.text'],
    never: NOT_ARC,
    fields: ['question', 'choices', 'answerKey'],
    read: (row) =>
      labelled(row, row, (choices) => questionAnswer(textOf(row, 'question'), choices)),
  },
  {
    tasks: ['hellaswag'],
    needs: ['activity_label', 'ctx_a', 'ctx_b', 'endings'],
    fields: ['activity_label', 'ctx_a', 'ctx_b', 'endings', 'label'],
    read(row) {
      const endings = textsOf(row, 'endings');
      const context = {
        activity: textOf(row, 'activity_label'),
        a: textOf(row, 'ctx_a'),
        b: textOf(row, 'ctx_b'),
      };
      return {
        ...hellaswag(context, endings),
        target: numbered(row, 'label', 0, endings.length),
      };
    },
  },
  {
    tasks: ['winogrande'],
    needs: ['sentence', 'option1', 'option2'],
    fields: ['sentence', 'option1', 'option2', 'answer'],
    read(row) {
      const options = [textOf(row, 'option1'), textOf(row, 'option2')];
      const asked = winogrande(textOf(row, 'sentence'), options);
      if (!asked) throw rowFault(row.at, '"sentence" has no gap, which is written "_"');
      return { ...asked, target: numbered(row, 'answer', 1, 2) };
    },
  },
  {
    tasks: ['piqa'],
    needs: ['goal', 'sol1', 'sol2'],
    fields: ['goal', 'sol1', 'sol2', 'label'],
    read: (row) => ({
      ...questionAnswer(textOf(row, 'goal'), [textOf(row, 'sol1'), textOf(row, 'sol2')]),
      target: numbered(row, 'label', 0, 2),
    }),
  },
  {
    tasks: ['boolq'],
    needs: ['passage', 'question'],
    // DROP and others of its kind.
    never: ['answers_spans', 'section_id', 'query_id'],
    fields: ['passage', 'question', 'title', 'answer', 'label'],
    read(row) {
      const passage = textOf(row, 'passage');
      const asked = (text: string): Prompt => boolq(text, textOf(row, 'question'));
      const { title, label } = row.fields;
      const target = yesOrNo(row);
      if (!isHidden(label)) return { ...asked(passage), target };
      const titled =
        typeof title === 'string' ? (asked(`${title} -- ${passage}`).context as string) : null;
      return { ...asked(passage), target, titled };
    },
  },
  {
    tasks: ['own'],
    needs: ['context', 'choices'],
    // Of other data sets, whose questions would not be asked.
    never: ['question', 'query'],
    fields: ['context', 'choices', 'answer'],
    read(row) {
      const choices = textsOf(row, 'choices');
      return { ...prompt(textOf(row, 'context'), choices), target: ownAnswer(row, choices) };
    },
  },
];

/** The form whose names are all among those of a row, or null. */
export function formOf(names: ReadonlySet<string>): Form | null {
  return (
    FORMS.find(
      ({ needs, never }) =>
        needs.every((name) => names.has(name)) && !never?.some((name) => names.has(name)),
    ) ?? null
  );
}

/** @param holder the row, or the object in it that has the choices */
function labelled(
  row: FileRow,
  holder: FileRow,
  ask: (choices: readonly string[]) => Prompt,
): ReadRow {
  const { texts, labels } = labelledChoices(holder);
  return { ...ask(texts), target: lettered(row, 'answerKey', labels) };
}

/** BoolQ's `answer`, true or false, or SuperGLUE's `label`, which may be 0 or 1. */
function yesOrNo(row: FileRow): number | null {
  const name = isHidden(row.fields.label) ? 'answer' : 'label';
  const value = row.fields[name];
  return typeof value === 'boolean' ? Number(value) : numbered(row, name, 0, 2);
}
