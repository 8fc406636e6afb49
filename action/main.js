// Runs from the checkout as it is: plain JavaScript without dependencies.
import { createApi } from './api.js';
import { readInputs } from './inputs.js';
import { addSummary, annotate, setOutput, show } from './runner.js';
import { createTokens } from './tokens.js';
import { watchDeployment } from './watch.js';

try {
  const inputs = readInputs(process.env);
  const api = createApi(inputs.apiUrl, createTokens(inputs, process.env));
  const isFine = inputs.command === 'gate' ? await gate(inputs, api) : await deployed(inputs, api);
  if (!isFine) process.exitCode = 1;
} catch (error) {
  annotate('error', error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

/** Fails the step when the gate is shut, with the reasons and the ways past them. */
async function gate({ product, environment, releases }, api) {
  const answer = await api.call('POST', `/v1/products/${product}/gate?environment=${environment}`, {
    body: releases,
    alsoAnswers: [409],
    timeoutMs: 60_000,
  });
  setOutput('open', String(answer.open));
  for (const finding of answer.findings) {
    const way = finding.wayPast === null ? '' : ` Way past it: ${finding.wayPast}`;
    show(`${finding.kind}: ${finding.name}: ${finding.reason}`);
    if (finding.kind === 'refused') annotate('error', `${finding.reason}.${way}`, `Gate of ${product}`);
    if (finding.kind === 'warning') annotate('warning', `${finding.reason}.${way}`, `Gate of ${product}`);
  }
  addSummary(
    `Gate of ${product}: ${answer.open ? 'open' : 'shut'}`,
    answer.findings.map(({ kind, name, reason, wayPast }) => [kind, name, reason, wayPast ?? '']),
    ['', 'what', 'why', 'way past it'],
  );
  if (!answer.open) annotate('error', `the gate of ${product} is shut: nothing was deployed`);
  return answer.open;
}

/** Reports the deployment and waits; fails the step by its outcome. */
async function deployed(inputs, api) {
  const { product, environment, releases, deployment, deployedAt, changedAt, failOn } = inputs;
  const report = {
    product,
    environment,
    deployment,
    ...releases,
    deployedAt,
    ...(changedAt && { changedAt }),
  };
  const answer = await api.call('POST', '/v1/deployments', { body: report });
  const { link, notes, isNew } = answer;
  setOutput('deployment', deployment);
  setOutput('link', link ?? '');
  show(`${isNew ? 'recorded' : 'known already'}: ${deployment} of ${product}; its monitor runs for 24 hours`);
  for (const note of notes) annotate('warning', note, `Deployment of ${product}`);
  const { outcome, reason, story } = await watchDeployment(inputs, api);
  setOutput('outcome', outcome);
  const isBad = failOn.includes(outcome);
  const sentence = reason === null ? outcome : `${outcome}: ${reason}`;
  if (isBad) annotate('error', sentence, `Deployment of ${product}`);
  else show(sentence);
  const title = `${product} ${deployment}: ${outcome}`;
  addSummary(
    title,
    story.map(({ at, text }) => [at, text]),
    ['UTC', 'what'],
    link,
  );
  return !isBad;
}
