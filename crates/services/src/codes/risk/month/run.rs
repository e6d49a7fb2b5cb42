//! A month under the rules, kept as the store keeps it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base::{Environment, Timestamp};
use kernel::Secrets;
use kernel::secrets::SecretsFile;

use super::script::{By, Event, MINTED, SHIPPED_OFF, Script};
use super::world::{self, HOME, World};
use crate::codes::command::scan::{NEIGHBOURS, counts};
use crate::codes::country::Country;
use crate::codes::model::CodeNumber;
use crate::codes::risk::{Band, Batch, Condition, Known, Rules, Scan, record};
use crate::codes::visitor::{Crawlers, device, visitor};

/// Scans of copies within which their code is to be red.
const SCANS: u32 = 5;

/// How many codes there were of a kind, and what became of them.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Share {
    pub(super) codes: u32,
    pub(super) amber: u32,
    pub(super) red: u32,
}

/// What a month came to.
#[derive(Default, Debug)]
pub(super) struct Outcome {
    pub(super) honest: Share,
    /// Honest codes that were red, by the reasons at that moment.
    pub(super) reasons: BTreeMap<String, u32>,
    pub(super) sessions: [u32; 4],
    /// Red within five scans.
    pub(super) copied: Share,
    pub(super) copied_in_one_city: Share,
    /// Red at the fourteenth scan or before.
    pub(super) copied_in_one_city_later: Share,
    pub(super) off_region: Share,
    pub(super) crawler: Crawler,
    /// Scans of people who were taken for a crawler.
    pub(super) mistaken: u32,
}

#[derive(Default, Debug)]
pub(super) struct Crawler {
    pub(super) scans: u32,
    pub(super) counted: u32,
    pub(super) amber: u32,
    pub(super) red: u32,
}

/// What became of a code.
#[derive(Clone, Default)]
struct Course {
    known: Known,
    highest: Band,
    is_scanned_by_people: bool,
    reasons: String,
    copies_scanned: u32,
    red_after: Option<u32>,
}

pub(super) fn run(world: &World, script: &Script, rules: &Rules) -> Outcome {
    let mut month = Month::new(world, rules);
    for event in &script.events {
        month.happens(event);
    }
    let mut outcome = month.outcome;
    for (code, course) in &month.courses {
        judge(*code, course, script, &mut outcome);
    }
    outcome
}

struct Month<'a> {
    world: &'a World,
    rules: &'a Rules,
    secrets: Secrets,
    crawlers: Crawlers,
    batch: Batch,
    red: BTreeSet<u32>,
    courses: HashMap<u32, Course>,
    outcome: Outcome,
}

impl<'a> Month<'a> {
    fn new(world: &'a World, rules: &'a Rules) -> Self {
        let expected = HOME.iter().filter_map(|code| Country::parse(code)).collect();
        Self {
            world,
            rules,
            secrets: secrets(),
            crawlers: Crawlers::default(),
            batch: Batch { expected, ..Batch::default() },
            red: BTreeSet::new(),
            courses: HashMap::new(),
            outcome: Outcome::default(),
        }
    }

    fn happens(&mut self, event: &Event) {
        let scan = self.scan(event);
        let is_dropped = self.crawlers.note(&scan, CodeNumber::new(Environment::Live, event.code.into()));
        let crawler = &mut self.outcome.crawler;
        match event.by {
            By::Crawler => {
                crawler.scans += 1;
                crawler.counted += u32::from(!is_dropped);
            }
            By::Shopper | By::Victim => self.outcome.mistaken += u32::from(is_dropped),
        }
        let course = self.courses.entry(event.code).or_default();
        course.is_scanned_by_people |= event.by != By::Crawler;
        if event.is_first && (event.by == By::Victim || course.copies_scanned > 0) {
            course.copies_scanned += 1;
        }
        if !is_dropped {
            self.record(event, &scan);
        }
    }

    fn scan(&self, event: &Event) -> Scan {
        let (agent, address) = (world::agent(event.agent), self.world.address(event.network));
        let now = Timestamp::from_micros(i64::from(event.at_s) * 1_000_000);
        Scan {
            at_s: event.at_s,
            visitor: visitor(&self.secrets, Some(address), agent, now),
            place: self.world.place(event.network),
            device: device(agent),
        }
    }

    fn record(&mut self, event: &Event, scan: &Scan) {
        let red_around = self.red_around(event.code);
        let course = self.courses.get_mut(&event.code).expect("it was made just now");
        let before = &course.known;
        let after = record(before, scan, &self.batch, self.rules, Condition::Active, red_around);
        let (is_new_code, is_new_session) = counts(before, &after);
        self.batch.scanned_codes += u64::from(is_new_code);
        self.batch.sessions += u64::from(is_new_session);
        if event.by == By::Crawler && after.band > before.band {
            let crawler = &mut self.outcome.crawler;
            *(if after.band == Band::Red { &mut crawler.red } else { &mut crawler.amber }) += 1;
        }
        if after.band == Band::Red && course.red_after.is_none() {
            course.red_after = Some(course.copies_scanned);
            course.reasons = after.reasons.names().join(" + ");
            self.red.insert(event.code);
        }
        course.highest = course.highest.max(after.band);
        course.known = after;
    }

    fn red_around(&self, code: u32) -> u32 {
        let reach = u32::try_from(NEIGHBOURS).expect("it is two dozen");
        let around = code.saturating_sub(reach)..=(code + reach).min(MINTED - 1);
        let red = self.red.range(around).filter(|red| **red != code).count();
        u32::try_from(red).expect("it is at most twice the reach")
    }
}

/// Secrets that are the same in every run.
fn secrets() -> Secrets {
    let version = || [("1".to_owned(), "5c".repeat(32))].into();
    let file = SecretsFile {
        pepper: version(),
        reply: version(),
        development: version(),
        operator: version(),
        personal: version(),
        audit: version(),
        webhook: version(),
        code: version(),
    };
    Secrets::from_file(&file).expect("it is a whole file")
}

fn judge(code: u32, course: &Course, script: &Script, outcome: &mut Outcome) {
    let is_red_within = |scans: u32| course.red_after.is_some_and(|after| after <= scans);
    let is_scanned_enough = course.copies_scanned >= SCANS || is_red_within(SCANS);
    if script.copied.contains(&code) {
        outcome.copied.add(is_scanned_enough, course.highest, is_red_within(SCANS));
    } else if script.copied_in_one_city.contains(&code) {
        outcome.copied_in_one_city.add(is_scanned_enough, course.highest, is_red_within(SCANS));
        outcome.copied_in_one_city_later.add(is_scanned_enough, course.highest, course.red_after.is_some());
    } else if !course.is_scanned_by_people {
    } else if SHIPPED_OFF.contains(&code) {
        outcome.off_region.add(true, course.highest, course.red_after.is_some());
    } else {
        outcome.honest.add(true, course.highest, course.red_after.is_some());
        let sessions = course.known.sessions;
        outcome.sessions[match sessions { 0..=1 => 0, 2..=4 => 1, 5 => 2, _ => 3 }] += 1;
        if course.red_after.is_some() {
            *outcome.reasons.entry(course.reasons.clone()).or_default() += 1;
        }
    }
}

impl Share {
    fn add(&mut self, is_counted: bool, highest: Band, is_red: bool) {
        if is_counted {
            self.codes += 1;
            self.red += u32::from(is_red);
            self.amber += u32::from(!is_red && highest >= Band::Amber);
        }
    }
}
