import { createHmac, timingSafeEqual } from 'node:crypto';

/** A recorded request is worth nothing to whoever sends it again later. */
const longestMs = 5 * 60_000;

/**
 * Whether Slack sent this: `null`, or the sentence that says why not. Over the bytes as they came, with the app's signing secret.
 * @param header the value of a header by its lower-case name
 */
export function verifySlackRequest(
  header: (name: string) => string | undefined,
  rawBody: string,
  signingSecret: string,
  nowMs: number,
): string | null {
  const timestamp = header('x-slack-request-timestamp');
  const signature = header('x-slack-signature');
  if (timestamp === undefined || signature === undefined || !/^\d{1,12}$/.test(timestamp))
    return 'the request is not signed by Slack';
  if (Math.abs(nowMs - Number(timestamp) * 1_000) > longestMs) return 'the request is older than 5 minutes';
  const expected = `v0=${createHmac('sha256', signingSecret).update(`v0:${timestamp}:${rawBody}`).digest('hex')}`;
  const [given, wanted] = [Buffer.from(signature), Buffer.from(expected)];
  const isEqual = given.length === wanted.length && timingSafeEqual(given, wanted);
  return isEqual ? null : 'the signature of the request is wrong';
}
