export { checkReadiness } from './check-readiness.ts';
export { deliverMessages } from './deliver-messages.ts';
export { monitorDeployment } from './monitor-deployment.ts';
export { postMortem } from './post-mortem.ts';
export { rollback } from './rollback.ts';
export { standby } from './standby.ts';
