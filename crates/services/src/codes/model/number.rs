use base::Environment;
use seal::token::ORDINAL_MAX;

/// By which a code is known inside: its ordinal, with 2^40 added in the test environment, so that numbers of the two
/// environments never meet. It is never shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CodeNumber(i64);

const TEST: i64 = 1 << 40;

impl CodeNumber {
    /// # Panics
    /// When the ordinal is over [`ORDINAL_MAX`].
    #[must_use]
    pub fn new(environment: Environment, ordinal: u64) -> Self {
        assert!(ordinal <= ORDINAL_MAX, "ordinals end at {ORDINAL_MAX}");
        let ordinal = ordinal.cast_signed();
        Self(match environment {
            Environment::Live => ordinal,
            Environment::Test => ordinal + TEST,
        })
    }

    /// As it is stored; `None` for what no code has.
    #[must_use]
    pub fn from_stored(number: i64) -> Option<Self> {
        (0..2 * TEST).contains(&number).then_some(Self(number))
    }

    #[must_use]
    pub const fn stored(self) -> i64 {
        self.0
    }

    #[must_use]
    pub const fn environment(self) -> Environment {
        if self.0 < TEST { Environment::Live } else { Environment::Test }
    }

    #[must_use]
    pub const fn ordinal(self) -> u64 {
        (self.0 % TEST).cast_unsigned()
    }

    /// The number so many codes after this one.
    #[must_use]
    pub const fn plus(self, codes: i64) -> Self {
        Self(self.0 + codes)
    }

    /// How many codes this one comes after `first`.
    #[must_use]
    pub const fn since(self, first: Self) -> i64 {
        self.0 - first.0
    }

    /// The first number that an environment never reaches.
    #[must_use]
    pub const fn end(environment: Environment) -> i64 {
        match environment {
            Environment::Live => TEST,
            Environment::Test => 2 * TEST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_two_environments_never_meet() {
        let last_live = CodeNumber::new(Environment::Live, ORDINAL_MAX);
        let first_test = CodeNumber::new(Environment::Test, 0);
        assert_eq!(first_test.since(last_live), 1);
        assert_eq!(last_live.stored() + 1, CodeNumber::end(Environment::Live));
        for ordinal in [0, 1, ORDINAL_MAX] {
            for &environment in Environment::ALL {
                let number = CodeNumber::new(environment, ordinal);
                assert_eq!(number.environment(), environment);
                assert_eq!(
                    (number.ordinal(), CodeNumber::from_stored(number.stored())),
                    (ordinal, Some(number))
                );
            }
        }
        assert_eq!((CodeNumber::from_stored(-1), CodeNumber::from_stored(2 << 40)), (None, None));
    }
}
