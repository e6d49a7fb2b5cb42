//! Who scans what and when.

use std::collections::HashSet;
use std::ops::{Range, RangeInclusive};

use super::dice::Dice;
use super::world::{self, Accuracy, Person, World};

pub(super) const MINTED: u32 = 200_000;
/// A range that was shipped abroad.
pub(super) const SHIPPED_OFF: Range<u32> = 100_000..102_000;
const CRAWLED: Range<u32> = 40_000..45_000;
/// Whose items are scanned, in so many of 1000.
const SCANNED: u32 = 203;
const COPIED: u32 = 400;
const COPIED_IN_ONE_CITY: u32 = 100;
/// Visits to copies of one code, after which nobody looks at what becomes of it.
const COPIES_SCANNED_MAX: u32 = 14;

/// 2025-07-01 in UTC.
const START_S: u32 = 1_751_328_000;
const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;
pub(super) const MONTH: u32 = 30 * DAY;

/// What people do, in so many of 1000, and how much is known of their places.
#[derive(Clone)]
pub(super) struct Assumptions {
    pub(super) accuracy: Accuracy,
    /// People who always use a VPN, and visits of others over one.
    pub(super) vpn: (u32, u32),
    /// Items that are looked at again by the same person, by a family, by the next owner, by a curious person.
    pub(super) again: u32,
    pub(super) family: u32,
    /// Families who look together, in so many of 1000 families.
    pub(super) together: u32,
    pub(super) resold: u32,
    pub(super) curious: u32,
    /// Items that staff of a shop scanned first.
    pub(super) staff: u32,
    /// Items sent from another city, of which one in six was scanned by its sender.
    pub(super) parcel: u32,
    /// Items taken to another city, one in five of them abroad.
    pub(super) trip: u32,
    /// Visits with retries.
    pub(super) retried: u32,
    /// Cities in which copies of one code are sold, and how much more is sold in the first.
    pub(super) cities: RangeInclusive<u32>,
    pub(super) first_city: u32,
    /// Hours between scans of copies of one code.
    pub(super) hours_apart: RangeInclusive<u32>,
}

/// One press of the button.
pub(super) struct Event {
    pub(super) at_s: u32,
    pub(super) code: u32,
    pub(super) network: u32,
    pub(super) agent: u8,
    /// Where it truly was.
    pub(super) city: usize,
    pub(super) by: By,
    /// Whether it is no retry.
    pub(super) is_first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Shopper,
    /// Whoever has an item with a copied code.
    Victim,
    Crawler,
}

/// All that happens in a month, in its order.
pub(super) struct Script {
    pub(super) events: Vec<Event>,
    pub(super) copied: HashSet<u32>,
    pub(super) copied_in_one_city: HashSet<u32>,
}

pub(super) fn write(world: &World, assumptions: &Assumptions, dice: &mut Dice) -> Script {
    let mut writer = Writer { world, assumptions, dice, events: Vec::new() };
    let (mut copied, mut copied_in_one_city) = (HashSet::new(), HashSet::new());
    while copied.len() < COPIED as usize {
        copied.insert(writer.dice.below(MINTED));
    }
    while copied_in_one_city.len() < COPIED_IN_ONE_CITY as usize {
        let code = writer.dice.below(MINTED);
        if !copied.contains(&code) {
            copied_in_one_city.insert(code);
        }
    }
    for code in 0..MINTED {
        let is_off = SHIPPED_OFF.contains(&code);
        if writer.dice.per_mille(SCANNED) {
            let city = if is_off { world::OFF_REGION } else { world::city_at_home(writer.dice) };
            writer.item(code, city);
        }
        if copied.contains(&code) {
            let cities = writer.dice.between(*assumptions.cities.start(), *assumptions.cities.end());
            writer.copies(code, cities as usize);
        } else if copied_in_one_city.contains(&code) {
            writer.copies(code, 1);
        }
    }
    writer.crawler();
    let mut events = writer.events;
    events.retain(|event| (START_S..START_S + MONTH).contains(&event.at_s));
    events.sort_by_key(|event| event.at_s);
    Script { events, copied, copied_in_one_city }
}

struct Writer<'a> {
    world: &'a World,
    assumptions: &'a Assumptions,
    dice: &'a mut Dice,
    events: Vec<Event>,
}

impl Writer<'_> {
    /// The life of one honest item.
    fn item(&mut self, code: u32, city: usize) {
        let assumptions = self.assumptions;
        let bought_s = self.daytime(0, 29);
        let buyer = self.person(city);
        if self.dice.per_mille(assumptions.parcel) {
            self.sender(code, city, bought_s);
        }
        if self.dice.per_mille(assumptions.staff) {
            self.staff(code, city, bought_s);
        }
        let kinds = [assumptions.again, assumptions.family, assumptions.resold, assumptions.curious];
        let rest = 1000 - kinds.iter().sum::<u32>();
        self.visit(buyer, code, bought_s, By::Shopper);
        match self.dice.weighted(kinds.into_iter().chain([rest])) {
            0 => self.again(buyer, code, bought_s),
            1 => self.family(buyer, code, bought_s),
            2 => self.next_owner(code, city, bought_s),
            3 => self.curious(buyer, code, bought_s),
            _ => {}
        }
        if self.dice.per_mille(assumptions.trip) {
            self.trip(buyer, code, bought_s);
        }
    }

    fn sender(&mut self, code: u32, city: usize, bought_s: u32) {
        if self.dice.below(6) == 0 {
            let city = world::other_city(city, self.dice);
            let (sender, at_s) = (self.person(city), bought_s - self.dice.between(DAY, 4 * DAY));
            self.visit(sender, code, at_s, By::Shopper);
        }
    }

    fn staff(&mut self, code: u32, city: usize, bought_s: u32) {
        let first = self.person(city);
        for _ in 0..self.dice.between(1, 4) {
            let who = if self.dice.per_mille(700) { first } else { first.relative(self.dice) };
            let at_s = bought_s - self.dice.below(10 * DAY);
            self.visit(who, code, at_s, By::Shopper);
        }
    }

    fn again(&mut self, buyer: Person, code: u32, bought_s: u32) {
        let later = if self.dice.per_mille(500) { DAY } else { 14 * DAY };
        let at_s = bought_s + self.dice.between(HOUR / 2, later);
        self.visit(buyer, code, at_s, By::Shopper);
    }

    /// Most look together, the others on the following days.
    fn family(&mut self, buyer: Person, code: u32, bought_s: u32) {
        let within = if self.dice.per_mille(self.assumptions.together) { HOUR } else { 3 * DAY };
        let relatives = self.dice.between(1, 4).min(self.dice.between(1, 4));
        for _ in 0..relatives {
            let relative = buyer.relative(self.dice);
            for _ in 0..self.dice.between(5, 11) / 5 {
                let at_s = bought_s + self.dice.below(within);
                self.visit(relative, code, at_s, By::Shopper);
            }
        }
    }

    fn next_owner(&mut self, code: u32, city: usize, bought_s: u32) {
        let city = if self.dice.per_mille(300) { world::other_city(city, self.dice) } else { city };
        let owner = self.person(city);
        let at_s = bought_s + self.dice.between(DAY, 20 * DAY);
        self.visit(owner, code, at_s, By::Shopper);
        if self.dice.per_mille(400) {
            self.again(owner, code, at_s);
        }
    }

    /// Looks five to ten times in all, half of them in the first days.
    fn curious(&mut self, buyer: Person, code: u32, bought_s: u32) {
        for number in 0..self.dice.between(4, 9) {
            let within = if number % 2 == 0 { 3 * DAY } else { 27 * DAY };
            let at_s = bought_s + self.dice.below(within);
            self.visit(buyer, code, at_s, By::Shopper);
        }
    }

    fn trip(&mut self, buyer: Person, code: u32, bought_s: u32) {
        let is_abroad = self.dice.below(5) == 0;
        let city =
            if is_abroad { world::city_abroad(self.dice) } else { world::other_city(buyer.city, self.dice) };
        let at_s = bought_s + self.dice.between(6 * HOUR, 5 * DAY);
        let buyer = buyer.in_city(city, self.dice);
        for _ in 0..self.dice.between(1, 2) {
            let later = self.dice.below(2 * DAY);
            self.visit(buyer, code, at_s + later, By::Shopper);
        }
    }

    /// Copies of one code, each scanned by whoever bought it.
    fn copies(&mut self, code: u32, cities: usize) {
        let mut sold_in = Vec::new();
        while sold_in.len() < cities {
            let city = world::city_at_home(self.dice);
            if !sold_in.contains(&city) {
                sold_in.push(city);
            }
        }
        let hours = &self.assumptions.hours_apart;
        let apart = self.dice.between(*hours.start(), *hours.end()) * HOUR;
        let mut at_s = START_S + self.dice.below(12 * DAY);
        for _ in 0..COPIES_SCANNED_MAX {
            let first = self.assumptions.first_city;
            let weights = (0..cities).map(|place| if place == 0 { first } else { 1 });
            let city = sold_in[self.dice.weighted(weights)];
            let victim = self.person(city);
            self.visit(victim, code, at_s, By::Victim);
            at_s += self.dice.below(2 * apart);
        }
    }

    /// Two codes a second, from one computer abroad.
    fn crawler(&mut self) {
        let (network, at_s) = (self.world.hosting(3), START_S + 10 * DAY + 8 * HOUR + 40 * MINUTE);
        for code in CRAWLED {
            let at_s = at_s + (code - CRAWLED.start) / 2;
            self.events.push(Event {
                at_s,
                code,
                network,
                agent: 7,
                city: usize::MAX,
                by: By::Crawler,
                is_first: true,
            });
        }
    }

    /// A scan and its retries, some of which go over another network.
    fn visit(&mut self, person: Person, code: u32, at_s: u32, by: By) {
        let mut network = self.network(&person);
        self.events.push(Event {
            at_s,
            code,
            network,
            agent: person.agent,
            city: person.city,
            by,
            is_first: true,
        });
        if !self.dice.per_mille(self.assumptions.retried) {
            return;
        }
        let mut at_s = at_s;
        for _ in 0..self.dice.between(1, 3) {
            at_s += self.dice.between(2, 5 * MINUTE);
            if self.dice.per_mille(100) {
                network = self.network(&person);
            }
            self.events.push(Event {
                at_s,
                code,
                network,
                agent: person.agent,
                city: person.city,
                by,
                is_first: false,
            });
        }
    }

    fn network(&mut self, person: &Person) -> u32 {
        self.world.network(person, self.assumptions.vpn.1, self.dice)
    }

    fn person(&mut self, city: usize) -> Person {
        Person::new(city, self.assumptions.vpn.0, self.dice)
    }

    /// A moment between 8 and 22 o'clock in East Africa.
    fn daytime(&mut self, first_day: u32, last_day: u32) -> u32 {
        START_S + self.dice.between(first_day, last_day) * DAY + self.dice.between(5 * HOUR, 19 * HOUR)
    }
}
