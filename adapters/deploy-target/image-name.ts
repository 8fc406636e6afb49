const digestLength = 12;

/**
 * The tag, and the first 12 characters of the digest, of a container image.
 * `registry:5000/shop/web:v2@sha256:…`: a colon before the last slash belongs to a port.
 */
export function imageParts(image: string): { readonly tag: string | null; readonly digest: string | null } {
  const [name = '', digest] = image.split('@');
  const tag = name.slice(name.lastIndexOf('/') + 1).split(':')[1];
  return { tag: tag || null, digest: digest?.split(':')[1]?.slice(0, digestLength) ?? null };
}

/** What can be a tag, a label or a digest; never an option of whatever prints it. */
export function refuseReleaseName(release: string): void {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._:+/@-]{0,252}$/.test(release))
    throw new Error(`release ${JSON.stringify(release)} cannot be the name of a release`);
}
