//! The keys that mint and open tokens: one for each epoch of each environment, derived once at the start.

use std::sync::Arc;

use base::{Environment, Fault};
use kernel::Secrets;
use seal::token::{Token, TokenKey};

use super::model::CodeNumber;

/// Every key that this process holds, oldest epoch first.
#[derive(Debug)]
pub struct TokenKeys {
    live: Vec<(u8, Arc<TokenKey>)>,
    test: Vec<(u8, Arc<TokenKey>)>,
}

/// What a genuine token says of itself. Whether its number was minted, the database knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened {
    pub epoch: u8,
    pub number: CodeNumber,
}

impl TokenKeys {
    #[must_use]
    pub fn of(secrets: &Secrets) -> Self {
        let derived = |environment| {
            let roots = secrets.code_roots(environment);
            roots.map(|(epoch, root)| (epoch, Arc::new(TokenKey::derive(&root, epoch)))).collect()
        };
        Self { live: derived(Environment::Live), test: derived(Environment::Test) }
    }

    /// The oldest epoch: in use until another one is activated.
    #[must_use]
    pub fn first_epoch(&self) -> u8 {
        self.live.first().expect("the secrets were checked to hold an epoch").0
    }

    /// Every epoch, oldest first: both environments have the same.
    pub fn epochs(&self) -> impl Iterator<Item = u8> + '_ {
        self.live.iter().map(|(epoch, _)| *epoch)
    }

    /// # Errors
    /// When this process does not hold that epoch: the secrets file must be distributed first.
    pub fn key(&self, environment: Environment, epoch: u8) -> Result<&Arc<TokenKey>, Fault> {
        let found = self.of_environment(environment).iter().find(|(held, _)| *held == epoch);
        found.map(|(_, key)| key).ok_or_else(|| {
            Fault::conflict(format!(
                "Product codes are minted with epoch {epoch}, which this node's secrets file lacks. Copy the newer \
                 secrets file to this node and restart it."
            ))
        })
    }

    /// Opens a token however it was typed; `None` for what nobody minted.
    ///
    /// Does the same work for every text, so that no time tells a malformed token from a forged one or another
    /// environment's.
    #[must_use]
    pub fn open(&self, text: &str) -> Option<Opened> {
        let parsed = Token::parse(text);
        let token = parsed.unwrap_or_else(|| Token::parse(NO_TOKEN).expect("it is one of twenty digits"));
        let live = self.opened(Environment::Live, token);
        let test = self.opened(Environment::Test, token);
        live.or(test).filter(|_| parsed.is_some())
    }

    fn opened(&self, environment: Environment, token: Token) -> Option<Opened> {
        let keys = self.of_environment(environment);
        let named = keys.iter().find(|(epoch, _)| *epoch == token.epoch());
        let (epoch, key) = named.or(keys.first())?;
        // A key of another epoch opens nothing, and takes as long as the right one.
        let ordinal = key.open(token)?;
        Some(Opened { epoch: *epoch, number: CodeNumber::new(environment, ordinal) })
    }

    fn of_environment(&self, environment: Environment) -> &[(u8, Arc<TokenKey>)] {
        match environment {
            Environment::Live => &self.live,
            Environment::Test => &self.test,
        }
    }
}

const NO_TOKEN: &str = "00000000000000000000";

#[cfg(test)]
mod tests {
    use kernel::Random;
    use kernel::secrets::SecretsFile;

    use super::*;

    fn keys(file: &SecretsFile) -> TokenKeys {
        TokenKeys::of(&Secrets::from_file(file).unwrap())
    }

    #[test]
    fn a_token_opens_as_what_it_was_minted_and_as_nothing_elsewhere() {
        let mut file = SecretsFile::generate(&Random::system());
        let (first, foreign) = (keys(&file), keys(&SecretsFile::generate(&Random::system())));
        file.add_code(&Random::system()).unwrap();
        let rotated = keys(&file);
        for environment in [Environment::Live, Environment::Test] {
            for epoch in [1, 2] {
                let text = rotated.key(environment, epoch).unwrap().mint(77).to_string();
                let opened = Opened { epoch, number: CodeNumber::new(environment, 77) };
                assert_eq!(rotated.open(&text), Some(opened));
                assert_eq!(first.open(&text), (epoch == 1).then_some(opened), "{environment} {epoch}");
                assert_eq!(foreign.open(&text), None);
            }
        }
        for text in ["", " ", NO_TOKEN, "not-a-real-token"] {
            assert_eq!(rotated.open(text), None, "{text:?}");
        }
        assert!(first.key(Environment::Live, 2).is_err());
        assert_eq!(first.first_epoch(), 1);
    }
}
