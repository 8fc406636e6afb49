const networkErrors: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'host not found',
  EAI_AGAIN: 'host name lookup failed',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'connection timed out',
  UND_ERR_SOCKET: 'connection closed before the end',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'connection closed before the end',
  Z_BUF_ERROR: 'the compressed page ends too early',
  Z_DATA_ERROR: 'the compressed page is damaged',
};

/** What a failed request met, in words; without the address, which the caller knows and may have to hide. */
export function describeNetworkError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return networkErrors[code] ?? (code.startsWith('HPE_') ? 'the answer is not HTTP' : code || error.message);
}
