import { expect } from 'vitest';

/** Scenario 1 of the specification, told in its order. */
export function expectSpecifiedStory(story: string, detected: RegExp): void {
  const steps = [
    /Deploy v2\.5\.0 to production/,
    detected,
    /Owner alerted: "CRITICAL: Auto-rollback initiated"/,
    /Maintenance mode ON for web/,
    /Rollback to v2\.4\.0/,
    /Services restarted/,
    /Health checks: PASS/,
    /Maintenance mode OFF/,
    /Owner notified: "Rollback successful"/,
    /Root cause \(hypothesis\): New code runs one query per item \(N\+1 query\)/,
    /Issue created/,
  ];
  const places = steps.map((step) => story.search(step));
  expect(
    places.every((place, i) => place >= 0 && place > (places[i - 1] ?? -1)),
    story,
  ).toBe(true);
}
