// The pictures of the page that are kept beside its documentation.

import { join } from 'node:path';
import { isScan, open } from './pages.mjs';

const PICTURES = [
  { file: 'en-first', state: 'unscanned', language: 'en', scripted: false },
  { file: 'en-recorded', state: 'unscanned', language: 'en', scripted: false, press: true },
  { file: 'en-genuine', state: 'genuine', language: 'en' },
  { file: 'en-elsewhere', state: 'red', language: 'en' },
  { file: 'en-inactive', state: 'inactive', language: 'en' },
  { file: 'en-recalled', state: 'recalled', language: 'en' },
  { file: 'en-stolen', state: 'stolen', language: 'en' },
  { file: 'en-unknown', state: 'unknown', language: 'en' },
  { file: 'sw-recalled', state: 'recalled', language: 'sw' },
  { file: 'fr-elsewhere', state: 'amber', language: 'fr' },
  { file: 'ar-genuine', state: 'genuine', language: 'ar' },
  { file: 'so-inactive', state: 'consumed', language: 'so' },
  { file: 'en-genuine-dark', state: 'genuine', language: 'en', colorScheme: 'dark' },
  { file: 'ar-stolen-dark', state: 'stolen', language: 'ar', colorScheme: 'dark' },
  { file: 'en-genuine-wide', state: 'genuine', language: 'en', width: 1280 },
];

/** Takes them, and returns how many there are. */
export async function take(browser, plan) {
  for (const picture of PICTURES) {
    const view = { width: 320, colorScheme: 'light', scripted: true, ...picture };
    const state = plan.states.find(({ name }) => name === picture.state);
    const faults = [];
    const { page, context } = await open(browser, plan.origin, view, faults);
    await page.show(state.paths.at(-1), { counts: view.scripted && state.tone !== 'none' });
    if (picture.press) {
      await Promise.all([page.page.waitForResponse(isScan), page.page.locator('button').click()]);
      await page.page.locator('[role=status]').waitFor();
    }
    await page.page.screenshot({ path: join(plan.pictures, `${picture.file}.png`), fullPage: true });
    await context.close();
    if (faults.length > 0) throw new Error(`${picture.file}: ${faults}`);
  }
  return PICTURES.length;
}
