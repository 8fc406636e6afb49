const units: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** MiB of `512m`, `1.5g`, `512Mi` or a number of bytes; `null` for anything else. */
export function memoryMb(written: unknown): number | null {
  const [, number, unit = ''] = /^\s*([\d.]+)\s*([kmgt]?)i?b?\s*$/i.exec(String(written ?? '')) ?? [];
  const bytes = Number(number) * (units[unit.toLowerCase()] ?? Number.NaN);
  return bytes > 0 ? Math.max(1, Math.round(bytes / 2 ** 20)) : null;
}
