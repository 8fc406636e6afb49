/** An answer that is not a success, with the status and a sentence for people. */
export class ApiError extends Error {
  readonly status: 400 | 401 | 403 | 404 | 409 | 429 | 503;

  constructor(status: ApiError['status'], message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }
}
