import { describe, expect, it } from 'vitest';
import { atServer, pageLinks, timelineLinks } from '../../domain/message.ts';

describe('the link to the timeline', () => {
  it.each([
    [
      'http://ui/namespaces/default',
      'monitor/shop/production/build-1',
      'run-1',
      '/monitor%2Fshop%2Fproduction%2Fbuild-1/run-1',
    ],
    ['http://ui/namespaces/default', 'rollback/shop/production', undefined, '/rollback%2Fshop%2Fproduction'],
  ])('of %s names workflow %s and run %s', (ui, workflow, run, path) => {
    expect(timelineLinks(ui, workflow, run)).toEqual([
      { label: 'Timeline', url: `http://ui/namespaces/default/workflows${path}` },
    ]);
  });

  it('is left out where the address of the Temporal UI is not known', () => {
    expect(timelineLinks(null, 'rollback/shop/production')).toEqual([]);
  });
});

describe('a command of Temporal', () => {
  const server = { address: '127.0.0.1:7300', namespace: 'rollbacks' };

  it('names the server it is for; others stay as they are', () => {
    expect(atServer('temporal workflow show --workflow-id w', server)).toBe(
      'temporal workflow show --workflow-id w --address 127.0.0.1:7300 --namespace rollbacks',
    );
    expect(atServer('temporal workflow show', null)).toBe('temporal workflow show');
    expect(atServer('orchestrator retry shop', server)).toBe('orchestrator retry shop');
  });
});

describe('the link to the page', () => {
  const about = { deployment: 'build-1', services: [] };
  const shop = { product: 'shop', environment: 'staging' };

  it('leads to the incident, else to the deployment, and is left out where nobody knows the address', () => {
    const ui = 'https://rollback.example.com';
    expect(pageLinks(ui, { ...shop, about: { ...about, incident: 'inc-1' } })).toEqual([
      { label: 'Page', url: 'https://rollback.example.com/incidents/inc-1' },
    ]);
    expect(pageLinks(ui, { ...shop, about })).toEqual([
      { label: 'Page', url: 'https://rollback.example.com/deployments/shop/build-1?environment=staging' },
    ]);
    expect(pageLinks(null, { ...shop, about })).toEqual([]);
  });
});
