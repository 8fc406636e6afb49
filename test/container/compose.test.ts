import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Compose {
  readonly services: Readonly<
    Record<string, { readonly image?: string; readonly ports?: readonly string[] }>
  >;
}

const read = (file: string) => readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
const text = await read('docker-compose.yml');
const { services } = parse(text, { merge: true }) as Compose;

/** Whether the same name means the same image tomorrow: a tag that names a version, or a digest. */
function isPinned(image: string): boolean {
  const name = /[^/]*$/.exec(image)?.[0] ?? '';
  const tag = /:([^@]+)/.exec(name)?.[1] ?? '';
  return /@sha256:[0-9a-f]{64}$/.test(name) || /\d+\.\d+/.test(tag);
}

// That it is valid against the schema of the Compose Specification is checked by .ci/check-compose.
describe('docker-compose.yml', () => {
  it('pins every image', () => {
    const images = Object.entries(services).map(([service, { image = 'none' }]) => `${service}: ${image}`);
    expect(images.length).toBeGreaterThan(5);
    expect(images.filter((line) => !isPinned(line.slice(line.indexOf(' ') + 1)))).toEqual([]);
  });

  it('is built on a pinned image', async () => {
    const [, image = 'none'] = /^ARG NODE_IMAGE=(\S+)$/m.exec(await read('Dockerfile')) ?? [];
    expect(image).toSatisfy(isPinned);
  });

  it('opens its ports to this machine only, as its header says', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(3);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('says in its header that it has not been run', () => {
    const header = text.slice(0, text.search(/^[^#\n]/m)).replaceAll('\n# ', ' ');
    expect(header).toContain('It has not been run here, because no container engine was at hand.');
  });
});
