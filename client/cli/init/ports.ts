/** A port in whatever was written, or `null`. */
export function portIn(written: unknown): number | null {
  const port = Number(/^\s*(\d{1,5})\b/.exec(String(written ?? ''))?.[1]);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : null;
}

/** The path that a health check of containers asks for, as in `curl -f http://localhost:8080/healthz`. */
export function healthPathIn(command: string): string | null {
  return (
    /https?:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::[^/\s"']+)?(\/[\w./-]+)/.exec(command)?.[1] ?? null
  );
}
