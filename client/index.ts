export type * from './answers.ts';
export {
  type ClientOptions,
  type CommandName,
  createRollbackClient,
  type Filter,
  RollbackApiError,
  type RollbackClient,
  type Scope,
} from './rollback-client.ts';
