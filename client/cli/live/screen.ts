import type { ReadStream, WriteStream } from 'node:tty';

export interface LiveScreen {
  readonly size: () => { readonly columns: number; readonly rows: number };
  draw(frame: string): void;
  /** Gives the terminal back as it was. May be called again. */
  leave(): void;
}

/** In raw mode it is a key like any other. */
const ctrlC = 3;
const enter = '\u001b[?1049h\u001b[?25l';
const exit = '\u001b[?25h\u001b[?1049l';
const home = '\u001b[H';
const clearLine = '\u001b[K';
const clearBelow = '\u001b[J';

/** Takes the terminal for frames that replace each other; `quit` when somebody presses q or Ctrl-C, or the process is told to end. */
export function takeScreen(
  { input, output }: { readonly input: ReadStream; readonly output: WriteStream },
  { quit, resized }: { quit: (how: 'left' | 'interrupted') => void; resized: () => void },
): LiveScreen {
  let isTaken = true;
  const interrupted = () => quit('interrupted');
  const onKey = (keys: Buffer) => {
    if (keys.includes(ctrlC)) interrupted();
    else if (keys.includes('q')) quit('left');
  };
  const leave = () => {
    if (!isTaken) return;
    isTaken = false;
    output.off('resize', resized);
    input.off('data', onKey);
    if (input.isTTY) input.setRawMode(false);
    input.pause();
    for (const signal of signals) process.off(signal, interrupted);
    process.off('exit', leave);
    output.write(exit);
  };
  output.write(enter);
  output.on('resize', resized);
  if (input.isTTY) input.setRawMode(true);
  input.on('data', onKey);
  for (const signal of signals) process.on(signal, interrupted);
  // Also after an error of ours: a terminal without a cursor is no help at night.
  process.on('exit', leave);
  return {
    size: () => ({ columns: output.columns || 80, rows: output.rows || 24 }),
    draw(frame) {
      const lines = frame.split('\n').map((line) => `${line}${clearLine}`);
      if (isTaken) output.write(`${home}${lines.join('\r\n')}${clearBelow}`);
    },
    leave,
  };
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
