//! Where people are, and where their addresses say they are.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::dice::Dice;
use crate::codes::PlaceHeaders;
use crate::codes::risk::Place;
use crate::codes::visitor;

/// Country, degrees, and how many of those at home live there.
pub(super) struct City {
    country: &'static str,
    latitude: f64,
    longitude: f64,
    weight: u32,
}

const fn city(country: &'static str, latitude: f64, longitude: f64, weight: u32) -> City {
    City { country, latitude, longitude, weight }
}

/// The countries in which the batch is meant to be sold.
pub(super) const HOME: [&str; 3] = ["KE", "UG", "TZ"];
/// The places of [`CITIES`] that are at home; the others are abroad.
pub(super) const CITIES_AT_HOME: usize = 14;
const CITIES: [City; 20] = [
    city("KE", -1.29, 36.82, 30),
    city("KE", -4.04, 39.66, 9),
    city("KE", -0.09, 34.77, 5),
    city("KE", -0.30, 36.07, 5),
    city("KE", 0.52, 35.27, 5),
    city("KE", -0.45, 39.65, 2),
    city("UG", 0.35, 32.58, 14),
    city("UG", 2.77, 32.30, 2),
    city("UG", -0.61, 30.65, 2),
    city("TZ", -6.79, 39.21, 20),
    city("TZ", -2.52, 32.90, 6),
    city("TZ", -3.37, 36.68, 5),
    city("TZ", -6.16, 35.75, 3),
    city("TZ", -8.91, 33.46, 4),
    city("ET", 9.03, 38.74, 0),
    city("GB", 51.50, -0.12, 0),
    city("AE", 25.20, 55.27, 0),
    city("ZA", -26.20, 28.04, 0),
    city("US", 40.71, -74.00, 0),
    city("IN", 19.07, 72.87, 0),
];
/// Where a shipment for [`HOME`] was sold instead.
pub(super) const OFF_REGION: usize = 14;

const MOBILE_NETWORKS: u32 = 40;
const HOME_NETWORKS: u32 = 150;
/// Visits over the mobile network that a phone had before, in so many of 1000.
const KEPT: u32 = 500;
/// Trips, parcels and sales to another city that stay in the country, in so many of 1000.
const IN_COUNTRY: u32 = 850;
const OTHER_NETWORKS: u32 = 20;

/// Browsers as often as they are met, in so many of 100 cases.
const AGENTS: [(&str, u32); 8] = [
    ("Mozilla/5.0 (Linux; Android 10; K) Chrome/138.0.0.0 Mobile Safari/537.36", 55),
    ("Mozilla/5.0 (Linux; Android 10; K) Chrome/137.0.0.0 Mobile Safari/537.36", 14),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Mobile/15E148 Safari/604.1", 9),
    ("Mozilla/5.0 (Linux; U; Android 12; SM-A125F) OPR/82.0 Mobile Safari/537.36", 8),
    ("Mozilla/5.0 (Linux; Android 11; TECNO KG5) Chrome/120.0.0.0 Mobile Safari/537.36", 6),
    ("Mozilla/5.0 (Linux; Android 14; SM-S911B) SamsungBrowser/28.0 Mobile Safari/537.36", 4),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) Version/17.6 Mobile/15E148 Safari/604.1", 3),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/138.0.0.0 Safari/537.36", 1),
];

/// How well addresses are placed, in so many of 1000 networks.
#[derive(Clone, Copy)]
pub(super) struct Accuracy {
    pub(super) unknown: u32,
    pub(super) country_alone: u32,
    pub(super) mobile_in_wrong_city: u32,
    pub(super) home_in_wrong_city: u32,
    pub(super) in_wrong_country: u32,
}

/// A network of 256 addresses.
struct Network {
    address: IpAddr,
    place: Place,
}

/// All networks there are.
pub(super) struct World {
    networks: Vec<Network>,
}

/// Whoever scans.
#[derive(Clone, Copy)]
pub(super) struct Person {
    pub(super) city: usize,
    /// `None` for those who only have a phone.
    home: Option<u32>,
    /// Where the phone was last: most stay there for hours, and come back to it.
    mobile: u32,
    pub(super) agent: u8,
    has_vpn: bool,
}

impl World {
    pub(super) fn new(accuracy: &Accuracy, dice: &mut Dice) -> Self {
        let mut networks = Vec::new();
        for city in 0..CITIES.len() {
            for number in 0..MOBILE_NETWORKS + HOME_NETWORKS {
                let claimed = claimed(city, number < MOBILE_NETWORKS, accuracy, dice);
                networks.push(Network { address: address(networks.len()), place: claimed });
            }
        }
        for number in 0..OTHER_NETWORKS {
            let abroad = CITIES_AT_HOME + 1 + (number % 5) as usize;
            networks.push(Network { address: address(networks.len()), place: told(&CITIES[abroad], false) });
        }
        Self { networks }
    }

    pub(super) fn address(&self, network: u32) -> IpAddr {
        self.networks[network as usize].address
    }

    pub(super) fn place(&self, network: u32) -> Place {
        self.networks[network as usize].place
    }

    /// The network of a computing centre abroad.
    pub(super) fn hosting(&self, number: u32) -> u32 {
        first_of(CITIES.len()) + number % OTHER_NETWORKS
    }

    /// The network that somebody uses now.
    pub(super) fn network(&self, person: &Person, vpn_per_mille: u32, dice: &mut Dice) -> u32 {
        if person.has_vpn || dice.per_mille(vpn_per_mille) {
            return self.hosting(dice.below(OTHER_NETWORKS));
        }
        match person.home {
            Some(home) if dice.per_mille(500) => home,
            _ if dice.per_mille(KEPT) => person.mobile,
            _ => mobile(person.city, dice),
        }
    }
}

impl Person {
    pub(super) fn new(city: usize, vpn_per_mille: u32, dice: &mut Dice) -> Self {
        let has_home = dice.per_mille(450);
        let home = first_of(city) + MOBILE_NETWORKS + dice.below(HOME_NETWORKS);
        let agent = dice.weighted(AGENTS.iter().map(|(_, weight)| *weight));
        Self {
            city,
            home: has_home.then_some(home),
            mobile: mobile(city, dice),
            agent: u8::try_from(agent).expect("there are eight"),
            has_vpn: dice.per_mille(vpn_per_mille),
        }
    }

    /// The same person elsewhere.
    pub(super) fn in_city(self, city: usize, dice: &mut Dice) -> Self {
        Self { city, home: None, mobile: mobile(city, dice), ..self }
    }

    /// Somebody else in the same household.
    pub(super) fn relative(self, dice: &mut Dice) -> Self {
        let agent = dice.weighted(AGENTS.iter().map(|(_, weight)| *weight));
        Self { agent: u8::try_from(agent).expect("there are eight"), mobile: mobile(self.city, dice), ..self }
    }
}

pub(super) fn agent(number: u8) -> &'static str {
    AGENTS[usize::from(number)].0
}

pub(super) fn agents() -> impl Iterator<Item = &'static str> {
    AGENTS.iter().map(|(agent, _)| *agent)
}

/// A city at home, as many people as live there.
pub(super) fn city_at_home(dice: &mut Dice) -> usize {
    dice.weighted(CITIES.iter().map(|city| city.weight))
}

/// Where things of a city go to or come from: in most cases another city of the same country.
pub(super) fn other_city(city: usize, dice: &mut Dice) -> usize {
    if city < CITIES_AT_HOME && dice.per_mille(IN_COUNTRY) {
        city_in_country_of(city, dice)
    } else {
        city_at_home(dice)
    }
}

pub(super) fn city_abroad(dice: &mut Dice) -> usize {
    CITIES_AT_HOME + dice.below(6) as usize
}

pub(super) fn are_in_one_country(one: usize, other: usize) -> bool {
    CITIES[one].country == CITIES[other].country
}

/// Whether two cities are two degrees apart or more, which places in whole degrees can tell.
pub(super) fn are_far(one: usize, other: usize) -> bool {
    let (one, other) = (&CITIES[one], &CITIES[other]);
    (one.latitude - other.latitude).abs() >= 2.0 || (one.longitude - other.longitude).abs() >= 2.0
}

fn mobile(city: usize, dice: &mut Dice) -> u32 {
    first_of(city) + dice.below(MOBILE_NETWORKS)
}

fn first_of(city: usize) -> u32 {
    u32::try_from(city).expect("there are twenty") * (MOBILE_NETWORKS + HOME_NETWORKS)
}

fn address(number: usize) -> IpAddr {
    let number = u32::try_from(number).expect("there are thousands");
    IpAddr::V4(Ipv4Addr::from_bits((41 << 24) + (number << 8) + 7))
}

fn claimed(city: usize, is_mobile: bool, accuracy: &Accuracy, dice: &mut Dice) -> Place {
    if dice.per_mille(accuracy.unknown) {
        return Place::default();
    }
    let is_city_hidden = dice.per_mille(accuracy.country_alone);
    if dice.per_mille(accuracy.in_wrong_country) {
        return told(&CITIES[city_abroad(dice)], is_city_hidden);
    }
    let wrong = if is_mobile { accuracy.mobile_in_wrong_city } else { accuracy.home_in_wrong_city };
    let is_wrong = city < CITIES_AT_HOME && dice.per_mille(wrong);
    told(&CITIES[if is_wrong { city_in_country_of(city, dice) } else { city }], is_city_hidden)
}

/// Another city of the same country, large ones more often: carriers have their gateways there.
fn city_in_country_of(city: usize, dice: &mut Dice) -> usize {
    let country = CITIES[city].country;
    let others = CITIES.iter().enumerate();
    dice.weighted(
        others.map(|(other, it)| if other != city && it.country == country { it.weight } else { 0 }),
    )
}

/// What a proxy tells of a city, read as a request is.
fn told(city: &City, is_city_hidden: bool) -> Place {
    let name = |name: &'static str| Some(HeaderName::from_static(name));
    let names = PlaceHeaders {
        country: name("x-country"),
        latitude: name("x-latitude"),
        longitude: name("x-longitude"),
    };
    let mut headers = HeaderMap::new();
    headers.insert("x-country", HeaderValue::from_static(city.country));
    if !is_city_hidden {
        for (name, degrees) in [("x-latitude", city.latitude), ("x-longitude", city.longitude)] {
            headers.insert(name, degrees.to_string().parse().expect("degrees are a header"));
        }
    }
    visitor::place(&names, &headers)
}
