/** Something to say about one place of the configuration file. */
export interface Finding {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** `rollback_policy.escalation[0].notify`; empty for the whole file. */
  readonly key: string;
  readonly message: string;
}

/** `rollback-config.yml:12:7: rollback_policy.enabled: found 1; allowed: true or false` */
export function findingText({ file, line, column, key, message }: Finding): string {
  return [`${file}:${line}:${column}`, ...(key === '' ? [] : [key]), message].join(': ');
}

/** The configuration cannot be used. Never holds a secret of the file. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Finding[];

  constructor(message: string, problems: readonly Finding[] = []) {
    super(message);
    this.problems = problems;
  }
}

/** Says all problems at once, one a line. */
export function configError(problems: readonly Finding[]): ConfigError {
  return new ConfigError(problems.map(findingText).join('\n'), problems);
}
