// A page of the browser that notes what a shopper's page must not do.

export const LANGUAGES = ['en', 'sw', 'fr', 'ar', 'so'];
export const isRightToLeft = (language) => language === 'ar';

const WAIT_MS = 15_000;

/** A new page, as a phone or a desk shows it. What it does wrong is added to `faults`. */
export async function open(browser, origin, view, faults) {
  const { language, width, colorScheme, scripted, byAddress = true } = view;
  // The address is to win against a header that asks for another language.
  const other = LANGUAGES[(LANGUAGES.indexOf(language) + 1) % LANGUAGES.length];
  const context = await browser.newContext({
    viewport: { width, height: 640 },
    colorScheme,
    javaScriptEnabled: scripted,
    locale: byAddress ? other : language,
  });
  context.setDefaultTimeout(WAIT_MS);
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => console.error('policy:', event.violatedDirective));
  });
  const page = await context.newPage();
  page.on('console', (message) => faults.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:')) {
      faults.push(`asks for ${request.url()}`);
    }
  });
  const address = (path) => `${origin}${path}${byAddress ? `?lang=${language}` : ''}`;
  return { context, page: new ShopperPage(page, address, scripted ? undefined : await scriptsOf(page)) };
}

/** axe-core waits by timers, which a page without JavaScript has not: it is let run once the page was loaded. */
async function scriptsOf(page) {
  const session = await page.context().newCDPSession(page);
  const allow = (allowed) => session.send('Emulation.setScriptExecutionDisabled', { value: !allowed });
  await allow(false);
  return { on: () => allow(true), off: () => allow(false) };
}

/** The page of a code. */
export class ShopperPage {
  constructor(page, address, scripts) {
    this.page = page;
    this.address = address;
    this.scripts = scripts;
  }

  /** Opens it, and waits until its beacon was answered if it `counts`. */
  async show(path, { counts }) {
    const answered = counts ? this.page.waitForResponse(isScan) : Promise.resolve();
    await Promise.all([answered, this.page.goto(this.address(path))]);
  }

  async reload() {
    await Promise.all([this.page.waitForResponse(isScan), this.page.reload()]);
  }

  heading() {
    return this.page.locator('h1').innerText();
  }
}

export const isScan = (response) => response.request().method() === 'POST';

/** What each verdict was called in each language: no two may be called the same. */
export class Shown {
  #said = new Map();
  #faults = [];

  note(language, state, heading) {
    if (language === 'en' && heading !== state.heading) {
      this.#faults.push(`${state.name} says "${heading}" instead of "${state.heading}"`);
    }
    const known = this.#said.get(heading) ?? { language, verdict: state.heading };
    this.#said.set(heading, known);
    if (known.language !== language || known.verdict !== state.heading) {
      this.#faults.push(`"${heading}" is said of ${state.name} in ${language}, and of "${known.verdict}" in ${known.language}`);
    }
  }

  confusions() {
    const verdicts = new Set([...this.#said.values()].map(({ verdict }) => verdict));
    const expected = verdicts.size * LANGUAGES.length;
    const count = this.#said.size;
    return count === expected ? this.#faults : [...this.#faults, `${count} headings instead of ${expected}`];
  }
}
