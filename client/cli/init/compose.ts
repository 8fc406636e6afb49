import { parse } from 'yaml';
import { dockerfileService } from './dockerfile.ts';
import { filesIn } from './files-in.ts';
import { memoryMb } from './memory.ts';
import { healthPathIn, portIn } from './ports.ts';
import { slug } from './slug.ts';

interface ComposeService {
  readonly name: string;
  readonly port: number | null;
  readonly memoryLimitMb: number | null;
  readonly healthPath: string | null;
}

interface Written {
  readonly build?: unknown;
  readonly image?: unknown;
  readonly ports?: readonly unknown[];
  readonly mem_limit?: unknown;
  readonly deploy?: { readonly resources?: { readonly limits?: { readonly memory?: unknown } } };
  readonly healthcheck?: { readonly test?: unknown };
}

/** Images that a team runs and does not release. */
const notReleased =
  /(^|\/)(postgres|mysql|mariadb|mongo|redis|valkey|memcached|rabbitmq|kafka|zookeeper|elasticsearch|opensearch|nginx|haproxy|traefik|envoy|prometheus|grafana|alertmanager|temporal[\w-]*|minio|adminer|mailhog)(:|@|$)/;

/** Services of a compose file that are built here, or whose image is not a well-known one. */
export async function composeServices(
  folder: string,
  say: (line: string) => void,
): Promise<ComposeService[]> {
  const [file] = await filesIn(folder, ['.'], /^(docker-)?compose\.ya?ml$/);
  if (file === undefined) return [];
  const services = Object.entries(servicesOf(file.text));
  const built = services.filter(([, { build }]) => build !== undefined);
  const own =
    built.length > 0 ? built : services.filter(([, { image }]) => !notReleased.test(String(image ?? '')));
  // The image of the only one that is built here is told by the Dockerfile beside it.
  const docker = built.length === 1 ? await dockerfileService(folder, () => undefined) : null;
  return own.map(([written, settings]) => {
    const service = {
      name: slug(written),
      port: publishedPort(settings) ?? docker?.port ?? null,
      memoryLimitMb: memoryMb(settings.mem_limit ?? settings.deploy?.resources?.limits?.memory),
      healthPath:
        healthPathIn(JSON.stringify(settings.healthcheck?.test ?? '')) ?? docker?.healthPath ?? null,
    };
    say(`${file.path}: service ${written}${about(service)}`);
    return service;
  });
}

function servicesOf(text: string): Record<string, Written> {
  try {
    const found = parse(text) as { services?: Record<string, Written | null> } | null;
    return Object.fromEntries(
      Object.entries(found?.services ?? {}).map(([name, value]) => [name, value ?? {}]),
    );
  } catch {
    return {};
  }
}

/** The port of this machine: `8080:3000`, `127.0.0.1:8080:3000`, `{ published: 8080, target: 3000 }`. */
function publishedPort({ ports = [] }: Written): number | null {
  const [first] = Array.isArray(ports) ? ports : [];
  if (typeof first === 'object' && first !== null) {
    const { published, target } = first as { published?: unknown; target?: unknown };
    return portIn(published ?? target);
  }
  const parts = String(first ?? '')
    .replace(/\/(tcp|udp)$/, '')
    .split(':');
  return portIn(parts.length > 1 ? parts.at(-2) : parts[0]);
}

function about({ port, memoryLimitMb }: ComposeService): string {
  return `${port === null ? '' : `, port ${port}`}${memoryLimitMb === null ? '' : `, ${memoryLimitMb} MiB`}`;
}
