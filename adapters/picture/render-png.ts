import { createRequire } from 'node:module';

const fonts = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'];

/**
 * An SVG as a PNG of twice its size; `null` where the renderer cannot be used on this machine: a message goes without a picture
 * then. The renderer is loaded with the first picture, and brings its font along: a bare machine has none.
 */
export async function renderPng(svg: string): Promise<Buffer | null> {
  try {
    const { Resvg } = await import('@resvg/resvg-js');
    const { resolve } = createRequire(import.meta.url);
    const font = {
      loadSystemFonts: false,
      fontFiles: fonts.map((name) => resolve(`dejavu-fonts-ttf/ttf/${name}`)),
      defaultFontFamily: 'DejaVu Sans',
      sansSerifFamily: 'DejaVu Sans',
    };
    return new Resvg(svg, { fitTo: { mode: 'zoom', value: 2 }, font }).render().asPng();
  } catch {
    return null;
  }
}
