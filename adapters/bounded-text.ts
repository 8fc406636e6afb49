/** Keeps head and tail of a text of any length in bounded memory. */
export function boundedText(limitBytes: number) {
  const half = Math.floor(limitBytes / 2);
  let head: Buffer = Buffer.alloc(0);
  let tail: Buffer = Buffer.alloc(0);
  let totalBytes = 0;

  return {
    add(chunk: Buffer): void {
      totalBytes += chunk.length;
      const room = half - head.length;
      if (room > 0) head = Buffer.concat([head, chunk.subarray(0, room)]);
      const rest = chunk.subarray(Math.max(room, 0));
      if (rest.length > 0) tail = Buffer.concat([tail, rest.subarray(-half)]).subarray(-half);
    },
    text(): string {
      const leftOut = totalBytes - head.length - tail.length;
      const gap = leftOut > 0 ? [Buffer.from(`\n… ${leftOut} bytes left out …\n`)] : [];
      return Buffer.concat([head, ...gap, tail]).toString();
    },
  };
}
