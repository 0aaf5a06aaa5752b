// The calls of the studio that prune by width, as a comparison.

import type {
  WidthApi,
  WidthEvent,
  WidthOutcome,
  WidthRequest,
  WidthResult,
} from '../../contract/comparison/width.ts';
import { widthExportObstacle } from '../../model/export/narrowed.ts';
import { writtenPlan } from '../../model/width/written.ts';
import { measureWidth } from '../../runtime/width/width.ts';
import { TaskCalls } from '../tasks/taskCalls.ts';

export abstract class WidthCalls extends TaskCalls implements WidthApi {
  async width(request: WidthRequest, onEvent: (event: WidthEvent) => void): Promise<WidthResult> {
    this.endPlan();
    return this.sessions.run(async (signal) => {
      const { opened } = this.model();
      const { session, windows } = await this.onCurve(signal, (progress) =>
        onEvent({ type: 'progress', progress }),
      );
      await session.setBudget(request.budgetBytes ?? this.sessions.budgetBytes);
      const told = (outcome: WidthOutcome): WidthOutcome => ({
        ...outcome,
        exportObstacle: widthExportObstacle(writtenPlan(outcome), opened),
      });
      const result = await measureWidth({
        opened,
        session,
        request,
        windows,
        signal,
        onEvent: (event) =>
          onEvent(event.type === 'outcome' ? { ...event, outcome: told(event.outcome) } : event),
      });
      return { ...result, outcomes: result.outcomes.map(told) };
    });
  }
}
