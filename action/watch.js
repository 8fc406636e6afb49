import { show } from './runner.js';

const lookEveryMs = 5_000;

/** Looks at the deployment until its monitor has ended or the time is over; each new line of its story is shown. */
export async function watchDeployment({ product, environment, deployment, waitMs }, api) {
  const path = `/v1/deployments/${product}/${encodeURIComponent(deployment)}?environment=${environment}`;
  const untilMs = Date.now() + waitMs;
  let shown = 0;
  for (;;) {
    const found = await api.call('GET', path);
    const story = found.timeline.toSorted((a, b) => a.atMs - b.atMs).map(lineOf);
    for (const { at, text } of story.slice(shown)) show(`${at} ${text}`);
    shown = Math.max(shown, story.length);
    const { outcome, outcomeReason } = found.deployment;
    if (outcome !== null) return { outcome, reason: outcomeReason, story };
    const leftMs = untilMs - Date.now();
    if (leftMs <= 0) return { outcome: 'watching', reason: waitMs > 0 ? 'nothing bad so far' : null, story };
    await new Promise((resolve) => setTimeout(resolve, Math.min(lookEveryMs, leftMs)));
  }
}

function lineOf({ atMs, text }) {
  return { at: new Date(atMs).toISOString().slice(11, 19), text };
}
