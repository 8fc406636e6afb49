/** The two task queues: load on one never delays the other. Worker groups add `/<group>`. */
export const controlQueue = 'rollback-control';
export const watchQueue = 'rollback-watch';
