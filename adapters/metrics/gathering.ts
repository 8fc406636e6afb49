export interface GatheringOptions<Question, Answer> {
  /** How long the first one waits for others, milliseconds. */
  readonly windowMs: number;
  /** Only questions of one key are asked together. */
  keyOf(question: Question): string;
  /** One answer for each question, in their order. Never throws. */
  answer(questions: readonly Question[], signal: AbortSignal): Promise<readonly Answer[]>;
  /** What a question comes to that nobody waits for any more. */
  readonly cancelled: Answer;
}

interface Waiting<Question, Answer> {
  readonly question: Question;
  readonly tell: (answer: Answer) => void;
}

/**
 * Asks together what is asked in the same moment: thousands of monitors must not mean thousands of requests. The request is given up
 * when nobody waits for it any more; one that is cancelled does not cancel it for the others.
 */
export function createGathering<Question extends { readonly signal: AbortSignal }, Answer>(
  options: GatheringOptions<Question, Answer>,
): (question: Question) => Promise<Answer> {
  const { windowMs, keyOf, answer, cancelled } = options;
  const open = new Map<string, Waiting<Question, Answer>[]>();

  async function close(key: string): Promise<void> {
    const waiting = (open.get(key) ?? []).filter(({ question }) => !question.signal.aborted);
    open.delete(key);
    if (waiting.length === 0) return;
    const questions = waiting.map(({ question }) => question);
    const answers = await answer(questions, whenAllAbort(questions.map(({ signal }) => signal)));
    for (const [i, { tell }] of waiting.entries()) tell(answers[i] ?? cancelled);
  }

  return (question) =>
    new Promise((resolve) => {
      if (question.signal.aborted) return resolve(cancelled);
      const giveUp = () => resolve(cancelled);
      question.signal.addEventListener('abort', giveUp, { once: true });
      const tell = (found: Answer) => {
        question.signal.removeEventListener('abort', giveUp);
        resolve(found);
      };
      const key = keyOf(question);
      const waiting = open.get(key);
      if (waiting !== undefined) return void waiting.push({ question, tell });
      open.set(key, [{ question, tell }]);
      setTimeout(() => void close(key), windowMs);
    });
}

function whenAllAbort(signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  let left = signals.length;
  const one = () => {
    left -= 1;
    if (left === 0) controller.abort();
  };
  for (const signal of signals) signal.addEventListener('abort', one, { once: true });
  return controller.signal;
}
