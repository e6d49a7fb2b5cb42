// A look counts one scan, whatever the browser can do, and no more.

import { isScan, open } from './pages.mjs';

/** Returns how many things were compared. */
export async function checkCounts(browser, plan, faults) {
  const counts = new Counts(plan, faults);
  const phone = { language: 'ar', width: 320, colorScheme: 'light', scripted: true };
  await scripted(browser, plan, counts, phone);
  await plain(browser, plan, counts, { ...phone, scripted: false });
  await cutOff(browser, plan, counts, phone);
  await turning(browser, plan, counts, phone);
  return counts.compared;
}

/** With JavaScript the page tells by itself; the same shopper is the same session. */
async function scripted(browser, plan, counts, view) {
  const code = plan.counted.scripted;
  const { page, context } = await open(browser, plan.origin, view, counts.faults);
  await counts.are('before anybody looked', code, { scans: 0, sessions: 0 });
  await page.show(`/v/${code.token}`, { counts: true });
  await counts.are('after a look', code, { scans: 1, sessions: 1 });
  await page.reload();
  await counts.are('after the page was loaded again', code, { scans: 2, sessions: 1 });
  await context.close();
}

/** Without JavaScript the button does, by keyboard too, and its answer speaks the language of the page. */
async function plain(browser, plan, counts, view) {
  const code = plan.counted.plain;
  const { page, context } = await open(browser, plan.origin, view, counts.faults);
  await page.show(`/v/${code.token}`, { counts: false });
  await counts.are('after a look without JavaScript', code, { scans: 0, sessions: 0 });
  await page.page.locator('button').focus();
  await Promise.all([page.page.waitForResponse(isScan), page.page.keyboard.press('Enter')]);
  await page.page.locator('[role=status]').waitFor();
  await counts.are('after the button', code, { scans: 1, sessions: 1 });
  counts.equal('the language of the answer', await page.page.locator('html').getAttribute('lang'), view.language);
  counts.equal('its form', await page.page.locator('form').count(), 0);
  await page.page.locator('nav a[lang=fr]').click();
  counts.equal('where its links lead', page.page.url(), `${plan.origin}/v/${code.token}?lang=fr`);
  await counts.are('after the page in another language', code, { scans: 1, sessions: 1 });
  await context.close();
}

/** Where the beacon does not arrive, the button is there. */
async function cutOff(browser, plan, counts, view) {
  const code = plan.counted.cut_off;
  // The browser itself complains about the lost request.
  const { page, context } = await open(browser, plan.origin, view, []);
  await page.page.route('**/scan*', (route) => route.abort());
  await page.page.goto(page.address(`/v/${code.token}`));
  await page.page.locator('button').waitFor();
  await page.page.unroute('**/scan*');
  await Promise.all([page.page.waitForResponse(isScan), page.page.locator('button').click()]);
  await page.page.locator('[role=status]').waitFor();
  await counts.are('after a beacon was lost', code, { scans: 1, sessions: 1 });
  await context.close();
}

/** The look that makes a code suspicious says so to whoever looks, and is one. */
async function turning(browser, plan, counts, view) {
  const code = plan.counted.turning;
  const { page, context } = await open(browser, plan.origin, view, counts.faults);
  await page.page.goto(page.address(`/v/${code.token}`));
  await page.page.locator('body[data-tone=warn]').waitFor();
  await page.page.waitForLoadState('networkidle');
  await counts.are('after the look that turned it', code, { scans: 2, sessions: 2 });
  counts.equal('the language after it turned', await page.page.locator('html').getAttribute('lang'), view.language);
  await context.close();
}

class Counts {
  compared = 0;

  constructor(plan, faults) {
    this.plan = plan;
    this.faults = faults;
  }

  /** Compares with what the maker's key is told. */
  async are(when, { token, batch }, expected) {
    const { scanCount } = await this.#ask('POST', '/api/v1/verify', { token });
    const { counts } = await this.#ask('GET', `/api/v1/batches/${batch}`);
    this.equal(when, JSON.stringify({ scans: scanCount, sessions: counts.sessions }), JSON.stringify(expected));
  }

  equal(what, found, expected) {
    this.compared += 1;
    if (found !== expected) this.faults.push(`${what}: ${found} instead of ${expected}`);
  }

  async #ask(method, path, body) {
    const headers = { authorization: `Bearer ${this.plan.key}`, 'content-type': 'application/json' };
    const answer = await fetch(this.plan.origin + path, { method, headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }
}
