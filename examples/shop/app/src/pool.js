export class ConnectionPoolTimeoutError extends Error {
  get name() {
    return 'ConnectionPoolTimeoutError';
  }
}

/** Lends each connection to one piece of work at a time; who waits too long is turned away. */
export function createPool(connections, { acquireTimeoutMs = 100 } = {}) {
  const free = [...connections];
  const waiting = new Set();

  async function acquire() {
    const connection = free.pop() ?? (await nextFree());
    if (connection !== null) return connection;
    const problem = `no connection became free within ${acquireTimeoutMs} ms (pool of ${connections.length})`;
    throw new ConnectionPoolTimeoutError(problem);
  }

  function nextFree() {
    return new Promise((resolve) => {
      const take = (connection) => {
        waiting.delete(take);
        clearTimeout(timer);
        resolve(connection);
      };
      const timer = setTimeout(take, acquireTimeoutMs, null);
      waiting.add(take);
    });
  }

  function giveBack(connection) {
    const [first] = waiting;
    if (first === undefined) free.push(connection);
    else first(connection);
  }

  return {
    async use(work) {
      const connection = await acquire();
      try {
        return await work(connection);
      } finally {
        giveBack(connection);
      }
    },
  };
}
