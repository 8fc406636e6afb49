export {
  type ClientOptions,
  createRollbackClient,
  RollbackApiError,
  type RollbackClient,
} from './rollback-client.ts';
