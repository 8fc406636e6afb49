import type { Group } from './entry.ts';

export const setUp: Group = {
  title: 'Set up',
  entries: [
    {
      name: 'init',
      summary: 'Look around, ask, and write a commented configuration',
      about:
        'Looks at the current folder (Dockerfile, compose file, manifests, systemd units, package.json, prometheus.yml, git remote, kube context), asks what it cannot know, and writes a commented rollback-config.yml that passes "config check". Secrets are written as references to environment variables. Without a terminal, or with --yes, it takes what it found and says what it assumed.',
      options: [
        { flags: '--yes', description: 'ask nothing: what was found, and defaults' },
        { flags: '--force', description: 'write over a file that is there' },
        { flags: '--out <file>', description: 'the file to write', fallback: 'rollback-config.yml' },
      ],
      variables: ['KUBECONFIG', 'PROMETHEUS_URL'],
      exits: [130],
      examples: ['orchestrator init', 'orchestrator init --yes --out deploy/rollback-config.yml'],
      seeAlso: ['config', 'doctor', 'up'],
      load: async () => (await import('../commands/init.ts')).init,
    },
    {
      name: 'config',
      summary: 'Check the configuration file: config check',
      about:
        'Says everything that is wrong with the configuration file, with line and column, and what is worth a warning. Asks nothing outside: for that there is "doctor".',
      args: [{ name: '<what>', description: 'check', values: ['check'] }],
      variables: ['ROLLBACK_CONFIG', 'SMTP_URL'],
      examples: ['orchestrator config check --config rollback-config.yml'],
      seeAlso: ['init', 'doctor'],
      load: async () => (await import('../commands/config.ts')).config,
    },
    {
      name: 'completion',
      summary: 'Print a completion script for bash, zsh or fish',
      about:
        'Prints a script that completes commands, options, products and incidents. Names come from the API, within half a second; where it does not answer there are none.',
      args: [{ name: '<shell>', description: 'bash, zsh or fish', values: ['bash', 'zsh', 'fish'] }],
      examples: [
        'source <(orchestrator completion bash)',
        'orchestrator completion zsh > ~/.zfunc/_orchestrator   # a folder of $fpath',
        'orchestrator completion fish > ~/.config/fish/completions/orchestrator.fish',
      ],
      load: async () => (await import('../commands/completion.ts')).completion,
    },
  ],
};
