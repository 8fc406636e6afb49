/** How one call is told to people and named for generators of clients. */
export interface OperationText {
  readonly id: string;
  readonly tag: Tag;
  readonly summary: string;
  /** A body that is taken, for the example. */
  readonly body?: unknown;
  readonly query?: string;
}

export const tags = {
  Deploying: 'What pipelines say and ask',
  Commanding: 'What people say to a product and its rollback',
  Reading: 'What is live, what happened, what was learned',
  Access: 'Who may do what, and who did',
} as const;

export type Tag = keyof typeof tags;

const because = { by: 'Ada', reason: 'the page is broken' };

/** By method and path as the document has them. A test sees that none is left out. */
export const operationTexts: Readonly<Record<string, OperationText>> = {
  'post /v1/deployments': {
    id: 'reportDeployment',
    tag: 'Deploying',
    summary: 'Report a deployment that has happened; its 24-hour monitor starts',
    body: { product: 'shop', deployment: 'build-412', release: 'v2.6.0' },
  },
  'post /v1/products/{product}/gate': {
    id: 'askGate',
    tag: 'Deploying',
    summary: 'May this be deployed now, and would it come back?',
    body: { release: 'v2.6.0' },
  },
  'post /v1/alerts/alertmanager': {
    id: 'receiveAlerts',
    tag: 'Deploying',
    summary: 'Alerts of Alertmanager or Grafana: a firing one is a trigger',
    body: {
      alerts: [
        {
          status: 'firing',
          labels: { alertname: 'Slow', product: 'shop' },
          startsAt: '2026-11-24T10:00:00Z',
        },
      ],
    },
  },
  'get /v1/deployments': {
    id: 'listDeployments',
    tag: 'Reading',
    summary: 'Deployments, newest first',
    query: '?product=shop',
  },
  'get /v1/deployments/{product}/{deployment}': {
    id: 'readDeployment',
    tag: 'Deploying',
    summary: 'One deployment with its story; its outcome is null while it is watched',
  },
  'get /v1/deployments/{product}/{deployment}/series': {
    id: 'readSeries',
    tag: 'Reading',
    summary: 'What was measured of a deployment',
  },
  'get /v1/products': { id: 'listProducts', tag: 'Reading', summary: 'Every product that you may see' },
  'get /v1/products/{product}': {
    id: 'readStatus',
    tag: 'Reading',
    summary: 'What is live and what is going on',
  },
  'get /v1/products/{product}/readiness': {
    id: 'readReadiness',
    tag: 'Reading',
    summary: 'Would a rollback work, as it was last looked at?',
  },
  'get /v1/overview': { id: 'readOverview', tag: 'Reading', summary: 'Every product now, worst first' },
  'get /v1/events': { id: 'streamEvents', tag: 'Reading', summary: 'A stream of which products changed' },
  'get /v1/incidents': {
    id: 'listIncidents',
    tag: 'Reading',
    summary: 'Incidents, newest first',
    query: '?product=shop&limit=10',
  },
  'get /v1/incidents/{incident}': {
    id: 'readIncident',
    tag: 'Reading',
    summary: 'An incident with its report and its timeline',
  },
  'get /v1/lessons': {
    id: 'searchLessons',
    tag: 'Reading',
    summary: 'Has this happened before, and what fixed it?',
    query: '?query=pool+timeout+src/products.js',
  },
  'get /v1/statistics': {
    id: 'readStatistics',
    tag: 'Reading',
    summary: 'A period in figures',
    query: '?days=30',
  },
  'get /v1/products/{product}/rollback': {
    id: 'planRollback',
    tag: 'Commanding',
    summary: 'What a rollback would do now; nothing is done',
  },
  'post /v1/products/{product}/rollback': {
    id: 'rollBack',
    tag: 'Commanding',
    summary: 'Roll back now, whatever the triggers say',
    body: because,
  },
  'post /v1/products/{product}/pause': {
    id: 'pause',
    tag: 'Commanding',
    summary: 'Hold automatic rollbacks back; everything is still watched',
    body: { by: 'Ada', reason: 'migration tonight', minutes: 90 },
  },
  'post /v1/products/{product}/veto': {
    id: 'veto',
    tag: 'Commanding',
    summary: 'Say no to a rollback that waits for that: the release stays, and is only observed',
    body: { by: 'Ada', reason: 'the load test, not the release' },
  },
  'post /v1/products/{product}/resume': {
    id: 'resume',
    tag: 'Commanding',
    summary: 'End a pause or a veto; a standing breach is acted on at once',
    body: { by: 'Ada' },
  },
  'post /v1/products/{product}/acknowledge': {
    id: 'acknowledge',
    tag: 'Commanding',
    summary: 'Somebody is on it: silences the escalation for a while',
    body: { by: 'Ada' },
  },
  'post /v1/products/{product}/retry': {
    id: 'retry',
    tag: 'Commanding',
    summary: 'In an escalation: try the rollback again, with new attempts',
    body: { by: 'Ada', to: 'v2.3.0' },
  },
  'post /v1/products/{product}/traffic': {
    id: 'steerTraffic',
    tag: 'Commanding',
    summary: 'In an escalation: resume or stop user traffic',
    body: { by: 'Ada', state: 'resume' },
  },
  'post /v1/products/{product}/handover': {
    id: 'handOver',
    tag: 'Commanding',
    summary: 'End an escalation: somebody else takes it from here',
    body: { by: 'Ada', note: 'the database team has it' },
  },
  'post /v1/products/{product}/resolve': {
    id: 'resolve',
    tag: 'Commanding',
    summary: 'End an escalation with traffic as it is',
    body: { by: 'Ada', note: 'restarted the database' },
  },
  'post /v1/products/{product}/abort': {
    id: 'abort',
    tag: 'Commanding',
    summary: 'Stop a rollback after its current step',
    body: { by: 'Ada' },
  },
  'post /v1/products/{product}/releases/{release}': {
    id: 'setStanding',
    tag: 'Commanding',
    summary: 'Declare a release good or bad: a rollback target, or never one',
    body: { by: 'Ada', standing: 'good', reason: 'the database was the cause' },
  },
  'post /v1/products/{product}/floor': {
    id: 'setFloor',
    tag: 'Commanding',
    summary: 'Restore no release older than this one from now on, or lift that',
    body: { by: 'Ada', release: 'v2.5.0', reason: 'drops the column price' },
  },
  'post /v1/incidents/{incident}/review': {
    id: 'reviewIncident',
    tag: 'Commanding',
    summary: 'The owner’s review ends a post-mortem',
    body: { by: 'Ada', verdict: 'confirmed', note: 'batch the query' },
  },
  'get /v1/me': { id: 'whoAmI', tag: 'Access', summary: 'Who the API takes you for, and what you may do' },
  'post /v1/sign-in-links': {
    id: 'makeSignInLink',
    tag: 'Access',
    summary: 'A link that opens the page, once, within two minutes',
    body: { by: 'Ada' },
  },
  'get /v1/tokens': { id: 'listTokens', tag: 'Access', summary: 'Tokens, newest first' },
  'post /v1/tokens': {
    id: 'makeToken',
    tag: 'Access',
    summary: 'Make a token; its secret is in this answer only',
    body: { name: 'ci', role: 'pipeline', product: 'shop', days: 90 },
  },
  'delete /v1/tokens/{token}': { id: 'revokeToken', tag: 'Access', summary: 'A token serves no longer' },
  'get /v1/audit': {
    id: 'readAudit',
    tag: 'Access',
    summary: 'Every command, done or refused, newest first',
    query: '?product=shop',
  },
};
