export { monitorDeployment } from './monitor-deployment.ts';
export { postMortem } from './post-mortem.ts';
export { rollback } from './rollback.ts';
