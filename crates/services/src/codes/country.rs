//! Countries: their codes (ISO 3166-1 alpha-2), names and where they are.
//!
//! `countries.tsv` has a line for each: code, latitude and longitude of its centre in degrees, the radius in km of a
//! circle of its area, its names in English, Swahili, French, Arabic and Somali, and further English names. The names are
//! those of the Unicode CLDR, the areas and centres public statistics; a circle is all that the rules need.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::language::Language;

const TABLE: &str = include_str!("countries.tsv");
const FIELDS: usize = 10;

/// A country.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Country(u8);

struct Facts {
    code: &'static str,
    centre: (f64, f64),
    radius_km: f64,
    names: [&'static str; 5],
}

static FACTS: LazyLock<Vec<Facts>> = LazyLock::new(|| TABLE.lines().map(facts).collect());

/// Codes and English names in lower case.
static BY_NAME: LazyLock<HashMap<String, Country>> = LazyLock::new(|| {
    let named = TABLE.lines().enumerate().flat_map(|(index, line)| {
        let country = Country(u8::try_from(index).expect("there are fewer than 256 countries"));
        let [code, .., aliases] = fields(line);
        let english = fields(line)[4];
        let names = [code, english].into_iter().chain(aliases.split('|')).filter(|name| !name.is_empty());
        names.map(move |name| (name.to_lowercase(), country)).collect::<Vec<_>>()
    });
    named.collect()
});

impl Country {
    /// Reads a code, or an English name, in any case. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        BY_NAME.get(&text.trim().to_lowercase()).copied()
    }

    /// Two capital letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.facts().code
    }

    #[must_use]
    pub fn name(self, language: Language) -> &'static str {
        let place = Language::ALL.iter().position(|known| *known == language).unwrap_or_default();
        self.facts().names[place]
    }

    /// Latitude and longitude in degrees.
    #[must_use]
    pub fn centre(self) -> (f64, f64) {
        self.facts().centre
    }

    /// Of a circle of its area.
    #[must_use]
    pub fn radius_km(self) -> f64 {
        self.facts().radius_km
    }

    /// Its place in the table, by which it is stored: lines are only ever added at its end.
    #[must_use]
    pub const fn index(self) -> u8 {
        self.0
    }

    #[must_use]
    pub fn from_index(index: u8) -> Option<Self> {
        (usize::from(index) < FACTS.len()).then_some(Self(index))
    }

    fn facts(self) -> &'static Facts {
        &FACTS[usize::from(self.0)]
    }
}

fn fields(line: &'static str) -> [&'static str; FIELDS] {
    let fields: Vec<&str> = line.split('\t').collect();
    fields.try_into().expect("a line has ten fields")
}

fn facts(line: &'static str) -> Facts {
    let [code, latitude, longitude, radius_km, english, swahili, french, arabic, somali, _] = fields(line);
    let number = |text: &str| text.parse().expect("degrees and kilometres are numbers");
    Facts {
        code,
        centre: (number(latitude), number(longitude)),
        radius_km: number(radius_km),
        names: [english, swahili, french, arabic, somali],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_its_code_names_and_place() {
        let lines = TABLE.lines().count();
        assert_eq!((FACTS.len(), lines), (249, 249));
        for index in 0..u8::try_from(lines).unwrap() {
            let country = Country::from_index(index).unwrap();
            assert_eq!(Country::parse(country.code()), Some(country));
            assert_eq!(Country::parse(country.name(Language::English)), Some(country), "{}", country.code());
            let (latitude, longitude) = country.centre();
            assert!(latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && country.radius_km() >= 10.0);
            assert!(Language::ALL.iter().all(|language| !country.name(*language).is_empty()));
        }
        assert_eq!(Country::from_index(249), None);
    }

    #[test]
    fn a_country_is_read_by_its_code_or_english_name_in_any_case() {
        for (text, code) in [
            ("Kenya", "KE"),
            ("ke", "KE"),
            (" KE ", "KE"),
            ("ivory coast", "CI"),
            ("UK", "GB"),
            ("USA", "US"),
            ("South Korea", "KR"),
            ("tanzania", "TZ"),
        ] {
            assert_eq!(Country::parse(text).map(Country::code), Some(code), "{text}");
        }
        for text in ["", "East Africa", "KEN", "Zz"] {
            assert_eq!(Country::parse(text), None, "{text}");
        }
        assert_eq!(Country::parse("KE").unwrap().name(Language::French), "Kenya");
        let (latitude, longitude) = Country::parse("KE").unwrap().centre();
        assert!(latitude.abs() < 5.0 && (33.0..43.0).contains(&longitude));
    }
}
