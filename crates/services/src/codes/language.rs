//! The languages of the consumer's page.

/// A language that the page speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    English,
    Swahili,
    French,
    Arabic,
    Somali,
}

impl Language {
    pub const ALL: &'static [Self] =
        &[Self::English, Self::Swahili, Self::French, Self::Arabic, Self::Somali];

    /// As in `lang` and `Accept-Language` (BCP 47).
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Swahili => "sw",
            Self::French => "fr",
            Self::Arabic => "ar",
            Self::Somali => "so",
        }
    }

    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|language| language.tag().eq_ignore_ascii_case(tag))
    }

    #[must_use]
    pub const fn is_right_to_left(self) -> bool {
        matches!(self, Self::Arabic)
    }
}
