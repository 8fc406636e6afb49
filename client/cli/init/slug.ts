/** A name as the configuration allows it: `@acme/Shop Web` becomes `acme-shop-web`. */
export function slug(text: string): string {
  const cut = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63)
    .replace(/[^a-z0-9]+$/, '');
  return cut === '' ? 'app' : cut;
}
