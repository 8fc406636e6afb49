import type { CallToolResult } from '@modelcontextprotocol/server';

/** A sentence or more for the model, and the same for programs. */
export interface ToolAnswer {
  readonly text: string;
  readonly structured: object;
  /** The API answered, and the answer is no: the agent shall not take it for done. */
  readonly refused?: boolean;
}

/** What went wrong is an answer, too: the agent reads the sentence and goes on from there. */
export async function answered(work: Promise<ToolAnswer>): Promise<CallToolResult> {
  try {
    const { text, structured, refused = false } = await work;
    const answer = { content: [{ type: 'text' as const, text }], structuredContent: { ...structured } };
    return refused ? { ...answer, isError: true } : answer;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { content: [{ type: 'text', text }], isError: true };
  }
}
