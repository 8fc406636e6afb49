/** What a browser does with cookies and redirects, and nothing else of it. */
export function aBrowser() {
  const jars = new Map<string, Map<string, string>>();

  return { go, cookies: (url: string) => jarOf(url) };

  function jarOf(url: string | URL): Map<string, string> {
    const { host } = new URL(url);
    const jar = jars.get(host) ?? new Map<string, string>();
    jars.set(host, jar);
    return jar;
  }

  /** Follows redirects to the page where they end. */
  async function go(
    url: string,
    init: RequestInit = {},
  ): Promise<{ status: number; url: string; text: string }> {
    let target = new URL(url);
    let given = init;
    for (let hops = 0; hops < 15; hops += 1) {
      const jar = jarOf(target);
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(target, {
        ...given,
        redirect: 'manual',
        headers: { accept: 'text/html', ...(given.headers as Record<string, string> | undefined), cookie },
      });
      for (const line of response.headers.getSetCookie()) keep(jar, line);
      const to = response.headers.get('location');
      if (to === null) return { status: response.status, url: target.href, text: await response.text() };
      await response.body?.cancel();
      target = new URL(to, target);
      given = {};
    }
    throw new Error(`too many redirects, the last to ${target.href}`);
  }

  function keep(jar: Map<string, string>, line: string): void {
    const [pair = '', ...attributes] = line.split(';');
    const at = pair.indexOf('=');
    const gone = attributes.some((attribute) => /^\s*(max-age=0|expires=thu, 01 jan 1970)/i.test(attribute));
    if (gone) jar.delete(pair.slice(0, at));
    else jar.set(pair.slice(0, at), pair.slice(at + 1));
  }
}

export function aForm(fields: Record<string, string>): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  };
}

/** The word for forms that a page of ours carries. */
export function csrfIn(text: string): string {
  return /name="csrf-token" content="([^"]+)"/.exec(text)?.[1] ?? '';
}
