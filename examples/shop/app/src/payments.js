export class PaymentError extends Error {
  status = 502;
  get name() {
    return 'PaymentError';
  }
}

/** The payment provider, another service. */
export function createPayments(url) {
  return {
    async charge(charge) {
      const response = await post(`${url}/charges`, charge);
      const answer = await response.text();
      if (!response.ok) throw new PaymentError(`payments answered ${response.status}: ${answer}`);
      return JSON.parse(answer);
    },
  };
}

async function post(url, body) {
  try {
    return await fetch(url, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(2_000),
    });
  } catch (cause) {
    throw new PaymentError(`payments do not answer: ${cause.cause?.code ?? cause.message}`, { cause });
  }
}
