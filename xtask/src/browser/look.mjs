// What is looked at on every page: its language and direction, its layout, its targets, and what axe-core finds.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { LANGUAGES, isRightToLeft } from './pages.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** WCAG 2.2, 2.5.8. */
const TARGET_PX = 24;
const NEAR_PX = 1.5;

/** The judges of a page, after they have judged one that is known to be bad. */
export async function judgesOf(browser) {
  const page = await browser.newPage();
  await page.setContent('<img src="data:,"><p style="color:#eee;background:#fff">faint</p>');
  const found = await axe({ page });
  if (!['image-alt', 'color-contrast'].every((rule) => found.some((fault) => fault.includes(rule)))) {
    throw new Error(`axe-core misses what is wrong with a bad page: ${found}`);
  }
  const version = await page.evaluate(() => globalThis.axe.version);
  await page.close();
  return { look, axe, version };
}

async function axe({ page, scripts }) {
  await scripts?.on();
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  await scripts?.off();
  return violations.map(({ id, impact, nodes }) => `axe-core ${id} (${impact}) at ${nodes.map((node) => node.target)}`);
}

async function look({ page }, view, state) {
  const seen = await page.evaluate(measure);
  const rtl = isRightToLeft(view.language);
  const isKnown = state.tone !== 'none';
  const small = seen.targets.filter((box) => box.width < TARGET_PX || box.height < TARGET_PX);
  const astray = [...seen.words, ...seen.values].filter((pair) => !beginsAtSide(pair, rtl));
  const found = {
    language: [seen.language, view.language],
    'language that is marked': [seen.current, view.language],
    direction: [seen.direction, rtl ? 'rtl' : 'ltr'],
    title: [seen.title, seen.headingText],
    tone: [seen.tone, state.tone],
    'languages to choose from': [seen.links, LANGUAGES.length],
    'wider than the window': [seen.scrollWidth > view.width, false],
    'outside of the window': [seen.outside.join(), ''],
    'has a button': [seen.isFormVisible, isKnown && !view.scripted],
    'has lost pictures': [seen.images.includes(0), false],
    'has the sign before the words': [isBefore(seen.icon, seen.heading, rtl), true],
    'targets that are too small': [JSON.stringify(small), '[]'],
    'words away from the side of their language': [JSON.stringify(astray), '[]'],
  };
  if (view.language === 'en' && state.says) found[state.says] = [seen.text.includes(state.says), true];
  const wrong = Object.entries(found).filter(([, [is, expected]]) => is !== expected);
  return wrong.map(([name, [is, expected]]) => `${name}: ${is} instead of ${expected}`);
}

const isBefore = (one, other, rtl) => (rtl ? one.left >= other.right : one.right <= other.left);

function beginsAtSide({ inner, outer }, rtl) {
  return Math.abs(rtl ? inner.right - outer.right : inner.left - outer.left) < NEAR_PX;
}

/** Runs inside the page. */
function measure() {
  const box = (thing) => {
    const { left, right, width, height } = thing.getBoundingClientRect();
    return { left, right, width, height };
  };
  const words = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return box(range);
  };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const isVisible = (element) => element.getClientRects().length > 0;
  const pair = (element) => ({ inner: words(element), outer: box(element) });
  const isOutside = (element) => isVisible(element) && (box(element).left < 0 || box(element).right > innerWidth);
  return {
    language: document.documentElement.lang,
    direction: getComputedStyle(document.body).direction,
    current: document.querySelector('nav [aria-current]')?.lang,
    title: document.title,
    tone: document.body.dataset.tone,
    headingText: document.querySelector('h1').innerText,
    links: all('nav a').length,
    text: document.body.innerText,
    scrollWidth: document.documentElement.scrollWidth,
    outside: all('body *').filter(isOutside).map((element) => element.tagName),
    isFormVisible: all('form').some(isVisible),
    targets: all('a, button').filter(isVisible).map(box),
    icon: box(document.querySelector('.verdict svg')),
    heading: words(document.querySelector('h1')),
    words: all('h1, .verdict p, dt').map(pair),
    values: all('dd').map(pair),
    images: all('img').map(({ naturalWidth }) => naturalWidth),
  };
}
