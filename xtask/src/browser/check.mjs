// Opens the shopper's page in every state, language, width and colour scheme, with JavaScript and without it, and
// prints what is wrong. Ends with 1 if anything is.

import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { checkCounts } from './counts.mjs';
import { judgesOf } from './look.mjs';
import { LANGUAGES, Shown, open } from './pages.mjs';
import { take } from './pictures.mjs';

const LIMIT_MS = 20 * 60_000;

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const faults = [];
setTimeout(() => {
  console.log('the browser did not come to an end');
  process.exit(1);
}, LIMIT_MS).unref();
const browser = await chromium.launch({
  executablePath: plan.chromium,
  // Whatever asks for another host gets nowhere, and is seen.
  args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
});
try {
  const judge = await judgesOf(browser);
  const said = new Shown();
  let pages = 0;
  for (const view of views()) pages += await checkView(view, judge, said);
  faults.push(...said.confusions());
  const counts = await checkCounts(browser, plan, faults);
  const pictures = plan.pictures ? await take(browser, plan) : 0;
  console.log(`${pages} pages in Chromium ${browser.version()}, axe-core ${judge.version}; ${counts} counts; ${pictures} pictures`);
} finally {
  await browser.close();
}
for (const fault of faults.slice(0, 40)) console.log(`- ${fault}`);
if (faults.length > 0) {
  console.log(`${faults.length} faults`);
  process.exitCode = 1;
}

/** Every way to look at a page. Each language is asked for by address and by header at each width. */
function* views() {
  for (const language of LANGUAGES) {
    for (const [w, width] of [320, 1280].entries()) {
      for (const [c, colorScheme] of ['light', 'dark'].entries()) {
        for (const [j, scripted] of [true, false].entries()) {
          yield { language, width, colorScheme, scripted, byAddress: (w + c + j) % 2 === 0 };
        }
      }
    }
  }
}

async function checkView(view, judge, said) {
  const { page, context } = await open(browser, plan.origin, view, faults);
  for (const state of plan.states) {
    // Where there are many, a look that counts takes one away.
    const path = view.scripted && state.paths.length > 1 ? state.paths.pop() : state.paths[0];
    const name = `${state.name} ${JSON.stringify(view)}`;
    const before = faults.length;
    await page.show(path, { counts: view.scripted && state.tone !== 'none' });
    said.note(view.language, state, await page.heading());
    faults.push(...await judge.look(page, view, state));
    faults.push(...await judge.axe(page));
    for (let at = before; at < faults.length; at += 1) faults[at] = `${name}: ${faults[at]}`;
  }
  await context.close();
  return plan.states.length;
}
