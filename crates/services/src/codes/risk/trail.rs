use std::fmt;

use crate::codes::country::Country;

/// Sessions that are kept of a code.
pub(super) const SESSIONS_MAX: usize = 24;
/// Time, visitor, country, latitude, longitude, device.
const SESSION_BYTES: usize = 4 + 4 + 1 + 1 + 2 + 1;
const NO_COUNTRY: u8 = 255;
const NO_LATITUDE: i8 = i8::MAX;

/// What a visitor scanned with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Device {
    Phone,
    Tablet,
    Desktop,
    Other,
}

impl Device {
    const ALL: [Self; 4] = [Self::Phone, Self::Tablet, Self::Desktop, Self::Other];
}

/// Where a scan came from, as coarsely as it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    pub country: Option<Country>,
    /// Whole degrees of latitude and longitude, where the place is known closer than its country.
    pub cell: Option<(i8, i16)>,
}

/// One visit: scans of the same visitor within 30 minutes are one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Session {
    /// Seconds since 1970.
    pub at_s: u32,
    /// A hash of who it was, under a key of the day.
    pub visitor: u32,
    pub place: Place,
    pub device: Device,
}

/// The latest sessions of a code, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trail(Vec<Session>);

/// Bytes that are no trail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a trail of sessions cannot be read")
    }
}

impl std::error::Error for Broken {}

impl Trail {
    #[must_use]
    pub fn sessions(&self) -> &[Session] {
        &self.0
    }

    pub(super) fn push(&mut self, session: Session) {
        if self.0.len() == SESSIONS_MAX {
            self.0.remove(0);
        }
        self.0.push(session);
    }

    /// 13 bytes a session.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * SESSION_BYTES);
        for Session { at_s, visitor, place, device } in &self.0 {
            bytes.extend_from_slice(&at_s.to_be_bytes());
            bytes.extend_from_slice(&visitor.to_be_bytes());
            bytes.push(place.country.map_or(NO_COUNTRY, Country::index));
            let (latitude, longitude) = place.cell.unwrap_or((NO_LATITUDE, 0));
            bytes.extend_from_slice(&latitude.to_be_bytes());
            bytes.extend_from_slice(&longitude.to_be_bytes());
            let device = Device::ALL.iter().position(|known| known == device).unwrap_or_default();
            bytes.push(u8::try_from(device).expect("there are four devices"));
        }
        bytes
    }

    /// # Errors
    /// [`Broken`] for what [`Self::to_bytes`] did not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Broken> {
        let sessions = bytes.chunks(SESSION_BYTES).map(|chunk| session(chunk).ok_or(Broken));
        let sessions: Vec<Session> = sessions.collect::<Result<_, _>>()?;
        if sessions.len() > SESSIONS_MAX { Err(Broken) } else { Ok(Self(sessions)) }
    }
}

fn session(bytes: &[u8]) -> Option<Session> {
    let (at_s, rest) = bytes.split_first_chunk::<4>()?;
    let (visitor, rest) = rest.split_first_chunk::<4>()?;
    let &[country, latitude, high, low, device] = rest else { return None };
    let country = if country == NO_COUNTRY { None } else { Some(Country::from_index(country)?) };
    let latitude = i8::from_be_bytes([latitude]);
    let cell = (latitude != NO_LATITUDE).then(|| (latitude, i16::from_be_bytes([high, low])));
    Some(Session {
        at_s: u32::from_be_bytes(*at_s),
        visitor: u32::from_be_bytes(*visitor),
        place: Place { country, cell },
        device: *Device::ALL.get(usize::from(device))?,
    })
}
