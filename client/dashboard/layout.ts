import { html, raw } from 'hono/html';
import { grantText, may, type Principal } from '../../domain/access.ts';
import type { Assets } from './assets.ts';
import type { Said } from './said.ts';

export type Markup = ReturnType<typeof html>;

export interface PageFrame {
  readonly title: string;
  /** Path of the entry in the navigation that this page belongs to. */
  readonly section: string;
  readonly viewer: Principal | null;
  readonly assets: Assets;
  /** For the commands of this page; `null`: nobody is signed in. */
  readonly csrf: string | null;
  /** Where the live view comes from; left out: the page does not change. */
  readonly live?: string;
  /** Whether it draws charts. */
  readonly charts?: boolean;
  /** What a command just answered. */
  readonly said?: Said | undefined;
}

const sections = [
  { path: '/', name: 'Now', admin: false },
  { path: '/deployments', name: 'Deployments', admin: false },
  { path: '/incidents', name: 'Incidents', admin: false },
  { path: '/statistics', name: 'Statistics', admin: false },
  { path: '/access', name: 'Access', admin: true },
] as const;

/** A whole page. Everything that varies is escaped by the template; `body` is markup already. */
export function page(frame: PageFrame, body: Markup | Markup[]): Markup {
  const { title, assets, viewer, csrf, live, charts = false } = frame;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${csrf === null ? '' : html`<meta name="csrf-token" content="${csrf}">`}
<title>${title} · Rollback orchestrator</title>
<link rel="icon" href="${assets.path('icon.svg')}" type="image/svg+xml">
<link rel="stylesheet" href="${assets.path('style.css')}">
${charts ? html`<link rel="stylesheet" href="${assets.path('uplot.css')}"><script defer src="${assets.path('uplot.js')}"></script>` : ''}
<script type="module" src="${assets.path('page.js')}"></script>
</head>
<body${live === undefined ? '' : html` data-live="${live}"`}>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="/"><img src="${assets.path('icon.svg')}" alt="" width="22" height="22"> Rollback orchestrator</a>
${viewer === null ? '' : navigation(frame, viewer)}
</header>
<main id="main" tabindex="-1">
<h1>${title}</h1>
<div id="said" role="status" aria-live="polite">${frame.said === undefined ? '' : html`<p class="notice${frame.said.ok ? '' : ' bad'}">${frame.said.words}</p>`}</div>
${body}
</main>
<footer><p>Times are UTC.${live === undefined ? '' : html` <span id="liveness" role="status">Live view connecting …</span>`}</p></footer>
</body>
</html>`;
}

function navigation({ section, csrf }: PageFrame, viewer: Principal): Markup {
  const shown = sections.filter(({ admin }) => !admin || may(viewer, 'administer', null));
  return html`<nav aria-label="Pages"><ul>${shown.map(
    ({ path, name }) =>
      html`<li><a href="${path}"${path === section ? raw(' aria-current="page"') : ''}>${name}</a></li>`,
  )}</ul></nav>
<details class="me"><summary>${viewer.name}</summary>
<p>${viewer.grants.map(grantText).join(', ') || 'no role'}</p>
<form method="post" action="/sign-out"><input type="hidden" name="csrf" value="${csrf ?? ''}"><button>Sign out</button></form>
</details>`;
}
