import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterwards, kill } from '../adapters/temporary.ts';

const program = fileURLToPath(new URL('../../bin/orchestrator.js', import.meta.url));

/** A pseudo-terminal of Python's, 100 columns wide: keys are sent when the words before them have been said. */
const terminal = `
import fcntl, os, pty, select, struct, sys, termios, time
steps = [step.split('=>') for step in sys.argv[1].split('|') if step]
pid, fd = pty.fork()
if pid == 0:
    time.sleep(0.2)
    os.execvp(sys.argv[2], sys.argv[2:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 100, 0, 0))
said, heard, end = b'', b'', time.time() + 40
while time.time() < end:
    if select.select([fd], [], [], 0.1)[0]:
        try: piece = os.read(fd, 65536)
        except OSError: break
        if not piece: break
        said += piece
        heard += piece
    elif steps and steps[0][0].encode() in heard:
        keys = steps[0][1]
        if keys.startswith('@'):
            columns, rows = map(int, keys[1:].split('x'))
            fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        else:
            os.write(fd, keys.encode().decode('unicode_escape').encode())
        steps.pop(0)
        heard = b''
else:
    os.kill(pid, 9)
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(said)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(status) % 256)
`;

/** Runs the CLI on a terminal. Each step is `words=>keys`; keys may be written as `\\x03`, a new size as `@60x20`. */
export async function runInTerminal(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
  steps: readonly string[],
): Promise<{ readonly code: number; readonly said: string }> {
  const command = ['-c', terminal, steps.join('|'), process.execPath, program, ...args];
  const child = spawn('python3', command, {
    cwd,
    env: {
      PATH: process.env.PATH,
      HOME: '/nonexistent',
      TERM: 'xterm-256color',
      NODE_NO_WARNINGS: '1',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  afterwards(() => kill(child));
  let said = '';
  child.stdout.on('data', (piece: Buffer) => {
    said += piece.toString();
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
}
