import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { ApiDocument } from '../../client/api/document/openapi-document.ts';
import { operationTexts, tags } from '../../client/api/document/operations.ts';
import { currentApiPage } from '../../client/api/document/write-api-page.ts';
import { cleanUp } from '../adapters/temporary.ts';
import { aServedApi, localToken } from './access/served-api.ts';

afterEach(cleanUp);

describe('the OpenAPI document', () => {
  it('names every call for generators and tells it to people, and nothing that is not there', async () => {
    const api = await aServedApi();
    const document = (await api.call('GET', '/openapi.json')).body as unknown as ApiDocument;
    const calls = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
    );
    expect(calls.map(({ name }) => name).toSorted()).toEqual(Object.keys(operationTexts).toSorted());
    const ids = calls.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(calls.length);
    for (const { name, operation } of calls) {
      expect(operation.operationId, name).toMatch(/^[a-z][A-Za-z]+$/);
      expect(operation.summary, name).toBeTruthy();
      expect(Object.keys(tags), name).toContain(operation.tags?.[0]);
    }
  });

  it('has an example for curl of every call, which the API takes', async () => {
    const api = await aServedApi();
    const document = (await api.call('GET', '/openapi.json')).body as unknown as ApiDocument;
    const samples = Object.values(document.paths).flatMap((operations) =>
      Object.values(operations).map((operation) => operation['x-codeSamples']?.[0]?.source ?? ''),
    );
    const env = { PATH: process.env.PATH, ORCHESTRATOR_API: api.url, ORCHESTRATOR_TOKEN: localToken };
    for (const sample of samples) {
      const quiet = "--silent --output /dev/null --write-out '%{http_code}' --max-time 1";
      const ran = promisify(execFile)('sh', ['-c', `${sample} ${quiet}`], { env });
      // A stream is ended by us.
      const { stdout } = await ran.catch((error: { stdout: string }) => error);
      expect(['200', '201', '202', '404', '409'], sample).toContain(stdout);
    }
  }, 60_000);
});

describe('docs/api.md', () => {
  it('is up to date: node client/api/document/write-api-page.ts', async () => {
    const page = await readFile(new URL('../../docs/api.md', import.meta.url), 'utf8');
    expect(page === (await currentApiPage())).toBe(true);
  });
});
