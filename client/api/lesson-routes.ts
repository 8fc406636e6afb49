import { z } from '@hono/zod-openapi';
import { findLessons } from '../../domain/lessons.ts';
import { readable } from './access/caller.ts';
import { guarded } from './access/guarded.ts';
import { ApiError } from './api-error.ts';
import { type App, type AppOptions, problems } from './app-types.ts';
import { createIncidentMemory } from './reading/incident-memory.ts';
import { json, lesson, lessonsQuery, plain } from './schemas.ts';

/** Has this happened before, and what fixed it? For people and agents who investigate. */
export function addLessonRoutes(app: App, { store, recall = createIncidentMemory(store) }: AppOptions): void {
  const lessons = guarded('read', {
    method: 'get',
    path: '/v1/lessons',
    request: { query: lessonsQuery },
    responses: {
      200: {
        description: 'Incidents that resemble what is asked, best first; newest first where nothing is asked',
        ...json(z.object({ lessons: z.array(lesson) })),
      },
      ...problems,
    },
  });
  app.openapi(lessons, async (context) => {
    const { query: words, product, environment, ...question } = context.req.valid('query');
    const products = readable(context, product);
    const all = (await recall()).filter(({ lesson: found }) => products?.includes(found.product) ?? true);
    const { like } = question;
    if (like !== undefined && !all.some(({ lesson: found }) => found.incident === like))
      throw new ApiError(404, `incident ${like} is not known`);
    const memory =
      environment === undefined
        ? all
        : all.filter(({ lesson: found }) => found.environment === environment || found.incident === like);
    return context.json({ lessons: plain(findLessons(memory, { words, ...question })) }, 200);
  });
}
