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
  note('the headings', said.confusions());
  const counting = [];
  const counts = await checkCounts(browser, plan, counting);
  note('counting', counting);
  const pictures = plan.pictures && faults.length === 0 ? await take(browser, plan) : 0;
  console.log(`${pages} pages in Chromium ${browser.version()}, axe-core ${judge.version}; ${counts} counts; ${pictures} pictures`);
} finally {
  await browser.close();
}
report();

/** Prints each fault once, with the first page that has it. */
function report() {
  const pages = new Map();
  for (const { where, fault } of faults) pages.set(fault, [...(pages.get(fault) ?? []), where]);
  for (const [fault, places] of pages) console.log(`- ${fault}\n  ${places.length} times, first at ${places[0]}`);
  if (faults.length > 0) process.exitCode = 1;
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
  const seen = [];
  const { page, context } = await open(browser, plan.origin, view, seen);
  for (const state of plan.states) {
    // Where there are many, a look that counts takes one away.
    const path = view.scripted && state.paths.length > 1 ? state.paths.pop() : state.paths[0];
    await page.show(path, { counts: view.scripted && state.tone !== 'none' });
    said.note(view.language, state, await page.heading());
    seen.push(...await judge.look(page, view, state), ...await judge.axe(page));
    note(`${state.name} ${JSON.stringify(view)}`, seen.splice(0));
  }
  await context.close();
  return plan.states.length;
}

function note(where, found) {
  faults.push(...found.map((fault) => ({ where, fault })));
}
