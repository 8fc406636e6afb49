import { imageParts } from '../image-name.ts';
import type { PodTemplate } from './objects.ts';

/** What of a pod template is the release. Absent: the label `app.kubernetes.io/version`, else the tag of the image. */
export type ReleaseFrom =
  | { readonly label: string }
  | { readonly annotation: string }
  | { readonly image: 'tag' | 'digest' };

export interface ReleaseNaming {
  readonly from?: ReleaseFrom;
  /** Whose image counts; needed where there are several containers. */
  readonly container?: string;
}

export const versionLabel = 'app.kubernetes.io/version';
const defaultContainer = 'kubectl.kubernetes.io/default-container';

type Named = Pick<PodTemplate, 'metadata' | 'spec'>;

/** `null` where the template says nothing of the kind: a label that is not there, an image without a digest. */
export function releaseOf(template: Named, { from, container }: ReleaseNaming): string | null {
  const { labels = {}, annotations = {} } = template.metadata ?? {};
  if (from === undefined) {
    return labels[versionLabel] ?? releaseOf(template, { from: { image: 'tag' }, container });
  }
  if ('label' in from) return labels[from.label] ?? null;
  if ('annotation' in from) return annotations[from.annotation] ?? null;
  const image = imageOf(template, container);
  return from.image === 'digest' ? image.digest : (image.tag ?? image.digest ?? 'latest');
}

/** The image by which releases are told apart, with what may be said against it. */
export function movableImage(template: Named, { from, container }: ReleaseNaming): string | null {
  if (from !== undefined && !('image' in from)) return null;
  if (from === undefined && template.metadata?.labels?.[versionLabel] !== undefined) return null;
  const { written, tag, digest } = imageOf(template, container);
  return digest === null && (tag === null || tag === 'latest') ? written : null;
}

export function imageOf(template: Named, wanted?: string) {
  const { containers } = template.spec;
  const name = wanted ?? template.metadata?.annotations?.[defaultContainer];
  if (name === undefined && containers.length > 1) {
    const names = containers.map((container) => container.name).join(', ');
    throw new Error(`there are several containers (${names}): say in "container" whose image is the release`);
  }
  const found = name === undefined ? containers[0] : containers.find((container) => container.name === name);
  if (found?.image === undefined) {
    const names = containers.map((container) => container.name).join(', ');
    throw new Error(`there is no container ${name} with an image; there are ${names}`);
  }
  return { written: found.image, ...imageParts(found.image) };
}
