import { escaped } from '../../../domain/svg.ts';

/** A picture that needs nothing else, for light and dark pages, and for those who hear it read. */
export function picture(
  {
    width,
    height,
    title,
    description,
  }: Readonly<Record<'title' | 'description', string>> & {
    readonly width: number;
    readonly height: number;
  },
  content: readonly string[],
): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title description">
<title id="title">${escaped(title)}</title>
<desc id="description">${escaped(description)}</desc>
<style>${style}</style>
<rect class="paper" width="${width}" height="${height}"/>
${content.filter((line) => line !== '').join('\n')}
</svg>
`;
}

const style =
  'text{font:13px system-ui,sans-serif;fill:#444}.heading{font-size:16px;font-weight:600;fill:#111}.strong{font-weight:600;fill:#1663b0}' +
  '.right{text-anchor:end}.middle{text-anchor:middle}.paper{fill:#fff}.frame{fill:none;stroke:#bbb}.grid{stroke:#e4e4e4}' +
  '.ours{stroke:#1663b0;fill:#1663b0}.rival{stroke:#777;fill:#777}.bar{stroke-width:2.5}.leader{stroke:#aaa;stroke-width:.8}' +
  '.target{stroke:#b25a00;stroke-width:2.5}.dashed{stroke-dasharray:3 2.5}' +
  '@media (prefers-color-scheme:dark){text{fill:#bbb}.heading{fill:#eee}.strong{fill:#6cb2ff}.paper{fill:#16181c}.frame{stroke:#555}' +
  '.grid{stroke:#2c3036}.ours{stroke:#6cb2ff;fill:#6cb2ff}.rival{stroke:#999;fill:#999}.leader{stroke:#666}.target{stroke:#f0a040}}';
