import { styleText } from 'node:util';

/** Puts colour around a text, or leaves it as it is. */
export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

export const plainPaint: Paint = (_style, text) => text;

interface Output {
  readonly isTTY?: boolean;
}

/** Colour on a terminal; NO_COLOR forbids it, FORCE_COLOR asks for it anywhere. */
export function paintFor(output: Output, env: NodeJS.ProcessEnv = process.env): Paint {
  if (env.NO_COLOR) return plainPaint;
  const forced = env.FORCE_COLOR;
  const wanted =
    forced === undefined
      ? output.isTTY === true && env.TERM !== 'dumb'
      : forced !== '0' && forced !== 'false';
  return wanted ? (style, text) => styleText(style, text, { validateStream: false }) : plainPaint;
}
