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
use crate::codes::risk::{Band, Batch, Condition, Device, Known, Rules, Scan, record};
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
    /// Honest codes with five sessions or more.
    pub(super) often_scanned: u32,
    /// Red within five scans.
    pub(super) copied: Share,
    /// Of those, the ones whose first five scans were in several cities of one country.
    pub(super) seen_in_one_country: Share,
    /// Of those, the ones whose first five scans were in three cities or more.
    pub(super) seen_in_three: Share,
    /// Of those again, the ones of which three cities are two degrees apart.
    pub(super) seen_far_apart: Share,
    pub(super) copied_in_one_city: Share,
    /// Red within the month.
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
    /// Where copies truly were at the first five scans.
    cities: Vec<usize>,
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
    /// By the number of a browser.
    devices: Vec<Device>,
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
            devices: world::agents().map(device).collect(),
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
        if event.is_first && event.by != By::Crawler && (event.by == By::Victim || course.copies_scanned > 0)
        {
            course.copies_scanned += 1;
            if course.copies_scanned <= SCANS {
                course.cities.push(event.city);
            }
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
            device: self.devices[usize::from(event.agent)],
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
    if script.copied.contains(&code) {
        let in_three = apart(&course.cities, |one, other| one != other) >= 3;
        let far_apart = apart(&course.cities, world::are_far) >= 3;
        let in_two = apart(&course.cities, |one, other| one != other) >= 2;
        let in_one_country = apart(&course.cities, |one, other| !world::are_in_one_country(one, other)) == 1;
        outcome.copied.add_copied(course, true);
        outcome.seen_in_one_country.add_copied(course, in_two && in_one_country);
        outcome.seen_in_three.add_copied(course, in_three);
        outcome.seen_far_apart.add_copied(course, far_apart);
    } else if script.copied_in_one_city.contains(&code) {
        outcome.copied_in_one_city.add_copied(course, true);
        outcome.copied_in_one_city_later.add(course);
    } else if course.is_scanned_by_people && SHIPPED_OFF.contains(&code) {
        outcome.off_region.add(course);
    } else if course.is_scanned_by_people {
        outcome.honest.add(course);
        outcome.often_scanned += u32::from(course.known.sessions >= 5);
        if course.red_after.is_some() {
            *outcome.reasons.entry(course.reasons.clone()).or_default() += 1;
        }
    }
}

/// How many cities there are of which each is apart from all the others.
fn apart(cities: &[usize], are_apart: impl Fn(usize, usize) -> bool) -> usize {
    let mut counted: Vec<usize> = Vec::new();
    for city in cities {
        if counted.iter().all(|other| are_apart(*other, *city)) {
            counted.push(*city);
        }
    }
    counted.len()
}

impl Share {
    fn add(&mut self, course: &Course) {
        let is_red = course.red_after.is_some();
        self.codes += 1;
        self.red += u32::from(is_red);
        self.amber += u32::from(!is_red && course.highest == Band::Amber);
    }

    /// Counts whether a copied code was red within five scans, if there were as many.
    fn add_copied(&mut self, course: &Course, is_meant: bool) {
        let is_red = course.red_after.is_some_and(|after| after <= SCANS);
        if is_meant && (is_red || course.copies_scanned >= SCANS) {
            self.codes += 1;
            self.red += u32::from(is_red);
        }
    }
}
