import { completionScripts } from '../completion/scripts.ts';
import { CommandFailure, exitCode } from '../exit-codes.ts';

/** `orchestrator completion bash|zsh|fish`. */
export async function completion([shell]: string[]): Promise<void> {
  if (shell !== 'bash' && shell !== 'zsh' && shell !== 'fish')
    throw new CommandFailure(
      exitCode.usage,
      `completion ${JSON.stringify(shell)}: allowed are bash, zsh and fish`,
    );
  process.stdout.write(completionScripts[shell]);
}
