import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The browser that is installed here: `CHROMIUM`, else by name on PATH. Throws with what to install. */
export async function findChromium(): Promise<string> {
  const places = [
    process.env.CHROMIUM ?? '',
    ...(process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name))),
  ];
  for (const place of places) {
    const found =
      place !== '' &&
      (await access(place).then(
        () => true,
        () => false,
      ));
    if (found) return place;
  }
  throw new Error('no Chromium was found: install the package chromium, or set CHROMIUM to the program');
}
