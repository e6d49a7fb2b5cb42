use super::{Band, Batch, Condition, Known, Place, Reason, Reasons, Rules, Scan, Session};

const SESSION_SECONDS: u32 = 30 * 60;
const MONTH_SECONDS: u32 = 30 * 24 * 60 * 60;
const DAY_SECONDS: u32 = 24 * 60 * 60;
const HOUR_SECONDS: f64 = 3600.0;
/// Half the diagonal of a cell of one degree, and what addresses are wrong by within it.
const CELL_RADIUS_KM: f64 = 80.0;
/// Visitors within so short a time are one party: a family around a table, a phone that changes its network.
const PARTY_SECONDS: u32 = 20 * 60;
/// The batch's own rate counts once so many of its codes were scanned.
const SCANNED_CODES_MIN: u64 = 100;
/// A number of sessions that a code of the batch has with less than this probability is soft.
const TAIL: f64 = 0.01;

/// What is known of a code after one more scan. `red_neighbours` are the red codes around it.
#[must_use]
pub fn record(
    known: &Known,
    scan: &Scan,
    batch: &Batch,
    rules: &Rules,
    condition: Condition,
    red_neighbours: u32,
) -> Known {
    let mut after = Known { scans: known.scans.saturating_add(1), ..known.clone() };
    if !is_same_session(known, scan) {
        after.sessions = known.sessions.saturating_add(1);
        after.trail.push(*scan);
    }
    let (band, reasons) = judge(after.trail.sessions(), scan.at_s, batch, rules, condition, red_neighbours);
    // A band that rose stays until its code was left alone for a while, so that it does not flicker.
    if band >= known.band || is_quiet(known, scan, rules) {
        (after.band, after.reasons) = (band, reasons);
    }
    after
}

/// The band that is shown for a code, whatever its scans say.
#[must_use]
pub fn shown(band: Band, condition: Condition, is_past_sell_by: bool) -> Band {
    let floor = match condition {
        Condition::Recalled | Condition::Stolen => Band::Red,
        Condition::Inactive | Condition::Consumed => Band::Amber,
        Condition::Active if is_past_sell_by => Band::Amber,
        Condition::Active => Band::Green,
    };
    band.max(floor)
}

fn is_same_session(known: &Known, scan: &Scan) -> bool {
    let sessions = known.trail.sessions().iter().rev();
    let mut recent = sessions.take_while(|session| scan.at_s.saturating_sub(session.at_s) <= SESSION_SECONDS);
    recent.any(|session| session.visitor == scan.visitor)
}

fn is_quiet(known: &Known, scan: &Scan, rules: &Rules) -> bool {
    let quiet_s = rules.quiet_days.saturating_mul(DAY_SECONDS);
    known.trail.sessions().last().is_none_or(|last| scan.at_s.saturating_sub(last.at_s) >= quiet_s)
}

/// The rules that held, and how hard they are together.
#[derive(Default)]
struct Findings {
    reasons: Reasons,
    soft: u32,
    is_weak: bool,
    is_hard: bool,
}

impl Findings {
    /// Amber, and never more: it rests on the place of one address.
    fn weak(&mut self, reason: Reason, holds: bool) {
        if holds {
            self.reasons.add(reason);
            self.is_weak = true;
        }
    }

    fn soft(&mut self, reason: Reason, holds: bool) {
        if holds {
            self.reasons.add(reason);
            self.soft += 1;
        }
    }

    fn hard(&mut self, reason: Reason, holds: bool) {
        if holds {
            self.reasons.add(reason);
            self.is_hard = true;
        }
    }

    fn band(&self) -> Band {
        match self.soft {
            _ if self.is_hard => Band::Red,
            0 if !self.is_weak => Band::Green,
            0 | 1 => Band::Amber,
            _ => Band::Red,
        }
    }
}

fn judge(
    sessions: &[Session],
    now_s: u32,
    batch: &Batch,
    rules: &Rules,
    condition: Condition,
    red_neighbours: u32,
) -> (Band, Reasons) {
    let since = |seconds: u32| {
        sessions
            .iter()
            .filter(move |session| now_s.saturating_sub(session.at_s) <= seconds)
            .collect::<Vec<_>>()
    };
    let month = since(MONTH_SECONDS);
    let (outside, inside): (Vec<_>, Vec<_>) =
        month.iter().partition(|session| is_outside(session, batch, rules));
    let mut found = Findings::default();
    found.hard(Reason::Status, matches!(condition, Condition::Recalled | Condition::Stolen));
    found.soft(Reason::Status, matches!(condition, Condition::Inactive | Condition::Consumed));
    found.soft(Reason::SellBy, batch.sell_by_at_s.is_some_and(|at_s| at_s <= now_s));
    let outside = visitors(&outside);
    found.weak(Reason::Region, outside >= 1);
    found.hard(Reason::Region, outside >= rules.region_sessions_red);
    let count = u32::try_from(month.len()).unwrap_or(u32::MAX);
    found.soft(Reason::Sessions, count >= rules.sessions_amber || is_unlikely(count, batch));
    found.hard(Reason::Sessions, count >= rules.sessions_red);
    found.weak(Reason::Travel, is_travel_impossible(&inside, rules));
    let window = since(rules.spread_hours.saturating_mul(60 * 60));
    spread(&mut found, &window, batch, rules);
    found.soft(Reason::Neighbours, red_neighbours >= rules.neighbours);
    (found.band(), found.reasons)
}

/// Such a session counts towards `region` and no other rule of places, so that one address that lies is one finding.
fn is_outside(session: &Session, batch: &Batch, rules: &Rules) -> bool {
    let is_expected = |country| batch.expected.is_empty() || batch.expected.contains(&country);
    rules.region && session.place.country.is_some_and(|country| !is_expected(country))
}

/// How many visitors there are, those of one party counted once.
fn visitors(sessions: &[&Session]) -> u32 {
    let mut counted: Vec<&Session> = Vec::new();
    for session in sessions {
        let is_late =
            counted.last().is_none_or(|last| session.at_s.saturating_sub(last.at_s) >= PARTY_SECONDS);
        if is_late && counted.iter().all(|other| other.visitor != session.visitor) {
            counted.push(session);
        }
    }
    u32::try_from(counted.len()).unwrap_or(u32::MAX)
}

/// Whether a code of its batch has so many sessions with a probability below [`TAIL`]: the upper tail of a Poisson
/// distribution with the batch's own mean, which is one session at least.
fn is_unlikely(count: u32, batch: &Batch) -> bool {
    if batch.scanned_codes < SCANNED_CODES_MIN || count < 2 {
        return false;
    }
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no more than 52 bits")]
    let mean = (batch.sessions as f64 / batch.scanned_codes as f64).max(1.0);
    let (mut term, mut below) = ((-mean).exp(), 0.0);
    for sessions in 0..count {
        below += term;
        term *= mean / f64::from(sessions + 1);
    }
    1.0 - below < TAIL
}

fn is_travel_impossible(sessions: &[&Session], rules: &Rules) -> bool {
    sessions.windows(2).any(|pair| {
        let [before, after] = pair else { return false };
        let hours = f64::from(after.at_s.saturating_sub(before.at_s)) / HOUR_SECONDS;
        let apart = kilometres_apart(before.place, after.place);
        before.visitor != after.visitor
            && apart.is_some_and(|apart| apart > 0.0 && apart > hours * f64::from(rules.travel_km_per_hour))
    })
}

/// One item is in one place at a time. Several visitors in places far apart are hard where no single address in the
/// wrong city explains it: in three places, in two countries, or at least two visitors in each of two places.
fn spread(found: &mut Findings, window: &[&Session], batch: &Batch, rules: &Rules) {
    let inside: Vec<&Session> =
        window.iter().copied().filter(|session| !is_outside(session, batch, rules)).collect();
    let places = places(&inside, rules);
    found.soft(Reason::Spread, places >= rules.spread_visitors);
    let is_many = places >= 3 || (places == 2 && are_countries(&inside, batch));
    let is_two = || places == 2 && is_each_spared(&inside, rules);
    let visitors = visitors(window);
    let is_hard = (visitors >= rules.spread_visitors_red && is_many)
        || (visitors > rules.spread_visitors_red && is_two());
    found.hard(Reason::Spread, is_hard);
}

/// How many visitors there are of whom each is far from all the others.
fn places(sessions: &[&Session], rules: &Rules) -> u32 {
    let mut apart: Vec<&Session> = Vec::new();
    for session in sessions {
        let is_known = session.place.country.is_some() || session.place.cell.is_some();
        if is_known && apart.iter().all(|other| is_apart(other, session, rules)) {
            apart.push(session);
        }
    }
    u32::try_from(apart.len()).unwrap_or(u32::MAX)
}

fn is_apart(one: &Session, other: &Session, rules: &Rules) -> bool {
    let is_far =
        || kilometres_apart(one.place, other.place).is_some_and(|km| km > f64::from(rules.spread_km));
    one.visitor != other.visitor && (is_abroad(one.place, other.place) || is_far())
}

/// Whether one place is only known to be in another country than the other. Two that are known closer may be on either
/// side of a border.
fn is_abroad(one: Place, other: Place) -> bool {
    let is_vague = one.cell.is_none() || other.cell.is_none();
    is_vague && one.country.zip(other.country).is_some_and(|(one, other)| one != other)
}

/// Whether items were seen in more than one of the countries where they are meant to be. Addresses are often placed in
/// the wrong city, and seldom in the wrong country.
fn are_countries(sessions: &[&Session], batch: &Batch) -> bool {
    let mut expected =
        sessions.iter().filter_map(|session| session.place.country).filter(|it| batch.expected.contains(it));
    expected.next().is_some_and(|first| expected.any(|country| country != first))
}

/// Whether there are still two places when any one visitor is left out.
fn is_each_spared(sessions: &[&Session], rules: &Rules) -> bool {
    sessions.iter().all(|out| {
        let rest: Vec<&Session> =
            sessions.iter().copied().filter(|session| session.visitor != out.visitor).collect();
        places(&rest, rules) >= 2
    })
}

/// How far two places are apart at least; `None` where one is not known.
fn kilometres_apart(one: Place, other: Place) -> Option<f64> {
    let ((from, from_radius), (to, to_radius)) = (centre(one)?, centre(other)?);
    Some((great_circle_km(from, to) - from_radius - to_radius).max(0.0))
}

fn centre(place: Place) -> Option<((f64, f64), f64)> {
    let of_cell = place.cell.map(|(latitude, longitude)| {
        ((f64::from(latitude) + 0.5, f64::from(longitude) + 0.5), CELL_RADIUS_KM)
    });
    // Countries are no circles: most of a long one lies within twice the radius.
    of_cell.or_else(|| place.country.map(|country| (country.centre(), 2.0 * country.radius_km())))
}

/// The haversine formula on a sphere of the Earth's mean radius.
fn great_circle_km(
    (from_latitude, from_longitude): (f64, f64),
    (to_latitude, to_longitude): (f64, f64),
) -> f64 {
    const EARTH_RADIUS_KM: f64 = 6371.0;
    let (from, to) = (from_latitude.to_radians(), to_latitude.to_radians());
    let half_latitude = ((to - from) / 2.0).sin();
    let half_longitude = ((to_longitude - from_longitude).to_radians() / 2.0).sin();
    let chord = half_latitude * half_latitude + from.cos() * to.cos() * half_longitude * half_longitude;
    2.0 * EARTH_RADIUS_KM * chord.sqrt().min(1.0).asin()
}
