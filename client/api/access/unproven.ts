/** Who calls could not be proven; the message says why, and holds no secret. */
export class Unproven extends Error {
  override readonly name = 'Unproven';
}
